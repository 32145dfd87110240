//! A commit that is answered with a refusal is taken for one that succeeded earlier.

use truecut_core::{Batch, Effect, Input, Meaning, Op, Outcome, meaning};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FencedMeansCommitted;

impl Interpose for FencedMeansCommitted {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Done { op: Op::Commit(_), outcome: Outcome::Answer(code) } = &mut input
            && matches!(meaning(*code), Meaning::Fenced | Meaning::Refused)
        {
            *code = 0;
        }
        run(role, input)
    }
}
