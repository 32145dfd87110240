//! FLINK-31363: a transaction to which nothing was written was handed to the committer like any other, and Kafka answered
//! INVALID_TXN_STATE to its commit. Here the snapshot lists it, and a recovery fails.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{
    Batch, Committable, Effect, Input, Op, Outcome, Producer, Slot, TransactionProtocol, TransactionalId,
};

use crate::interpose::{Interpose, Within, init_in, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ListEmptyTransaction {
    /// Names of the producers that were asked for.
    ids: BTreeMap<Slot, TransactionalId>,
    /// The producers that are ready or in use, as they were initialised; the lowest is in use until another one is.
    made: BTreeMap<Slot, (Producer, TransactionProtocol)>,
    /// The slot that records go to.
    written: Option<Slot>,
    /// Slots whose producer has done its work.
    closed: BTreeSet<Slot>,
}

impl ListEmptyTransaction {
    /// Notes what is asked for and written; lists the open transaction if nothing was written to it.
    fn list<B, S>(&mut self, effect: &mut Effect<B, S>) {
        if let Some(id) = init_in(effect) {
            self.ids.insert(id.slot, id);
        }
        match effect {
            Effect::Produce { slot, .. } => self.written = Some(*slot),
            Effect::CloseProducer(slot) => {
                self.written = None;
                self.closed.insert(*slot);
            }
            _ => {}
        }
        let Some((checkpoint, listed)) = listing(effect) else { return };
        if self.written.is_some() || listed.last().is_some_and(|own| own.checkpoint == checkpoint) {
            return;
        }
        let open = self.made.iter().find(|(slot, _)| !self.closed.contains(slot));
        if let Some((slot, (producer, protocol))) = open
            && let Some(id) = self.ids.get(slot)
        {
            let (producer, protocol) = (*producer, *protocol);
            listed.push(Committable { checkpoint, id: *id, producer, protocol, records: 0 });
        }
    }
}

impl Interpose for ListEmptyTransaction {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done {
            op: Op::InitProducer(slot),
            outcome: Outcome::Initialised { described, protocol },
        } = &input
        {
            self.closed.remove(slot);
            self.made.insert(*slot, (described.producer, *protocol));
        }
        let mut effects = run(role, input);
        effects.iter_mut().for_each(|effect| self.list(effect));
        effects
    }
}
