//! FLINK-40626: a transactional id of the pool was used again with a newer epoch while a checkpoint still listed the older one, whose
//! commit was then fenced at the next recovery. Here, once in an attempt, the sink initialises the id of a transaction whose
//! commit was just confirmed in place of a free one; from then on the two change places.

use truecut_core::{Attempt, Batch, Effect, Input, Op, Outcome, Request, Slot, TransactionalId};

use crate::interpose::{Interpose, Within, init_in, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReuseListedSlot {
    /// The transaction that was confirmed last.
    confirmed: Option<TransactionalId>,
    /// Two slots of this attempt that stand for each other.
    swapped: Option<(Attempt, Slot, Slot)>,
}

impl ReuseListedSlot {
    fn slot(&self, slot: Slot) -> Slot {
        match self.swapped {
            Some((_, one, other)) if slot == one => other,
            Some((_, one, other)) if slot == other => one,
            _ => slot,
        }
    }

    fn id(&self, id: TransactionalId) -> TransactionalId {
        match self.swapped {
            Some((attempt, ..)) if attempt == id.attempt => {
                TransactionalId { slot: self.slot(id.slot), ..id }
            }
            _ => id,
        }
    }

    fn rename(&self, op: &mut Op) {
        match op {
            Op::InitProducer(slot) | Op::Flush(slot) => *slot = self.slot(*slot),
            Op::Commit(id) | Op::Describe(id) => *id = self.id(*id),
            _ => {}
        }
    }

    fn outward<B, S>(&mut self, effect: &mut Effect<B, S>) {
        if let (None, Some(id), Some(confirmed)) = (self.swapped, init_in(effect), self.confirmed)
            && confirmed.attempt == id.attempt
            && confirmed.slot != id.slot
        {
            self.swapped = Some((id.attempt, confirmed.slot, id.slot));
        }
        match effect {
            Effect::Produce { slot, .. } | Effect::CloseProducer(slot) => *slot = self.slot(*slot),
            Effect::Start { op, request } => {
                self.rename(op);
                match request {
                    Request::InitProducer { id, .. } | Request::Describe(id) => *id = self.id(*id),
                    Request::Flush(slot) => *slot = self.slot(*slot),
                    Request::Commit(committable) => committable.id = self.id(committable.id),
                    _ => {}
                }
            }
            other => {
                if let Some((_, listed)) = listing(other) {
                    listed.iter_mut().for_each(|committable| committable.id = self.id(committable.id));
                }
            }
        }
    }
}

impl Interpose for ReuseListedSlot {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Done { op, outcome } = &mut input {
            self.rename(op);
            if let (Op::Commit(id), Outcome::Answer(0)) = (*op, outcome) {
                self.confirmed = Some(id);
            }
        }
        let mut effects = run(role, input);
        effects.iter_mut().for_each(|effect| self.outward(effect));
        effects
    }
}
