//! What is made durable: a subtask's snapshot, the checkpoint that holds them all, and the head that names the latest.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::{Attempt, CheckpointId, CheckpointName, NextOffset, Partition, Subtask, Token};
use crate::transaction::{Producer, TransactionProtocol, TransactionalId};

/// A pre-committed transaction whose commit is not confirmed: enough for any process to commit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Committable {
    /// The checkpoint whose barrier closed it.
    pub checkpoint: CheckpointId,
    /// Its transactional id.
    pub id: TransactionalId,
    /// Its generation: the only transaction of this producer id and epoch.
    pub producer: Producer,
    /// The protocol that its producer spoke.
    pub protocol: TransactionProtocol,
    /// Records in it, for the error that names a loss.
    pub records: u64,
}

/// What a transaction writes last, into the sink subtask's partition of the compacted marker topic: it is there if, and only if,
/// the transaction is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marker {
    /// The history of checkpoints that it belongs to: a job that starts afresh counts from the beginning again.
    pub origin: Token,
    /// The checkpoint whose barrier closed the transaction.
    pub checkpoint: CheckpointId,
}

/// What is found in a sink subtask's partition of the marker topic, in log order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkerEvent {
    /// A transaction of this producer id wrote a marker.
    Written {
        /// The producer id.
        producer: i64,
        /// The marker.
        marker: Marker,
    },
    /// The transaction of this producer id ended: Kafka's own control record.
    Ended {
        /// The producer id.
        producer: i64,
        /// It was committed.
        committed: bool,
    },
}

/// The last checkpoint of a history up to which a subtask's transactions are committed. Control records of different transaction
/// coordinators come in any order, and commits are in checkpoint order: so it is the highest, not the last.
pub fn committed_up_to(origin: Token, events: &[MarkerEvent]) -> Option<CheckpointId> {
    let mut open: BTreeMap<i64, Vec<Marker>> = BTreeMap::new();
    let mut highest = None;
    for event in events {
        match *event {
            MarkerEvent::Written { producer, marker } => open.entry(producer).or_default().push(marker),
            MarkerEvent::Ended { producer, committed } => {
                let ended = open.remove(&producer).unwrap_or_default().into_iter();
                let ours = ended.filter(|marker| committed && marker.origin == origin);
                highest = ours.map(|marker| marker.checkpoint).max().max(highest);
            }
        }
    }
    highest
}

/// Names the logged outputs of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName {
    /// The attempt that wrote it, and the checkpoint whose barrier closed it.
    pub of: CheckpointName,
    /// Index of the sink subtask.
    pub subtask: u16,
}

impl Committable {
    /// The log of its outputs.
    pub fn log(&self) -> LogName {
        let of = CheckpointName { attempt: self.id.attempt, id: self.checkpoint };
        LogName { of, subtask: self.id.subtask }
    }
}

/// One subtask's part of a checkpoint. `S` is a handle to operator state, which the core only passes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Snapshot<S> {
    /// Next offset of each partition that the source subtask owns.
    Source(BTreeMap<Partition, NextOffset>),
    /// The operator subtask's state; `None` is the empty state of a job that starts.
    Operator(Option<S>),
    /// Every pre-committed transaction whose commit is not yet confirmed, oldest first; not only the checkpoint's own.
    Sink(Vec<Committable>),
}

/// The durable whole: a consistent cut through the job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkpoint<S> {
    /// Its name.
    pub name: CheckpointName,
    /// The coordinator that began the job's history of checkpoints.
    pub origin: Token,
    /// Taken to end the job: nothing came after its barrier.
    pub last: bool,
    /// Each subtask's part.
    pub snapshots: BTreeMap<Subtask, Snapshot<S>>,
}

impl<S> Checkpoint<S> {
    /// The oldest checkpoint whose data is needed to restore this one: of the transactions that it lists, some may be of older ones.
    pub fn needs(&self) -> CheckpointId {
        self.committables().map(|listed| listed.checkpoint).fold(self.name.id, CheckpointId::min)
    }

    /// All transactions that the checkpoint lists, of all sink subtasks.
    pub fn committables(&self) -> impl Iterator<Item = &Committable> {
        self.snapshots.values().flat_map(|snapshot| match snapshot {
            Snapshot::Sink(committables) => committables.as_slice(),
            Snapshot::Source(_) | Snapshot::Operator(_) => &[],
        })
    }
}

/// The one mutable cell of the checkpoint store. It changes by compare-and-set only; a checkpoint is completed by the
/// swap that names it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head {
    /// The coordinator that wrote it.
    pub token: Token,
    /// The attempt in force.
    pub attempt: Attempt,
    /// The latest completed checkpoint; `None` only before the first.
    pub latest: Option<CheckpointName>,
    /// The next checkpoint id that may be given out.
    pub next: CheckpointId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_the_highest_of_the_own_history_that_a_commit_follows() {
        let written = |producer, origin, checkpoint| MarkerEvent::Written {
            producer,
            marker: Marker { origin: Token::new(origin), checkpoint: CheckpointId::new(checkpoint) },
        };
        let ended = |producer, committed| MarkerEvent::Ended { producer, committed };
        let log = [
            written(7, 1, 5),
            written(8, 1, 6),
            written(9, 1, 7),  // open for ever
            written(10, 1, 8), // aborted
            written(11, 2, 9), // of another history
            ended(8, true),
            ended(7, true), // its coordinator was late
            ended(10, false),
            ended(11, true),
        ];
        assert_eq!(committed_up_to(Token::new(1), &log), Some(CheckpointId::new(6)));
        assert_eq!(committed_up_to(Token::new(2), &log), Some(CheckpointId::new(9)));
        assert_eq!(committed_up_to(Token::new(3), &log), None);
    }
}
