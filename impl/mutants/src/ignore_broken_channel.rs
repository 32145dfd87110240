//! A data channel that broke is a line in a log: its ends go on as if it would come back.

use truecut_core::{Batch, Effect, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IgnoreBrokenChannel;

impl Interpose for IgnoreBrokenChannel {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match input {
            Input::ChannelBroken { .. } => Vec::new(),
            input => run(role, input),
        }
    }
}
