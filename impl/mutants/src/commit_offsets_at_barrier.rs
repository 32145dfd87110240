//! The source takes its own acknowledgement for the completion of the checkpoint.

use truecut_core::{Batch, Effect, Input, Order};

use crate::interpose::{Interpose, Within, ack, run, told};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CommitOffsetsAtBarrier;

impl Interpose for CommitOffsetsAtBarrier {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        let acked = effects
            .iter_mut()
            .find_map(|effect| ack(effect).map(|ack| (ack.attempt, ack.subtask, ack.checkpoint)));
        if let Some((attempt, subtask, checkpoint)) = acked {
            effects.extend(run(role, told(attempt, subtask, Order::Completed(checkpoint))));
        }
        effects
    }
}
