//! A swap without an answer is taken for one that was done: the checkpoint is notified, and nobody reads the head.

use truecut_core::{Batch, Effect, Input, Op, Outcome};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnknownMeansCompleted;

impl Interpose for UnknownMeansCompleted {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        mut input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::SwapHead, outcome: outcome @ Outcome::Unknown } = &mut input {
            *outcome = Outcome::Swapped;
        }
        run(role, input)
    }
}
