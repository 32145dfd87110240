//! Workers are not told that an attempt has failed; they hear of the next one.

use truecut_core::{Batch, Effect, Input, Message};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NeverCancel;

impl Interpose for NeverCancel {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        effects.retain(|effect| !matches!(effect, Effect::Send { message: Message::Cancel(_), .. }));
        effects
    }
}
