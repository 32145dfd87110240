//! An acknowledgement is followed by the same one.

use truecut_core::{Batch, Effect, Input, Report};

use crate::interpose::{Interpose, Within, report, run, says};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AcknowledgeTwice;

impl Interpose for AcknowledgeTwice {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut out = Vec::new();
        for effect in run(role, input) {
            let again = match report(&effect) {
                Some((attempt, subtask, Report::Acknowledged { checkpoint, snapshot })) => {
                    let (checkpoint, snapshot) = (*checkpoint, snapshot.clone());
                    Some(says(attempt, subtask, Report::Acknowledged { checkpoint, snapshot }))
                }
                _ => None,
            };
            out.push(effect);
            out.extend(again);
        }
        out
    }
}
