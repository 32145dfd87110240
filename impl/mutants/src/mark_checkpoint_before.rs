//! The marker of a transaction names the checkpoint before its own: what is committed looks as if it were not.

use truecut_core::{Batch, CheckpointId, Effect, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MarkCheckpointBefore;

impl Interpose for MarkCheckpointBefore {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Mark { marker, .. } = effect {
                marker.checkpoint = CheckpointId::new(marker.checkpoint.get().saturating_sub(1));
            }
        }
        effects
    }
}
