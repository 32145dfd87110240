//! The coordinator's clean-up does not know what the restored checkpoint lists. The lists are hidden from the role when
//! the checkpoint is read, and given back to the sinks when they are deployed.

use std::collections::BTreeMap;

use truecut_core::{Batch, Committable, Effect, Input, Op, Outcome, Snapshot, Subtask};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AbortAllLingering {
    /// What the restored checkpoint lists.
    hidden: BTreeMap<Subtask, Vec<Committable>>,
}

impl Interpose for AbortAllLingering {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) } = &mut input {
            self.hidden.clear();
            for (subtask, snapshot) in &mut checkpoint.snapshots {
                if let Snapshot::Sink(listed) = snapshot {
                    self.hidden.insert(*subtask, std::mem::take(listed));
                }
            }
        }
        let mut effects = run(role, input);
        for task in effects.iter_mut().filter_map(deployment).flat_map(|deployment| &mut deployment.tasks) {
            if let Some(listed) = self.hidden.get(&task.subtask) {
                task.restore = Snapshot::Sink(listed.clone());
            }
        }
        effects
    }
}
