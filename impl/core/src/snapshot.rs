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

impl Marker {
    /// Whether all of a subtask's transactions up to this checkpoint are committed: they are, in order.
    pub fn covers(self, origin: Token, checkpoint: CheckpointId) -> bool {
        self.origin == origin && self.checkpoint >= checkpoint
    }
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
