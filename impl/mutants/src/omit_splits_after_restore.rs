//! FLINK-40469: a checkpoint that was taken before the readers had said what they were restored with left their partitions out. Here
//! the first snapshot of a source in a later attempt is empty.

use truecut_core::{Attempt, Batch, Effect, Input, Snapshot};

use crate::interpose::{Interpose, Within, ack, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OmitSplitsAfterRestore {
    /// It has taken a snapshot.
    taken: bool,
}

/// The attempt that restores nothing that ran before.
const FIRST: Attempt = Attempt::new(1);

impl Interpose for OmitSplitsAfterRestore {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for ack in effects.iter_mut().filter_map(ack) {
            let first = !std::mem::replace(&mut self.taken, true);
            if let Snapshot::Source(offsets) = ack.snapshot
                && first
                && ack.attempt > FIRST
            {
                offsets.clear();
            }
        }
        effects
    }
}
