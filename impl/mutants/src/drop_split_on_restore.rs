//! FLINK-7195: offsets were restored only for the partitions that a listing of the topic happened to contain. Here the highest
//! partition of each source is not listed at a restart.

use truecut_core::{Batch, Effect, Input, Op, Outcome, Snapshot};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DropSplitOnRestore {
    /// A checkpoint was read before.
    again: bool,
    restarted: bool,
}

impl Interpose for DropSplitOnRestore {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if matches!(&input, Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(_) }) {
            self.restarted = std::mem::replace(&mut self.again, true);
        }
        let mut effects = run(role, input);
        if self.restarted {
            for task in effects.iter_mut().filter_map(deployment).flat_map(|deployment| &mut deployment.tasks)
            {
                if let Snapshot::Source(offsets) = &mut task.restore {
                    offsets.pop_last();
                }
            }
        }
        effects
    }
}
