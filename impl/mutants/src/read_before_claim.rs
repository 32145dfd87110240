//! A coordinator that takes over restores the checkpoint that was the latest when it first read the head, before it claimed its
//! attempt. Nothing is discarded, so that it is still there.

use truecut_core::{Batch, CheckpointName, Effect, Input, Op, Outcome, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReadBeforeClaim {
    /// It read the head.
    opened: bool,
    /// The latest checkpoint at that time, until it is restored.
    first: Option<CheckpointName>,
    /// The name under which the role asked for the checkpoint that is being read.
    asked: Option<CheckpointName>,
}

impl Interpose for ReadBeforeClaim {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        mut input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match &mut input {
            Input::Done { op: Op::ReadHead, outcome: Outcome::Head { head, .. } } if !self.opened => {
                self.opened = true;
                self.first = head.and_then(|head| head.latest);
            }
            Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) } => {
                checkpoint.name = self.asked.take().unwrap_or(checkpoint.name);
            }
            _ => {}
        }
        let mut effects = run(role, input);
        effects.retain_mut(|effect| match effect {
            Effect::Start { request: Request::ReadCheckpoint(name), .. } => {
                self.asked = Some(*name);
                *name = self.first.take().unwrap_or(*name);
                true
            }
            Effect::Start { request: Request::Discard(_) | Request::DiscardBelow(_), .. } => false,
            _ => true,
        });
        effects
    }
}
