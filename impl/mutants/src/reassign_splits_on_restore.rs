//! FLINK-7143: which subtask reads which partition was decided anew at a restore, from whatever order the metadata came in. Here
//! each source subtask is given the splits that the next one held.

use truecut_core::{Batch, Effect, Input, Op, Outcome, Snapshot, Task, Vertex};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReassignSplitsOnRestore {
    /// A checkpoint was read before.
    again: bool,
    restarted: bool,
}

/// Gives each of the chosen tasks of a deployment what the next one is to restore.
pub(crate) fn rotate<B, S: Clone>(effects: &mut [Effect<B, S>], which: impl Fn(&Task<S>) -> bool) {
    let mut tasks: Vec<&mut Task<S>> = effects
        .iter_mut()
        .filter_map(deployment)
        .flat_map(|deployment| &mut deployment.tasks)
        .filter(|task| which(task))
        .collect();
    let mut parts: Vec<Snapshot<S>> = tasks.iter().map(|task| task.restore.clone()).collect();
    if !parts.is_empty() {
        parts.rotate_left(1);
    }
    for (task, part) in tasks.iter_mut().zip(parts) {
        task.restore = part;
    }
}

impl Interpose for ReassignSplitsOnRestore {
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
            rotate(&mut effects, |task| task.subtask.vertex == Vertex::Source);
        }
        effects
    }
}
