//! What can be interrupted: every operation, message and other effect of the core, by name.
//!
//! The names come from the core's alphabets by matches without a wildcard: a new operation, message or effect does not compile
//! until it is said here what it is called, or why a crash before it can't be told from one after it.

use truecut_core::{Effect, Element, Message, Op, Order, Peer, Report};

use crate::types::Out;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $shape:ident $($host:ident)+,)+) => {
        /// Something that a crash may come before, after, or in the middle of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Kind { $($(#[$doc])* $kind,)+ }

        impl Kind {
            pub(super) const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its part of a crash point's name.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            pub(super) fn shape(self) -> Shape {
                match self { $(Self::$kind => Shape::$shape,)+ }
            }

            /// The kinds of process that have it.
            pub(super) fn hosts(self) -> &'static [Host] {
                match self { $(Self::$kind => &[$(Host::$host,)+],)+ }
            }
        }
    };
}

/// A kind of process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A worker: its own role and those of its subtasks.
    Worker,
    /// A coordinator.
    Coordinator,
}

/// Which places a kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Started, answered later.
    Operation,
    /// Done at once.
    Effect,
    /// Done at once, and nothing comes after it.
    Last,
    /// A message: before and after it is sent by its sender; received by the other side.
    FromCoordinator,
    /// The same, to the coordinator.
    FromWorker,
}

kinds! {
    ReadHead "read_head" Operation Coordinator,
    SwapHead "swap_head" Operation Coordinator,
    ReadCheckpoint "read_checkpoint" Operation Coordinator,
    WriteCheckpoint "write_checkpoint" Operation Coordinator,
    Discard "discard" Operation Coordinator,
    ResolveStart "resolve_start" Operation Coordinator,
    ListTransactions "list_transactions" Operation Coordinator,
    /// By the coordinator, of what a dead attempt left; by a sink, of what it is going to write again.
    Fence "fence" Operation Coordinator Worker,
    CommitOffsets "commit_offsets" Operation Worker,
    Restore "restore" Operation Worker,
    Snapshot "snapshot" Operation Worker,
    InitProducer "init_producer" Operation Worker,
    Flush "flush" Operation Worker,
    Upload "upload" Operation Worker,
    ReadMarker "read_marker" Operation Worker,
    Rewrite "rewrite" Operation Worker,
    Commit "commit" Operation Worker,
    Describe "describe" Operation Worker,

    Emit "emit" Effect Worker,
    Barrier "barrier" Effect Worker,
    CancelBarrier "cancel_barrier" Effect Worker,
    End "end" Effect Worker,
    Process "process" Effect Worker,
    Produce "produce" Effect Worker,
    Mark "mark" Effect Worker,
    CloseProducer "close_producer" Effect Worker,
    Consume "consume" Effect Worker,
    Launch "launch" Effect Worker,
    Stop "stop" Effect Worker,
    Accept "accept" Effect Worker,
    Refuse "refuse" Effect Worker,
    Disconnect "disconnect" Effect Coordinator,
    Halt "halt" Last Coordinator,

    Deploy "deploy" FromCoordinator Coordinator Worker,
    Cancel "cancel" FromCoordinator Coordinator Worker,
    Heartbeat "heartbeat" FromCoordinator Coordinator Worker,
    Trigger "trigger" FromCoordinator Coordinator Worker,
    Completed "completed" FromCoordinator Coordinator Worker,
    Aborted "aborted" FromCoordinator Coordinator Worker,
    Pulse "pulse" FromWorker Worker Coordinator,
    Ready "ready" FromWorker Worker Coordinator,
    Acknowledge "acknowledge" FromWorker Worker Coordinator,
    Decline "decline" FromWorker Worker Coordinator,
    AtEnd "at_end" FromWorker Worker Coordinator,
    Drained "drained" FromWorker Worker Coordinator,
    Lost "lost" FromWorker Worker Coordinator,
    Failed "failed" FromWorker Worker Coordinator,
}

/// What an operation is called.
pub(super) fn of_op(op: Op) -> Kind {
    match op {
        Op::ReadHead => Kind::ReadHead,
        Op::SwapHead => Kind::SwapHead,
        Op::ReadCheckpoint => Kind::ReadCheckpoint,
        Op::WriteCheckpoint(_) => Kind::WriteCheckpoint,
        Op::Discard(_) | Op::DiscardBelow(_) => Kind::Discard,
        Op::ResolveStart => Kind::ResolveStart,
        Op::ListTransactions => Kind::ListTransactions,
        Op::Fence(_) => Kind::Fence,
        Op::CommitOffsets => Kind::CommitOffsets,
        Op::Restore => Kind::Restore,
        Op::Snapshot(_) => Kind::Snapshot,
        Op::InitProducer(_) => Kind::InitProducer,
        Op::Flush(_) => Kind::Flush,
        Op::Upload(_) => Kind::Upload,
        Op::ReadMarker => Kind::ReadMarker,
        Op::Rewrite(_) => Kind::Rewrite,
        Op::Commit(_) => Kind::Commit,
        Op::Describe(_) => Kind::Describe,
    }
}

/// What a message is called.
pub(super) fn of_message<S>(message: &Message<S>) -> Kind {
    match message {
        Message::Deploy(_) => Kind::Deploy,
        Message::Cancel(_) => Kind::Cancel,
        Message::Heartbeat { .. } => Kind::Heartbeat,
        Message::ToSubtask { order: Order::Trigger { .. }, .. } => Kind::Trigger,
        Message::ToSubtask { order: Order::Completed(_), .. } => Kind::Completed,
        Message::ToSubtask { order: Order::Aborted(_), .. } => Kind::Aborted,
        Message::Pulse => Kind::Pulse,
        Message::FromSubtask { report, .. } => match report {
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

/// What an effect is called; `None` for one that nobody outside the process can tell: a crash before it is a crash after it.
pub(super) fn of_effect(effect: &Out) -> Option<Kind> {
    match effect {
        Effect::Start { op, .. } => Some(of_op(*op)),
        // A hop within the worker: what is told was received, or is yet to be sent on.
        Effect::Send { to: Peer::Subtask(_), .. } => None,
        Effect::Send { to: Peer::Coordinator | Peer::Worker(_), message } => Some(of_message(message)),
        Effect::Emit(Element::Batch(_)) => Some(Kind::Emit),
        Effect::Emit(Element::Barrier { .. }) => Some(Kind::Barrier),
        Effect::Emit(Element::Cancel { .. }) => Some(Kind::CancelBarrier),
        Effect::Emit(Element::End) => Some(Kind::End),
        Effect::Process(_) => Some(Kind::Process),
        Effect::Produce { .. } => Some(Kind::Produce),
        Effect::Mark { .. } => Some(Kind::Mark),
        Effect::CloseProducer(_) => Some(Kind::CloseProducer),
        Effect::Consume { .. } => Some(Kind::Consume),
        Effect::Launch(_) => Some(Kind::Launch),
        Effect::Stop(_) => Some(Kind::Stop),
        Effect::Accept { .. } => Some(Kind::Accept),
        Effect::Refuse { .. } => Some(Kind::Refuse),
        Effect::Disconnect(_) => Some(Kind::Disconnect),
        Effect::Halt(_) => Some(Kind::Halt),
        // Memory of this process, which dies with it.
        Effect::Hold(_) | Effect::Release(_) | Effect::Arm(_) | Effect::Disarm(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
