//! What is written again carries no marker of its own checkpoint: the next recovery does not find it, and writes it once more.

use truecut_core::{Batch, CheckpointId, Effect, Input, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RewriteUnmarked;

impl Interpose for RewriteUnmarked {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Start { request: Request::Rewrite { marker, .. }, .. } = effect {
                marker.checkpoint = CheckpointId::new(0);
            }
        }
        effects
    }
}
