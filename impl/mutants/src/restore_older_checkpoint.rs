//! The checkpoint before the latest completed one is read, and passed off as the latest. Nothing is discarded, so that it
//! is still there.

use truecut_core::{Batch, CheckpointName, Effect, Input, Op, Outcome, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RestoreOlderCheckpoint {
    completed: Completed,
}

impl Interpose for RestoreOlderCheckpoint {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, self.completed.before(input));
        effects.retain_mut(|effect| self.completed.after(effect));
        effects
    }
}

/// What became the latest checkpoint, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Completed {
    names: Vec<CheckpointName>,
    /// What the swap under way makes the latest.
    swapping: Option<CheckpointName>,
    /// The name under which the role asked for the checkpoint that is being read.
    asked: Option<CheckpointName>,
}

impl Completed {
    /// Passes the older checkpoint off as the latest one.
    pub(crate) fn before<B, S>(&mut self, mut input: Input<B, S>) -> Input<B, S> {
        match &mut input {
            Input::Done { op: Op::SwapHead, outcome: Outcome::Swapped } => {
                let latest = self.swapping.take().filter(|latest| self.names.last() != Some(latest));
                self.names.extend(latest);
            }
            Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) } => {
                checkpoint.name = self.asked.take().unwrap_or(checkpoint.name);
            }
            _ => {}
        }
        input
    }

    /// Watches swaps and asks for the older checkpoint. Says whether the effect is performed.
    pub(crate) fn after<B, S>(&mut self, effect: &mut Effect<B, S>) -> bool {
        match effect {
            Effect::Start { request: Request::SwapHead { head, .. }, .. } => self.swapping = head.latest,
            Effect::Start { request: Request::ReadCheckpoint(name), .. } => {
                self.asked = Some(*name);
                *name = self.older().unwrap_or(*name);
            }
            Effect::Start { request: Request::Discard(_) | Request::DiscardBelow(_), .. } => return false,
            _ => {}
        }
        true
    }

    /// The one before the latest.
    pub(crate) fn older(&self) -> Option<CheckpointName> {
        let older = self.names.len().checked_sub(2)?;
        self.names.get(older).copied()
    }
}
