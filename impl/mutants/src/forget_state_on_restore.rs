//! The operator begins with empty state, whatever it is to restore.

use truecut_core::{Batch, Effect, Input, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ForgetStateOnRestore;

impl Interpose for ForgetStateOnRestore {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Start { request: Request::Restore(state), .. } = effect {
                *state = None;
            }
        }
        effects
    }
}
