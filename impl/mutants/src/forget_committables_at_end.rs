//! FLINK-26403: at the end of the input the writer did not hand over what it had pre-committed.

use truecut_core::{Batch, CheckpointId, Effect, Input};

use crate::interpose::{Interpose, Within, barrier_in, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ForgetCommittablesAtEnd {
    /// The last checkpoint, once its barrier came.
    last: Option<CheckpointId>,
}

impl Interpose for ForgetCommittablesAtEnd {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        self.last =
            barrier_in(&input).filter(|(_, last)| *last).map(|(checkpoint, _)| checkpoint).or(self.last);
        let mut effects = run(role, input);
        for (checkpoint, listed) in effects.iter_mut().filter_map(listing) {
            if self.last == Some(checkpoint) {
                listed.clear();
            }
        }
        effects
    }
}
