//! A worker tells its sinks that everything is complete before it stops a cancelled attempt.

use truecut_core::{Attempt, Batch, CheckpointId, Effect, Input, Message, Order, Peer, Subtask, Vertex};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CommitOnCancel {
    /// The sinks that run.
    sinks: Vec<(Attempt, Subtask)>,
}

impl Interpose for CommitOnCancel {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut out = Vec::new();
        for effect in run(role, input) {
            match &effect {
                Effect::Launch(deployment) => {
                    let sinks = deployment
                        .tasks
                        .iter()
                        .map(|task| task.subtask)
                        .filter(|subtask| subtask.vertex == Vertex::Sink);
                    self.sinks = sinks.map(|subtask| (deployment.attempt, subtask)).collect();
                }
                Effect::Stop(_) => out.extend(self.sinks.drain(..).map(|(attempt, subtask)| Effect::Send {
                    to: Peer::Subtask(subtask),
                    message: Message::ToSubtask {
                        attempt,
                        subtask,
                        order: Order::Completed(CheckpointId::new(u64::MAX)),
                    },
                })),
                _ => {}
            }
            out.push(effect);
        }
        out
    }
}
