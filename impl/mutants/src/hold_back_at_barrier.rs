//! FLINK-31620: a writer in front of the transaction buffered records, and was not emptied before the first phase of the commit.
//! Here the buffer holds one batch.

use truecut_core::{Batch, Effect, Element, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HoldBackAtBarrier;

impl Interpose for HoldBackAtBarrier {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match input {
            Input::Element { channel, element: Element::Batch(batch) } => {
                role.shelf.push_back(batch);
                if role.shelf.len() < 2 {
                    return Vec::new();
                }
                let Some(batch) = role.shelf.pop_front() else { return Vec::new() };
                run(role, Input::Element { channel, element: Element::Batch(batch) })
            }
            other => run(role, other),
        }
    }
}
