//! The counter of checkpoint ids is durable as the job begins, and later on is kept in memory only.

use truecut_core::{Batch, CheckpointId, Effect, Input, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ForgetNextId;

/// The next id of a job that has begun.
const BEGUN: CheckpointId = CheckpointId::new(2);

impl Interpose for ForgetNextId {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Start { request: Request::SwapHead { head, .. }, .. } = effect {
                head.next = head.next.min(BEGUN);
            }
        }
        effects
    }
}
