//! The coordinator tells all subtasks that a checkpoint is complete when it begins to store it. The last checkpoint of a
//! job is left alone, so that the job does not end before it is stored.

use truecut_core::{Attempt, Batch, Effect, Input, Message, Order, Peer, Request, Subtask, WorkerId};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NotifyBeforeStore {
    /// The attempt that was deployed last.
    attempt: Option<Attempt>,
    /// Who runs what in it.
    deployed: Vec<(WorkerId, Subtask)>,
}

impl NotifyBeforeStore {
    fn watch<B, S>(&mut self, effect: &mut Effect<B, S>) {
        let Effect::Send { to: Peer::Worker(worker), .. } = *effect else { return };
        let Some(deployment) = deployment(effect) else { return };
        if self.attempt.replace(deployment.attempt) != Some(deployment.attempt) {
            self.deployed.clear();
        }
        self.deployed.extend(deployment.tasks.iter().map(|task| (worker, task.subtask)));
    }
}

impl Interpose for NotifyBeforeStore {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut out = Vec::new();
        for mut effect in run(role, input) {
            self.watch(&mut effect);
            if let Effect::Start { request: Request::WriteCheckpoint(checkpoint), .. } = &effect
                && Some(checkpoint.name.attempt) == self.attempt
                && !checkpoint.last
            {
                let (attempt, order) = (checkpoint.name.attempt, Order::Completed(checkpoint.name.id));
                out.extend(self.deployed.iter().map(|(worker, subtask)| Effect::Send {
                    to: Peer::Worker(*worker),
                    message: Message::ToSubtask { attempt, subtask: *subtask, order },
                }));
            }
            out.push(effect);
        }
        out
    }
}
