//! KIP-890 and KAFKA-12671: a batch that was sent again arrived after its transaction had ended. Under transaction protocol V1
//! AddPartitionsToTxn on a completed id opens the next transaction, which nobody knows of and nobody ends. Here this befalls the
//! last transaction of the job.

use truecut_core::{Batch, CheckpointId, Effect, Input, Op, Outcome, Request, TransactionalId};

use crate::interpose::{Interpose, Within, barrier_in, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProduceAfterCommit {
    /// The last checkpoint, once its barrier came.
    last: Option<CheckpointId>,
    /// The transaction that it closed.
    closed: Option<TransactionalId>,
    /// The commit whose confirmation waits for the late batch.
    confirmed: Option<TransactionalId>,
}

impl Interpose for ProduceAfterCommit {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        self.last =
            barrier_in(&input).filter(|(_, last)| *last).map(|(checkpoint, _)| checkpoint).or(self.last);
        match &input {
            Input::Done { op: Op::Commit(id), outcome: Outcome::Answer(0) } if self.closed == Some(*id) => {
                let Some(batch) = role.shelf.pop_front() else { return run(role, input) };
                self.confirmed = self.closed.take();
                return vec![
                    Effect::Produce { slot: id.slot, batch, keep: false },
                    Effect::Start { op: Op::Flush(id.slot), request: Request::Flush(id.slot) },
                ];
            }
            Input::Done { op: Op::Flush(_), .. } => {
                if let Some(id) = self.confirmed.take() {
                    return run(role, Input::Done { op: Op::Commit(id), outcome: Outcome::Answer(0) });
                }
            }
            _ => {}
        }
        let mut effects = run(role, input);
        // The client lives on.
        effects.retain(|effect| !matches!(effect, Effect::CloseProducer(_)));
        for effect in &mut effects {
            if let Effect::Produce { batch, .. } = effect {
                role.shelf.clear();
                role.shelf.push_back(batch.clone());
            }
            if let Some((checkpoint, listed)) = listing(effect) {
                let own = listed
                    .last()
                    .filter(|own| Some(own.checkpoint) == self.last && self.last == Some(checkpoint));
                self.closed = own.map(|own| own.id);
            }
        }
        effects
    }
}
