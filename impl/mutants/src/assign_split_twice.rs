//! After a failure the splits of all source subtasks are given to each of them.

use std::collections::BTreeMap;

use truecut_core::{Batch, Effect, Input, NextOffset, Op, Outcome, Partition, Snapshot};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AssignSplitTwice {
    /// A checkpoint was read before.
    restarted: bool,
    /// Every split of the checkpoint that was read last.
    splits: BTreeMap<Partition, NextOffset>,
}

impl Interpose for AssignSplitTwice {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) } = &input {
            self.restarted = !self.splits.is_empty();
            for snapshot in checkpoint.snapshots.values() {
                if let Snapshot::Source(offsets) = snapshot {
                    self.splits.extend(offsets);
                }
            }
        }
        let mut effects = run(role, input);
        if self.restarted {
            for task in effects.iter_mut().filter_map(deployment).flat_map(|deployment| &mut deployment.tasks)
            {
                if let Snapshot::Source(offsets) = &mut task.restore {
                    offsets.extend(&self.splits);
                }
            }
        }
        effects
    }
}
