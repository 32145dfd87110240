//! The source snapshots the offset of the last record read, not the next one.

use truecut_core::{Batch, Effect, Input, NextOffset, Snapshot};

use crate::interpose::{Interpose, Within, ack, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OffsetOffByOne;

impl Interpose for OffsetOffByOne {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for ack in effects.iter_mut().filter_map(ack) {
            if let Snapshot::Source(offsets) = ack.snapshot {
                offsets.values_mut().for_each(|next| *next = NextOffset::new((next.get() - 1).max(0)));
            }
        }
        effects
    }
}
