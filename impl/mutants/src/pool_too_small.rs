//! The sink has a pool of two transactional ids. One is listed by the checkpoint that a crash would restore, one is pre-committed, and
//! none is left for what comes after the barrier.

use truecut_core::{Batch, Effect, Input, Slot};

use crate::interpose::{Interpose, Within, init_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PoolTooSmall;

/// The first slot that there is none of.
const POOL: Slot = Slot::new(2);

impl Interpose for PoolTooSmall {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        effects.retain(|effect| init_in(effect).is_none_or(|id| id.slot < POOL));
        effects
    }
}
