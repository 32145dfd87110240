//! FLINK-37282: a producer went back into the pool when its transaction was pre-committed, and was given out again before that
//! transaction was committed. Here the sink has one producer for all transactions. It flushes only while none is being
//! committed, so that what is torn is the transaction that is committed with records of the next one on their way.

use std::collections::BTreeSet;

use truecut_core::{
    Batch, Described, Effect, Input, Op, Outcome, Producer, Request, Slot, TransactionProtocol,
    TransactionState, TransactionalId,
};

use crate::interpose::{Interpose, Within, init_in, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecycleAtPrecommit {
    /// The one producer.
    one: Option<(TransactionalId, Producer)>,
    /// How it was initialised.
    protocol: Option<TransactionProtocol>,
    /// As the role knows it: the transaction that is being written, and the one that is being committed.
    writing: Option<Slot>,
    committing: Option<TransactionalId>,
    /// Pre-committed and not confirmed.
    waiting: BTreeSet<TransactionalId>,
    /// A flush that waits for them.
    flush: Option<Slot>,
}

impl RecycleAtPrecommit {
    /// Renames what the role is told; `Err` is a commit that was confirmed.
    fn inward<B, S>(&mut self, input: Input<B, S>) -> Result<Input<B, S>, TransactionalId> {
        let Input::Done { op, outcome } = input else { return Ok(input) };
        let op = match op {
            Op::InitProducer(slot) => {
                if let Outcome::Initialised { described, protocol } = &outcome
                    && let Some(one) = &mut self.one
                {
                    one.1 = described.producer;
                    self.protocol = Some(*protocol);
                }
                Op::InitProducer(slot)
            }
            Op::Flush(slot) => Op::Flush(self.writing.take().unwrap_or(slot)),
            Op::Commit(id) => match self.committing.take().unwrap_or(id) {
                ended if matches!(outcome, Outcome::Answer(0)) => return Err(ended),
                other => Op::Commit(other),
            },
            other => other,
        };
        Ok(Input::Done { op, outcome })
    }

    /// Renames what the role does, and answers by itself what the one producer needs no Kafka for.
    fn outward<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        effects: Vec<Effect<B, S>>,
    ) -> Vec<Effect<B, S>> {
        let mut out = Vec::new();
        for mut effect in effects {
            if let (Some(id), Some((_, producer)), Some(protocol)) =
                (init_in(&effect), self.one, self.protocol)
            {
                let described = Described { state: TransactionState::Empty, producer };
                let outcome = Outcome::Initialised { described, protocol };
                let more = run(role, Input::Done { op: Op::InitProducer(id.slot), outcome });
                out.extend(self.outward(role, more));
                continue;
            }
            if let Some(id) = init_in(&effect) {
                self.one = Some((id, Producer::NONE));
            }
            if let Some(effect) = self.renamed(&mut effect).then_some(effect) {
                out.push(effect);
            }
        }
        out
    }

    /// Renames one effect. Says whether it is performed now.
    fn renamed<B, S>(&mut self, effect: &mut Effect<B, S>) -> bool {
        let Some((one, producer)) = self.one else { return true };
        match effect {
            Effect::Produce { slot, .. } => *slot = one.slot,
            Effect::Start { op: Op::Flush(slot), request: Request::Flush(same) } => {
                self.writing = Some(*slot);
                (*slot, *same) = (one.slot, one.slot);
                if !self.waiting.is_empty() {
                    self.flush = Some(one.slot);
                    return false;
                }
            }
            Effect::Start { op: Op::Commit(id), request: Request::Commit(committable) }
                if id.attempt == one.attempt =>
            {
                self.committing = Some(*id);
                (*id, committable.id, committable.producer) = (one, one, producer);
            }
            // The client lives on.
            Effect::CloseProducer(_) => return false,
            other => {
                if let Some((_, listed)) = listing(other) {
                    for committable in listed.iter_mut().filter(|listed| listed.id.attempt == one.attempt) {
                        self.waiting.insert(committable.id);
                        (committable.id, committable.producer) = (one, producer);
                    }
                }
            }
        }
        true
    }
}

impl Interpose for RecycleAtPrecommit {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let input = match self.inward(input) {
            Ok(input) => input,
            Err(ended) => {
                self.waiting.remove(&ended);
                let outcome = Outcome::Answer(0);
                let effects = run(role, Input::Done { op: Op::Commit(ended), outcome });
                let mut out = self.outward(role, effects);
                if self.waiting.is_empty() {
                    out.extend(
                        self.flush
                            .take()
                            .map(|slot| Effect::Start { op: Op::Flush(slot), request: Request::Flush(slot) }),
                    );
                }
                return out;
            }
        };
        let effects = run(role, input);
        self.outward(role, effects)
    }
}
