//! History that properties need and that neither Kafka nor the store keeps. The roles never see it.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{Attempt, Committable, Partition, Producer, Subtask, TransactionalId};

use crate::lineage::Record;
use crate::world::store::Offsets;

/// What was handed to producers and not yet committed or aborted.
type Handed = BTreeMap<TransactionalId, u8>;

/// The history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    handed: Handed,
    /// Records of transactions that Kafka aborted although they may be listed.
    aborted: BTreeSet<(TransactionalId, Producer, Record)>,
    /// Offsets of completed checkpoints, each once, in order of completion.
    completed: Vec<Offsets>,
    /// Who read which split, in the attempt in force and the one before.
    owners: BTreeSet<(Partition, Attempt, Subtask)>,
}

impl Ledger {
    pub(crate) fn hand(&mut self, id: TransactionalId) {
        *self.handed.entry(id).or_default() += 1;
    }

    /// The transaction ended, or never began at Kafka: how many records it was handed.
    pub(crate) fn settle(&mut self, id: TransactionalId) -> usize {
        usize::from(self.handed.remove(&id).unwrap_or(0))
    }

    /// Forgets what was handed to transactions of an attempt that never began at Kafka.
    pub(crate) fn forget(&mut self, began: impl Fn(TransactionalId) -> bool) {
        self.handed.retain(|id, _| began(*id));
    }

    pub(crate) fn abort(
        &mut self,
        id: TransactionalId,
        producer: Producer,
        records: impl Iterator<Item = Record>,
    ) {
        self.aborted.extend(records.map(|record| (id, producer, record)));
    }

    pub(crate) fn was_aborted(&self, committable: &Committable, record: Record) -> bool {
        let of = |(id, producer, aborted): &(TransactionalId, Producer, Record)| {
            (*id, *producer) == (committable.id, committable.producer) && aborted.is_of(record)
        };
        self.aborted.iter().any(of)
    }

    pub(crate) fn complete(&mut self, offsets: Offsets) {
        if !self.completed.contains(&offsets) {
            self.completed.push(offsets);
        }
    }

    pub(crate) fn completed(&self) -> impl Iterator<Item = &Offsets> {
        self.completed.iter()
    }

    pub(crate) fn own(&mut self, partition: Partition, attempt: Attempt, subtask: Subtask) {
        self.owners.retain(|(of, before, _)| *of != partition || before.next() >= attempt);
        self.owners.insert((partition, attempt, subtask));
    }

    pub(crate) fn owners(&self, partition: Partition) -> impl Iterator<Item = (Attempt, Subtask)> + '_ {
        self.owners
            .iter()
            .filter(move |(of, _, _)| *of == partition)
            .map(|(_, attempt, subtask)| (*attempt, *subtask))
    }
}
