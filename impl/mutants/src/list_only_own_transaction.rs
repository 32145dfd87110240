//! The sink's snapshot leaves out transactions of older checkpoints whose commit is not confirmed.

use truecut_core::{Batch, Effect, Input, Snapshot};

use crate::interpose::{Interpose, Within, ack, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ListOnlyOwnTransaction;

impl Interpose for ListOnlyOwnTransaction {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for ack in effects.iter_mut().filter_map(ack) {
            if let Snapshot::Sink(listed) = ack.snapshot {
                listed.retain(|committable| committable.checkpoint == ack.checkpoint);
            }
        }
        effects
    }
}
