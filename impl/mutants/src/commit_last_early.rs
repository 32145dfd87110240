//! FLINK-37605: a writer took a rescale for the end of its input, and its committables carried the wrong checkpoint. Here those of
//! the last barrier count as part of a checkpoint that is complete.

use truecut_core::{Batch, CheckpointId, Effect, Input, Order};

use crate::interpose::{Interpose, Within, ack, barrier_in, run, told};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CommitLastEarly {
    /// The last checkpoint, once its barrier came.
    last: Option<CheckpointId>,
}

impl Interpose for CommitLastEarly {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        self.last =
            barrier_in(&input).filter(|(_, last)| *last).map(|(checkpoint, _)| checkpoint).or(self.last);
        let mut effects = run(role, input);
        let acked = effects
            .iter_mut()
            .find_map(|effect| ack(effect).map(|ack| (ack.attempt, ack.subtask, ack.checkpoint)));
        if let Some((attempt, subtask, checkpoint)) = acked.filter(|acked| self.last == Some(acked.2)) {
            effects.extend(run(role, told(attempt, subtask, Order::Completed(checkpoint))));
        }
        effects
    }
}
