//! FLINK-36287: with unaligned checkpoints a barrier overtook the committables between writer and committer, so that the
//! checkpoint held neither the records nor the transaction.

use truecut_core::{Batch, Effect, Input};

use crate::interpose::{Interpose, Within, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BarrierOvertakesCommittable;

impl Interpose for BarrierOvertakesCommittable {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for (checkpoint, listed) in effects.iter_mut().filter_map(listing) {
            listed.retain(|committable| committable.checkpoint < checkpoint);
        }
        effects
    }
}
