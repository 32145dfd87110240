//! The checkpoint store: one head that changes by compare-and-set, and the data of checkpoints. It neither fails nor loses
//! anything here.

use std::collections::BTreeMap;

use truecut_core::{
    Checkpoint, CheckpointId, CheckpointName, Committable, Head, HeadVersion, LogName, NextOffset, Partition,
    Snapshot,
};

use crate::lineage::{Lineage, Record};

/// Next offset of every partition.
pub(crate) type Offsets = BTreeMap<Partition, NextOffset>;

/// The store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    version: HeadVersion,
    head: Option<Head>,
    data: BTreeMap<CheckpointName, Checkpoint<Lineage>>,
    /// Outputs of transactions.
    logs: BTreeMap<LogName, Vec<Record>>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { version: HeadVersion::new(0), head: None, data: BTreeMap::new(), logs: BTreeMap::new() }
    }

    pub(crate) fn version(&self) -> HeadVersion {
        self.version
    }

    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    /// Replaces the head if it has the expected version. Says whether it did.
    pub(crate) fn swap(&mut self, expected: HeadVersion, head: Head) -> bool {
        let fits = expected == self.version;
        if fits {
            self.version = self.version.next();
            self.head = Some(head);
        }
        fits
    }

    pub(crate) fn write(&mut self, checkpoint: Checkpoint<Lineage>) {
        self.data.insert(checkpoint.name, checkpoint);
    }

    pub(crate) fn discard(&mut self, name: CheckpointName) {
        self.data.remove(&name);
    }

    pub(crate) fn discard_below(&mut self, id: CheckpointId) {
        self.data.retain(|name, _| name.id >= id);
        self.logs.retain(|log, _| log.of.id >= id);
    }

    pub(crate) fn write_log(&mut self, name: LogName, outputs: Vec<Record>) {
        self.logs.insert(name, outputs);
    }

    pub(crate) fn read_log(&self, name: LogName) -> Option<&[Record]> {
        self.logs.get(&name).map(Vec::as_slice)
    }

    pub(crate) fn read(&self, name: CheckpointName) -> Option<&Checkpoint<Lineage>> {
        self.data.get(&name)
    }

    /// The latest completed checkpoint.
    pub(crate) fn latest(&self) -> Option<&Checkpoint<Lineage>> {
        self.read(self.head?.latest?)
    }

    /// Whether the latest completed checkpoint lists this transaction.
    pub(crate) fn lists(&self, matches: impl Fn(&Committable) -> bool) -> bool {
        self.latest().is_some_and(|latest| latest.committables().any(matches))
    }
}

/// Next offsets that a checkpoint holds. Of a partition that two subtasks hold, the lower one.
pub(crate) fn offsets(checkpoint: &Checkpoint<Lineage>) -> Offsets {
    let mut offsets = Offsets::new();
    for snapshot in checkpoint.snapshots.values() {
        if let Snapshot::Source(owned) = snapshot {
            for (partition, next) in owned {
                let known = offsets.entry(*partition).or_insert(*next);
                *known = (*known).min(*next);
            }
        }
    }
    offsets
}
