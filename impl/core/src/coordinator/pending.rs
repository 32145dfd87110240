//! A checkpoint under way: the set of acknowledgements still awaited. A set and not a counter, so that a repeated
//! acknowledgement changes nothing.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::id::{CheckpointName, Subtask, Token};
use crate::snapshot::{Checkpoint, Snapshot};

/// What an acknowledgement changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged<S> {
    /// Others are awaited, or it was a repeated one.
    Awaiting,
    /// It was the last one: this is the checkpoint.
    Whole(Checkpoint<S>),
}

/// A triggered checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pending<S> {
    name: CheckpointName,
    origin: Token,
    last: bool,
    /// Invariant: together with the keys of `snapshots`, all subtasks of the job; the two do not meet.
    awaited: BTreeSet<Subtask>,
    snapshots: BTreeMap<Subtask, Snapshot<S>>,
}

impl<S: Clone> Pending<S> {
    /// A checkpoint that awaits these subtasks.
    pub(super) fn new(
        name: CheckpointName,
        origin: Token,
        last: bool,
        subtasks: impl Iterator<Item = Subtask>,
    ) -> Self {
        Self { name, origin, last, awaited: subtasks.collect(), snapshots: BTreeMap::new() }
    }

    /// Takes one subtask's part.
    pub(super) fn acknowledge(&mut self, by: Subtask, snapshot: Snapshot<S>) -> Acknowledged<S> {
        if !self.awaited.remove(&by) {
            return Acknowledged::Awaiting;
        }
        self.snapshots.insert(by, snapshot);
        if !self.awaited.is_empty() {
            return Acknowledged::Awaiting;
        }
        Acknowledged::Whole(Checkpoint {
            name: self.name,
            origin: self.origin,
            last: self.last,
            snapshots: self.snapshots.clone(),
        })
    }

    /// Whether the job ends with it.
    pub(super) fn is_last(&self) -> bool {
        self.last
    }
}
