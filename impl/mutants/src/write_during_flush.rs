//! FLINK-33545: records reached the producer between the flush in front of a barrier and the completion of the checkpoint, and
//! belonged to a transaction that they were not part of. Here the input is not held while the flush is under way.

use truecut_core::{Batch, Channel, Effect, Element, Input, Op, Slot};

use crate::interpose::{Interpose, Within, barrier_in, flush_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WriteDuringFlush {
    /// What is being flushed.
    flushing: Option<Slot>,
}

/// The chained input.
const INPUT: Channel = 0;

impl Interpose for WriteDuringFlush {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let (Some(slot), Input::Element { element: Element::Batch(_), .. }) = (self.flushing, &input) {
            let Input::Element { element: Element::Batch(batch), .. } = input else { return Vec::new() };
            return vec![Effect::Produce { slot, batch, keep: false }];
        }
        let flushed = matches!(&input, Input::Done { op: Op::Flush(_), .. });
        let last = barrier_in(&input).is_some_and(|(_, last)| last);
        let mut effects = run(role, input);
        if flushed && self.flushing.take().is_some() {
            let released = effects.iter().any(|effect| matches!(effect, Effect::Release(_)));
            effects.extend((!released).then_some(Effect::Hold(INPUT)));
        }
        // Nothing comes behind the last barrier.
        if let Some(slot) = effects.iter().find_map(flush_in).filter(|_| !last) {
            self.flushing = Some(slot);
            effects.retain(|effect| !matches!(effect, Effect::Hold(_)));
        }
        effects
    }
}
