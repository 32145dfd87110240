//! The head is replaced whatever its version is: a swap that another one got in front of is made again on top of that one.

use truecut_core::{Batch, Effect, Head, Input, Op, Outcome, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClaimWithoutCompare {
    /// The head that is being swapped in.
    wanted: Option<Head>,
    /// The version on top of which it is swapped in is being asked for.
    asking: bool,
}

impl Interpose for ClaimWithoutCompare {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match (&input, self.wanted) {
            (Input::Done { op: Op::SwapHead, outcome: Outcome::Conflict }, Some(_)) => {
                self.asking = true;
                return vec![Effect::Start { op: Op::ReadHead, request: Request::ReadHead }];
            }
            (Input::Done { op: Op::ReadHead, outcome: Outcome::Head { version, .. } }, Some(head))
                if self.asking =>
            {
                self.asking = false;
                let request = Request::SwapHead { expected: *version, head };
                return vec![Effect::Start { op: Op::SwapHead, request }];
            }
            _ => {}
        }
        let effects = run(role, input);
        for effect in &effects {
            if let Effect::Start { request: Request::SwapHead { head, .. }, .. } = effect {
                self.wanted = Some(*head);
            }
        }
        effects
    }
}
