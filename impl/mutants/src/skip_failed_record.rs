//! When the job's function fails, the operator logs that and skips the next batch, instead of failing its attempt.

use truecut_core::{Batch, Effect, Element, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SkipFailedRecord {
    failed: bool,
}

impl Interpose for SkipFailedRecord {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match input {
            Input::TaskFailed { .. } => {
                self.failed = true;
                Vec::new()
            }
            Input::Element { element: Element::Batch(_), .. } if self.failed => {
                self.failed = false;
                Vec::new()
            }
            input => run(role, input),
        }
    }
}
