//! History that properties need and that neither Kafka nor the store keeps. The roles never see it.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{Attempt, Committable, Partition, Producer, Subtask, TransactionalId};

use crate::cell::Cell;
use crate::lineage::Record;
use crate::world::store::Offsets;

/// What was handed to producers and not yet committed or aborted.
pub(crate) type Handed = BTreeMap<TransactionalId, u8>;
/// Records of transactions that Kafka aborted although they may be listed.
pub(crate) type Aborted = BTreeSet<(TransactionalId, Producer, Record)>;
/// Offsets of completed checkpoints, each once, in order of completion.
pub(crate) type Completed = Vec<Offsets>;
/// Who read which split, in the attempt in force and the one before.
pub(crate) type Owners = BTreeSet<(Partition, Attempt, Subtask)>;

/// The history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) handed: Cell<Handed>,
    pub(crate) aborted: Cell<Aborted>,
    pub(crate) completed: Cell<Completed>,
    pub(crate) owners: Cell<Owners>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            handed: Cell::new(Handed::new()),
            aborted: Cell::new(Aborted::new()),
            completed: Cell::new(Completed::new()),
            owners: Cell::new(Owners::new()),
        }
    }

    /// Takes fingerprints of what changed.
    pub(crate) fn seal(&mut self) {
        self.handed.seal();
        self.aborted.seal();
        self.completed.seal();
        self.owners.seal();
    }

    pub(crate) fn hand(&mut self, id: TransactionalId) {
        *self.handed.edit().entry(id).or_default() += 1;
    }

    /// The transaction ended, or never began at Kafka: how many records it was handed.
    pub(crate) fn settle(&mut self, id: TransactionalId) -> usize {
        if !self.handed.contains_key(&id) {
            return 0;
        }
        usize::from(self.handed.edit().remove(&id).unwrap_or(0))
    }

    /// Forgets what was handed to transactions of an attempt that never began at Kafka.
    pub(crate) fn forget(&mut self, began: impl Fn(TransactionalId) -> bool) {
        if self.handed.keys().any(|id| !began(*id)) {
            self.handed.edit().retain(|id, _| began(*id));
        }
    }

    pub(crate) fn abort(
        &mut self,
        id: TransactionalId,
        producer: Producer,
        records: impl Iterator<Item = Record>,
    ) {
        self.aborted.edit().extend(records.map(|record| (id, producer, record)));
    }

    pub(crate) fn was_aborted(&self, committable: &Committable, record: Record) -> bool {
        let of = |(id, producer, aborted): &(TransactionalId, Producer, Record)| {
            (*id, *producer) == (committable.id, committable.producer) && aborted.is_of(record)
        };
        self.aborted.iter().any(of)
    }

    pub(crate) fn complete(&mut self, offsets: Offsets) {
        if !self.completed.contains(&offsets) {
            self.completed.edit().push(offsets);
        }
    }

    pub(crate) fn completed(&self) -> impl Iterator<Item = &Offsets> {
        self.completed.iter()
    }

    pub(crate) fn own(&mut self, partition: Partition, attempt: Attempt, subtask: Subtask) {
        let owners = self.owners.edit();
        owners.retain(|(of, before, _)| *of != partition || before.next() >= attempt);
        owners.insert((partition, attempt, subtask));
    }

    pub(crate) fn owners(&self, partition: Partition) -> impl Iterator<Item = (Attempt, Subtask)> + '_ {
        self.owners
            .iter()
            .filter(move |(of, _, _)| *of == partition)
            .map(|(_, attempt, subtask)| (*attempt, *subtask))
    }
}
