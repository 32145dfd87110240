//! What the alphabets are made of, by name: every operation, message and other effect.
//!
//! The names come from matches without a wildcard: a new operation, message or effect does not compile until it is said here what it
//! is called. Crash points and the shapes of steps are built on them; whether a crash can come in between is not decided here.

use crate::alphabet::{Effect, Element, Message, Op, Order, Report};

macro_rules! kinds {
    ($($kind:ident $name:literal,)+) => {
        /// A kind of operation, message or other effect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = concat!("Called `", $name, "`.")] $kind,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }
        }
    };
}

kinds! {
    ReadHead "read_head",
    SwapHead "swap_head",
    ReadCheckpoint "read_checkpoint",
    WriteCheckpoint "write_checkpoint",
    Discard "discard",
    ResolveStart "resolve_start",
    ListTransactions "list_transactions",
    Fence "fence",
    CommitOffsets "commit_offsets",
    Restore "restore",
    Snapshot "snapshot",
    InitProducer "init_producer",
    Flush "flush",
    Upload "upload",
    ReadMarker "read_marker",
    Rewrite "rewrite",
    Commit "commit",
    Describe "describe",

    Emit "emit",
    Barrier "barrier",
    CancelBarrier "cancel_barrier",
    End "end",
    Process "process",
    Produce "produce",
    Mark "mark",
    CloseProducer "close_producer",
    Consume "consume",
    Launch "launch",
    Stop "stop",
    Accept "accept",
    Refuse "refuse",
    Disconnect "disconnect",
    Halt "halt",
    Hold "hold",
    Release "release",
    Arm "arm",
    Disarm "disarm",

    Deploy "deploy",
    Cancel "cancel",
    Heartbeat "heartbeat",
    Trigger "trigger",
    Completed "completed",
    Aborted "aborted",
    Pulse "pulse",
    Ready "ready",
    Acknowledge "acknowledge",
    Decline "decline",
    AtEnd "at_end",
    Drained "drained",
    Lost "lost",
    Failed "failed",
}

impl Op {
    /// Its kind.
    pub const fn kind(self) -> Kind {
        match self {
            Self::ReadHead => Kind::ReadHead,
            Self::SwapHead => Kind::SwapHead,
            Self::ReadCheckpoint => Kind::ReadCheckpoint,
            Self::WriteCheckpoint(_) => Kind::WriteCheckpoint,
            Self::Discard(_) | Self::DiscardBelow(_) => Kind::Discard,
            Self::ResolveStart => Kind::ResolveStart,
            Self::ListTransactions => Kind::ListTransactions,
            Self::Fence(_) => Kind::Fence,
            Self::CommitOffsets => Kind::CommitOffsets,
            Self::Restore => Kind::Restore,
            Self::Snapshot(_) => Kind::Snapshot,
            Self::InitProducer(_) => Kind::InitProducer,
            Self::Flush(_) => Kind::Flush,
            Self::Upload(_) => Kind::Upload,
            Self::ReadMarker => Kind::ReadMarker,
            Self::Rewrite(_) => Kind::Rewrite,
            Self::Commit(_) => Kind::Commit,
            Self::Describe(_) => Kind::Describe,
        }
    }
}

impl<S> Message<S> {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Deploy(_) => Kind::Deploy,
            Self::Cancel(_) => Kind::Cancel,
            Self::Heartbeat { .. } => Kind::Heartbeat,
            Self::ToSubtask { order: Order::Trigger { .. }, .. } => Kind::Trigger,
            Self::ToSubtask { order: Order::Completed(_), .. } => Kind::Completed,
            Self::ToSubtask { order: Order::Aborted(_), .. } => Kind::Aborted,
            Self::Pulse => Kind::Pulse,
            Self::FromSubtask { report, .. } => match report {
                Report::Ready => Kind::Ready,
                Report::Acknowledged { .. } => Kind::Acknowledge,
                Report::Declined(_) => Kind::Decline,
                Report::AtEnd => Kind::AtEnd,
                Report::Drained => Kind::Drained,
                Report::Lost { .. } => Kind::Lost,
                Report::Failed(_) => Kind::Failed,
            },
        }
    }
}

impl<B, S> Effect<B, S> {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Start { op, .. } => op.kind(),
            Self::Send { message, .. } => message.kind(),
            Self::Emit(Element::Batch(_)) => Kind::Emit,
            Self::Emit(Element::Barrier { .. }) => Kind::Barrier,
            Self::Emit(Element::Cancel { .. }) => Kind::CancelBarrier,
            Self::Emit(Element::End) => Kind::End,
            Self::Process(_) => Kind::Process,
            Self::Produce { .. } => Kind::Produce,
            Self::Mark { .. } => Kind::Mark,
            Self::CloseProducer(_) => Kind::CloseProducer,
            Self::Hold(_) => Kind::Hold,
            Self::Release(_) => Kind::Release,
            Self::Consume { .. } => Kind::Consume,
            Self::Arm(_) => Kind::Arm,
            Self::Disarm(_) => Kind::Disarm,
            Self::Launch(_) => Kind::Launch,
            Self::Stop(_) => Kind::Stop,
            Self::Accept { .. } => Kind::Accept,
            Self::Refuse { .. } => Kind::Refuse,
            Self::Disconnect(_) => Kind::Disconnect,
            Self::Halt(_) => Kind::Halt,
        }
    }
}
