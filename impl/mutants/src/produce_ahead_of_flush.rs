//! The sink opens the next transaction while the flush of the one before is under way; it still acknowledges only
//! after that flush.

use truecut_core::{
    Attempt, Batch, CheckpointId, Committable, Effect, Input, Message, Op, Outcome, Peer, Report, Snapshot,
    Subtask,
};

use crate::interpose::{Interpose, Within, ack, flush_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProduceAheadOfFlush {
    /// The acknowledgement that waits for the flush.
    waiting: Option<(Attempt, Subtask, CheckpointId, Vec<Committable>)>,
}

impl Interpose for ProduceAheadOfFlush {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: op @ Op::Flush(_), outcome } = input {
            let Some((attempt, subtask, checkpoint, listed)) = self.waiting.take() else { return Vec::new() };
            if !matches!(outcome, Outcome::Flushed) {
                return run(role, Input::Done { op, outcome });
            }
            let report = Report::Acknowledged { checkpoint, snapshot: Snapshot::Sink(listed) };
            return vec![Effect::Send {
                to: Peer::Coordinator,
                message: Message::FromSubtask { attempt, subtask, report },
            }];
        }
        let mut effects = run(role, input);
        if let Some(slot) = effects.iter().find_map(flush_in) {
            let mut ahead = run(role, Input::Done { op: Op::Flush(slot), outcome: Outcome::Flushed });
            ahead.retain_mut(|effect| !self.put_off(effect));
            effects.extend(ahead);
        }
        effects
    }
}

impl ProduceAheadOfFlush {
    fn put_off<B, S>(&mut self, effect: &mut Effect<B, S>) -> bool {
        let Some(ack) = ack(effect) else { return false };
        let Snapshot::Sink(listed) = ack.snapshot else { return false };
        self.waiting = Some((ack.attempt, ack.subtask, ack.checkpoint, std::mem::take(listed)));
        true
    }
}
