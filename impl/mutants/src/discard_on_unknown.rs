//! A swap without an answer counts as a checkpoint that failed: its data is deleted, although the head may name it.

use truecut_core::{Batch, CheckpointName, Effect, Input, Op, Outcome, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DiscardOnUnknown {
    /// What was being stored last, and what the swap under way completes.
    written: Option<CheckpointName>,
    completing: Option<CheckpointName>,
}

impl Interpose for DiscardOnUnknown {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let unknown = matches!(input, Input::Done { op: Op::SwapHead, outcome: Outcome::Unknown });
        let discarded = self.completing.take_if(|_| unknown);
        let mut effects = run(role, input);
        for effect in &effects {
            match effect {
                Effect::Start { request: Request::WriteCheckpoint(checkpoint), .. } => {
                    self.written = Some(checkpoint.name);
                }
                Effect::Start { request: Request::SwapHead { head, .. }, .. } => {
                    self.completing = self.written.take_if(|written| head.latest == Some(*written));
                }
                _ => {}
            }
        }
        effects.extend(
            discarded.map(|name| Effect::Start { op: Op::Discard(name.id), request: Request::Discard(name) }),
        );
        effects
    }
}
