//! Every batch is produced twice: what a client without idempotence does when it sends again what had arrived.

use truecut_core::{Batch, Effect, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProduceAgain;

impl Interpose for ProduceAgain {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut out = Vec::new();
        for effect in run(role, input) {
            if let Effect::Produce { slot, batch, .. } = &effect {
                out.push(Effect::Produce { slot: *slot, batch: batch.clone(), keep: false });
            }
            out.push(effect);
        }
        out
    }
}
