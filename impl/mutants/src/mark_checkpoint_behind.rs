//! The marker of a transaction names the checkpoint behind its own: what is not committed looks as if it were.

use truecut_core::{Batch, Effect, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MarkCheckpointBehind;

impl Interpose for MarkCheckpointBehind {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Mark { marker, .. } = effect {
                marker.checkpoint = marker.checkpoint.next();
            }
        }
        effects
    }
}
