//! Once in an attempt the sink opens a transaction with the transactional id, producer id and producer epoch of one whose
//! commit was just confirmed, instead of with the producer that was initialised for it. The checkpoint that a crash would
//! restore may still list the earlier one, and committing that again then ends the later one.

use truecut_core::{
    Attempt, Batch, Committable, Effect, Input, Op, Outcome, Producer, Request, Snapshot, TransactionalId,
};

use crate::interpose::{Interpose, Within, ack, run};

/// Two names of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Alias {
    /// As the role knows it.
    role: TransactionalId,
    /// As Kafka knows it, with the generation of the earlier transaction.
    kafka: TransactionalId,
    producer: Producer,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReuseProducerEpoch {
    /// The commit under way, and then the confirmed one.
    committing: Option<Committable>,
    confirmed: Option<Committable>,
    alias: Option<Alias>,
    /// It was done once in this attempt.
    done: bool,
    /// The attempt whose producers there are.
    attempt: Option<Attempt>,
}

impl ReuseProducerEpoch {
    /// Renames what the role is told.
    fn inward<B, S>(&mut self, input: &mut Input<B, S>) {
        let Input::Done { op, outcome } = input else { return };
        if let Some(alias) = self.alias {
            match op {
                Op::Flush(slot) if *slot == alias.kafka.slot => *slot = alias.role.slot,
                Op::Commit(id) | Op::Describe(id) if *id == alias.kafka => *id = alias.role,
                _ => {}
            }
        }
        if matches!((op, outcome), (Op::Commit(_), Outcome::Answer(0))) {
            self.confirmed = self.committing.take();
        }
    }

    /// Renames what the role does.
    fn outward<B, S>(&mut self, effect: &mut Effect<B, S>) {
        match effect {
            Effect::Produce { slot, .. } => {
                self.open(*slot);
                if let Some(alias) = self.alias.filter(|alias| alias.role.slot == *slot) {
                    *slot = alias.kafka.slot;
                }
            }
            Effect::Start { op: Op::InitProducer(slot), request } => {
                if let Request::InitProducer { id, .. } = request {
                    self.attempt = Some(id.attempt);
                }
                self.alias = self.alias.filter(|alias| alias.kafka.slot != *slot && alias.role.slot != *slot);
            }
            Effect::Start { op: Op::Flush(slot), request: Request::Flush(same) } => {
                if let Some(alias) = self.alias.filter(|alias| alias.role.slot == *slot) {
                    (*slot, *same) = (alias.kafka.slot, alias.kafka.slot);
                }
            }
            Effect::Start { op: Op::Commit(id), request: Request::Commit(committable) } => {
                self.rename(committable);
                *id = committable.id;
                self.committing = Some(*committable);
            }
            Effect::Start { op: Op::Describe(id), request: Request::Describe(same) } => {
                if let Some(alias) = self.alias.filter(|alias| alias.role == *id) {
                    (*id, *same) = (alias.kafka, alias.kafka);
                }
            }
            other => {
                if let Some(ack) = ack(other)
                    && let Snapshot::Sink(listed) = ack.snapshot
                {
                    listed.iter_mut().for_each(|committable| self.rename(committable));
                }
            }
        }
    }

    /// The first record of a transaction: takes the earlier generation, if there is one of the same attempt.
    fn open(&mut self, slot: truecut_core::Slot) {
        if self.done {
            return;
        }
        // What a restored checkpoint lists was written by clients that are gone.
        let is_ours = |earlier: &Committable| self.attempt == Some(earlier.id.attempt);
        if let Some(earlier) = self.confirmed.filter(is_ours).filter(|earlier| earlier.id.slot != slot) {
            let role = TransactionalId { slot, ..earlier.id };
            self.alias = Some(Alias { role, kafka: earlier.id, producer: earlier.producer });
            self.done = true;
        }
    }

    fn rename(&self, committable: &mut Committable) {
        if let Some(alias) = self.alias.filter(|alias| alias.role == committable.id) {
            committable.id = alias.kafka;
            committable.producer = alias.producer;
        }
    }
}

impl Interpose for ReuseProducerEpoch {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        self.inward(&mut input);
        let mut effects = run(role, input);
        effects.iter_mut().for_each(|effect| self.outward(effect));
        // The client of the earlier transaction lives on.
        effects.retain(|effect| !matches!(effect, Effect::CloseProducer(_)));
        effects
    }
}
