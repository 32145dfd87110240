//! The operator is told of a barrier on all its channels as soon as it comes on one; the later ones are swallowed and
//! nothing is held. The last checkpoint of a job is left alone: records behind its barrier would find the sink closed.

use truecut_core::{Batch, Channel, CheckpointId, Effect, Element, Input};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SkipAlignment {
    /// Input channels, as many as are held at the beginning.
    channels: Channel,
    /// Newest checkpoint that was not aligned.
    skipped: Option<CheckpointId>,
}

impl Interpose for SkipAlignment {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let begins = matches!(input, Input::Begin);
        let Input::Element { channel: first, element: Element::Barrier { checkpoint, last: false } } = input
        else {
            let effects = run(role, input);
            if begins {
                self.channels = (0..)
                    .zip(effects.iter().filter(|effect| matches!(effect, Effect::Hold(_))))
                    .map(|(n, _)| n + 1)
                    .max()
                    .unwrap_or(0);
            }
            return effects;
        };
        if self.skipped >= Some(checkpoint) {
            return Vec::new();
        }
        self.skipped = Some(checkpoint);
        let others = (0..self.channels).filter(|channel| *channel != first);
        let mut effects = Vec::new();
        for channel in std::iter::once(first).chain(others) {
            effects.extend(run(
                role,
                Input::Element { channel, element: Element::Barrier { checkpoint, last: false } },
            ));
        }
        effects.retain(|effect| !matches!(effect, Effect::Hold(_) | Effect::Release(_)));
        effects
    }
}
