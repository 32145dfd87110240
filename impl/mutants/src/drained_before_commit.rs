//! FLINK-21080: tasks ended without waiting for the last notification and what it commits.

use truecut_core::{Attempt, Batch, CheckpointId, Effect, Input, Order, Report, Subtask};

use crate::interpose::{Interpose, Within, ack, barrier_in, order_in, run, says};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DrainedBeforeCommit {
    /// The last checkpoint and who acknowledged it.
    last: Option<CheckpointId>,
    acked: Option<(Attempt, Subtask)>,
}

impl Interpose for DrainedBeforeCommit {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        self.last =
            barrier_in(&input).filter(|(_, last)| *last).map(|(checkpoint, _)| checkpoint).or(self.last);
        let completed = match order_in(&input) {
            Some((_, Order::Completed(checkpoint))) => self.last == Some(checkpoint),
            _ => false,
        };
        let mut effects = run(role, input);
        let acked = effects.iter_mut().find_map(|effect| ack(effect).map(|ack| (ack.attempt, ack.subtask)));
        self.acked = acked.or(self.acked);
        if let Some((attempt, subtask)) = self.acked.filter(|_| completed) {
            effects.push(says(attempt, subtask, Report::Drained));
        }
        effects
    }
}
