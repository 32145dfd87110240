//! The sink commits the transaction of the checkpoint that it is told of, and takes earlier ones of its attempt for
//! done.

use truecut_core::{Batch, CheckpointId, Committable, Effect, Input, Op, Order, Outcome, Request};

use crate::interpose::{Interpose, Within, order_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OnlyExactNotification {
    /// The checkpoint that it was told of last.
    told: Option<CheckpointId>,
}

impl OnlyExactNotification {
    fn is_skipped<B, S>(&self, effect: &Effect<B, S>) -> Option<Committable> {
        match effect {
            Effect::Start { request: Request::Commit(committable), .. } => Some(*committable)
                .filter(|committable| self.told.is_some_and(|told| told != committable.checkpoint)),
            _ => None,
        }
    }
}

impl Interpose for OnlyExactNotification {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Some((_, Order::Completed(checkpoint))) = order_in(&input) {
            self.told = Some(checkpoint);
        }
        let mut effects = run(role, input);
        while let Some((place, skipped)) =
            effects.iter().enumerate().find_map(|(place, effect)| Some((place, self.is_skipped(effect)?)))
        {
            effects.remove(place);
            effects
                .extend(run(role, Input::Done { op: Op::Commit(skipped.id), outcome: Outcome::Answer(0) }));
        }
        effects
    }
}
