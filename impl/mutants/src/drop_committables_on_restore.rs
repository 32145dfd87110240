//! Sinks are deployed without the transactions that the restored checkpoint lists.

use truecut_core::{Batch, Effect, Input, Snapshot};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DropCommittablesOnRestore;

impl Interpose for DropCommittablesOnRestore {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for task in effects.iter_mut().filter_map(deployment).flat_map(|deployment| &mut deployment.tasks) {
            if let Snapshot::Sink(listed) = &mut task.restore {
                listed.clear();
            }
        }
        effects
    }
}
