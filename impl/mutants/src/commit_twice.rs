//! A commit that was confirmed is sent once more, and only then counts as confirmed.

use truecut_core::{Batch, Committable, Effect, Input, Op, Outcome, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CommitTwice {
    /// What is being committed.
    committing: Option<Committable>,
    /// It was confirmed once.
    again: bool,
}

impl Interpose for CommitTwice {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::Commit(_), outcome: Outcome::Answer(0) } = &input
            && !std::mem::replace(&mut self.again, false)
            && let Some(committable) = self.committing
        {
            self.again = true;
            return vec![Effect::Start {
                op: Op::Commit(committable.id),
                request: Request::Commit(committable),
            }];
        }
        let effects = run(role, input);
        for effect in &effects {
            if let Effect::Start { request: Request::Commit(committable), .. } = effect {
                self.committing = Some(*committable);
            }
        }
        effects
    }
}
