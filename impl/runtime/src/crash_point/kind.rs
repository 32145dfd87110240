//! What can be interrupted: for each kind of operation, message and other effect of the core, at which places, and in which process.
//!
//! A match without a wildcard: a new kind of the core's alphabets does not compile until it is said here which places it has, or that
//! a crash before it can't be told from one after it.

use truecut_core::{Effect, Kind, Peer};

use crate::types::Out;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $shape:ident $($host:ident)*,)+) => {
        /// Which places a kind has.
        pub(super) fn shape(kind: Kind) -> Shape {
            match kind { $(Kind::$kind => Shape::$shape,)+ }
        }

        /// The kinds of process that have it.
        pub(super) fn hosts(kind: Kind) -> &'static [Host] {
            match kind { $(Kind::$kind => &[$(Host::$host,)*],)+ }
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
    /// Memory of the process, which dies with it: none.
    Memory,
}

kinds! {
    ReadHead Operation Coordinator,
    SwapHead Operation Coordinator,
    ReadCheckpoint Operation Coordinator,
    WriteCheckpoint Operation Coordinator,
    Discard Operation Coordinator,
    ResolveStart Operation Coordinator,
    ListTransactions Operation Coordinator,
    // By the coordinator, of what a dead attempt left; by a sink, of what it is going to write again.
    Fence Operation Coordinator Worker,
    CommitOffsets Operation Worker,
    Restore Operation Worker,
    Snapshot Operation Worker,
    InitProducer Operation Worker,
    Flush Operation Worker,
    Upload Operation Worker,
    ReadMarker Operation Worker,
    Rewrite Operation Worker,
    Commit Operation Worker,
    Describe Operation Worker,

    Emit Effect Worker,
    Barrier Effect Worker,
    CancelBarrier Effect Worker,
    End Effect Worker,
    Process Effect Worker,
    Produce Effect Worker,
    Mark Effect Worker,
    CloseProducer Effect Worker,
    Consume Effect Worker,
    Launch Effect Worker,
    Stop Effect Worker,
    Accept Effect Worker,
    Refuse Effect Worker,
    Disconnect Effect Coordinator,
    Halt Last Coordinator,
    Hold Memory,
    Release Memory,
    Arm Memory,
    Disarm Memory,

    Deploy FromCoordinator Coordinator Worker,
    Cancel FromCoordinator Coordinator Worker,
    Heartbeat FromCoordinator Coordinator Worker,
    Trigger FromCoordinator Coordinator Worker,
    Completed FromCoordinator Coordinator Worker,
    Aborted FromCoordinator Coordinator Worker,
    Pulse FromWorker Worker Coordinator,
    Ready FromWorker Worker Coordinator,
    Acknowledge FromWorker Worker Coordinator,
    Decline FromWorker Worker Coordinator,
    AtEnd FromWorker Worker Coordinator,
    Drained FromWorker Worker Coordinator,
    Lost FromWorker Worker Coordinator,
    Failed FromWorker Worker Coordinator,
}

/// What an effect is called; `None` for one that nobody outside the process can tell: a crash before it is a crash after it.
pub(super) fn of_effect(effect: &Out) -> Option<Kind> {
    // A hop within the worker: what is told was received, or is yet to be sent on.
    let is_hop = matches!(effect, Effect::Send { to: Peer::Subtask(_), .. });
    Some(effect.kind()).filter(|kind| !is_hop && shape(*kind) != Shape::Memory)
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
