//! The operator sends the barrier on at once and aligns only its own state. The last checkpoint of a job is left alone: records
//! behind its barrier would find the sink closed.

use truecut_core::{Batch, CheckpointId, Effect, Element, Input};

use crate::interpose::{Interpose, Within, barrier_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ForwardBarrierAtFirst {
    /// Newest checkpoint whose barrier was sent on.
    sent: Option<CheckpointId>,
}

impl Interpose for ForwardBarrierAtFirst {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let barrier = barrier_in(&input).filter(|(checkpoint, last)| !*last && self.sent < Some(*checkpoint));
        let mut effects = run(role, input);
        effects.retain(|effect| match effect {
            Effect::Emit(Element::Barrier { checkpoint, last: false }) => {
                self.sent < Some(*checkpoint) && barrier.is_some()
            }
            _ => true,
        });
        if let Some((checkpoint, last)) = barrier {
            self.sent = Some(checkpoint);
            let sent = |effect: &Effect<B, S>| matches!(effect, Effect::Emit(Element::Barrier { .. }));
            if !effects.iter().any(sent) {
                effects.insert(0, Effect::Emit(Element::Barrier { checkpoint, last }));
            }
        }
        effects
    }
}
