//! The operator processes one batch behind the arrival of the next, as asynchronous state access does, and captures its state at a
//! barrier before it has processed what is under way. The results still go out in front of the barrier.

use truecut_core::{Batch, Effect, Element, Input, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SnapshotBeforeDrain;

impl Interpose for SnapshotBeforeDrain {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let (channel, element) = match input {
            Input::Element { channel, element } => (channel, element),
            other => return run(role, other),
        };
        let before = role.shelf.pop_front();
        let mut late = Vec::new();
        match element {
            Element::Batch(batch) => {
                role.shelf.push_back(batch);
                if let Some(before) = before {
                    late.extend(run(role, Input::Element { channel, element: Element::Batch(before) }));
                }
                late
            }
            other => {
                if let Some(before) = before {
                    late.extend(run(role, Input::Element { channel, element: Element::Batch(before) }));
                }
                let mut effects = run(role, Input::Element { channel, element: other });
                let captured = |effect: &Effect<B, S>| {
                    matches!(effect, Effect::Start { request: Request::Snapshot(_), .. })
                };
                let place = effects.iter().position(captured).map_or(0, |place| place + 1);
                effects.splice(place..place, late);
                effects
            }
        }
    }
}
