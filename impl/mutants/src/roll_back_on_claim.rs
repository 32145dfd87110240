//! The swap that claims an attempt also sets the latest checkpoint back by one, and that one is restored.

use truecut_core::{Attempt, Batch, Effect, Input, Request};

use crate::interpose::{Interpose, Within, run};
use crate::restore_older_checkpoint::Completed;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RollBackOnClaim {
    completed: Completed,
    attempt: Option<Attempt>,
}

impl Interpose for RollBackOnClaim {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, self.completed.before(input));
        effects.retain_mut(|effect| self.completed.after(effect));
        for effect in &mut effects {
            if let Effect::Start { request: Request::SwapHead { head, .. }, .. } = effect
                && self.attempt.replace(head.attempt) != Some(head.attempt)
            {
                head.latest = self.completed.older().or(head.latest);
            }
        }
        effects
    }
}
