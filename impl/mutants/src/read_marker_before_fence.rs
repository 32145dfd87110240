//! A recovery reads the marker first and fences the listed ids then: a commit that lands in between is in no marker that was read.

use truecut_core::{Batch, Effect, Input, MarkerEvent, Op, Outcome, Request, TransactionalId};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReadMarkerBeforeFence {
    /// The fence that waits for the marker, and its transaction timeout.
    waiting: Option<(TransactionalId, u32)>,
    read: Option<Vec<MarkerEvent>>,
}

impl Interpose for ReadMarkerBeforeFence {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Some((id, timeout_ms)) = self.waiting
            && let Input::Done { op: Op::ReadMarker, outcome: Outcome::Markers(events) } = input
        {
            self.read = Some(events);
            self.waiting = None;
            return vec![Effect::Start { op: Op::Fence(id), request: Request::Fence { id, timeout_ms } }];
        }
        let mut effects = run(role, input);
        match effects.last() {
            Some(Effect::Start { request: Request::Fence { id, timeout_ms }, .. }) if self.read.is_none() => {
                let request = Request::ReadMarker(id.subtask);
                self.waiting = Some((*id, *timeout_ms));
                effects.pop();
                effects.push(Effect::Start { op: Op::ReadMarker, request });
            }
            Some(Effect::Start { op: Op::ReadMarker, .. }) => {
                if let Some(events) = self.read.take() {
                    effects.pop();
                    let outcome = Outcome::Markers(events);
                    effects.extend(run(role, Input::Done { op: Op::ReadMarker, outcome }));
                }
            }
            _ => {}
        }
        effects
    }
}
