//! The sink leaves a transaction that it knows to be lost out of its snapshots, and says that it is lost when the next checkpoint
//! is complete. One that is lost after the last barrier is told at once: nothing comes after it.

use truecut_core::{Attempt, Batch, Committable, Effect, Fate, Input, Order, Report, Subtask};

use crate::interpose::{Interpose, Within, barrier_in, listing, order_in, report, run, says};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReportLossLate {
    /// What is lost and not told.
    lost: Option<(Attempt, Subtask, Committable, Fate)>,
    /// The last barrier came.
    last: bool,
}

impl Interpose for ReportLossLate {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        self.last |= barrier_in(&input).is_some_and(|(_, last)| last);
        let completed = matches!(order_in(&input), Some((_, Order::Completed(_))));
        let late = self.lost.take_if(|_| completed);
        let mut effects = run(role, input);
        if !self.last
            && let Some(place) =
                effects.iter().position(|effect| matches!(report(effect), Some((_, _, Report::Lost { .. }))))
            && let Some((attempt, subtask, Report::Lost { committable, fate })) =
                report(&effects.remove(place))
        {
            self.lost = Some((attempt, subtask, *committable, *fate));
        }
        if let Some((_, _, lost, _)) = &self.lost {
            for (_, listed) in effects.iter_mut().filter_map(listing) {
                listed.retain(|committable| committable != lost);
            }
        }
        if let Some((attempt, subtask, committable, fate)) = late {
            effects.push(says(attempt, subtask, Report::Lost { committable, fate }));
        }
        effects
    }
}
