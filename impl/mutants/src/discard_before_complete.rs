//! The store is cleaned of older checkpoints when a new one is being written. Until the head names that one, it names one that is
//! gone.

use truecut_core::{Batch, Effect, Input, Op, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DiscardBeforeComplete {
    /// The job began.
    began: bool,
}

impl Interpose for DiscardBeforeComplete {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut out = Vec::new();
        for effect in run(role, input) {
            if let Effect::Start { request: Request::WriteCheckpoint(checkpoint), .. } = &effect
                && std::mem::replace(&mut self.began, true)
            {
                let id = checkpoint.name.id;
                out.push(Effect::Start { op: Op::DiscardBelow(id), request: Request::DiscardBelow(id) });
            }
            out.push(effect);
        }
        out
    }
}
