//! The operator holds one record back and processes the next one before it; the sink does the same with their results, so that
//! they come out in the right order with the wrong contents. A barrier waits for what is held back.

use truecut_core::{Batch, Channel, Effect, Element, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProcessOutOfOrder;

/// A batch is taken the same way from each channel that is not held.
const CHANNEL: Channel = 0;

impl Interpose for ProcessOutOfOrder {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let batch = match input {
            Input::Element { element: Element::Batch(batch), .. } => batch,
            Input::Element { channel, element } => {
                let mut effects = Vec::new();
                if let Some(held) = role.shelf.pop_front() {
                    let element = Element::Batch(held);
                    effects.extend(run(role, Input::Element { channel, element }));
                }
                effects.extend(run(role, Input::Element { channel, element }));
                return effects;
            }
            other => return run(role, other),
        };
        let Some(held) = role.shelf.pop_front() else {
            role.shelf.push_back(batch);
            return Vec::new();
        };
        let mut effects = Vec::new();
        for batch in [batch, held] {
            effects.extend(run(role, Input::Element { channel: CHANNEL, element: Element::Batch(batch) }));
        }
        effects
    }
}
