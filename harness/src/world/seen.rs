//! What of the traces concerns the world, and in which order it happened: by the one clock of the machine.

use std::collections::HashSet;

use truecut_core::{Effect, Input, Marker, Op, Outcome, Slot};
use truecut_runtime::trace::{Construction, Event, Frame, Header};

use super::{Answered, Asked, Trace, is_of_the_world};

/// Something that concerns the world.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at_us: u64,
    pub(super) trace: Trace,
    pub(super) sequence: u64,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// An intent.
    Start(Op, Asked),
    /// An answer.
    Done(Op, Answered),
    /// The first records of a transaction go to this slot's producer.
    Records(Slot),
    /// A marker goes to this slot's producer.
    Mark(Slot, Marker),
    /// The trace is over: its role ended, or its process was killed. What is under way may still land.
    Over,
}

/// All that was seen.
#[derive(Debug, Default)]
pub(super) struct Seens {
    all: Vec<Seen>,
    /// Slots whose first records since the last flush were seen.
    begun: HashSet<(Trace, Slot)>,
    prefix: Option<String>,
}

impl Seens {
    pub(super) fn visit(&mut self, trace: Trace, header: &Header, frame: &Frame) {
        if self.prefix.is_none() {
            self.prefix = match &header.construction {
                Construction::Coordinator { job, .. } | Construction::Subtask { job, .. } => {
                    Some(job.prefix.clone())
                }
                Construction::Worker => None,
            };
        }
        let what = match &frame.event {
            Event::Effect(effect) => self.effect(trace, effect),
            Event::Input { input: Input::Done { op, outcome }, .. } => self.done(trace, *op, outcome),
            Event::Input { .. } | Event::End => None,
        };
        if let Some(what) = what {
            self.all.push(Seen { at_us: frame.monotonic_us, trace, sequence: frame.sequence, what });
        }
    }

    fn effect<B>(
        &mut self,
        trace: Trace,
        effect: &Effect<B, truecut_runtime::store::StateHandle>,
    ) -> Option<What> {
        match effect {
            Effect::Start { op, request } => is_of_the_world(*op).then(|| What::Start(*op, request.clone())),
            Effect::Produce { slot, .. } => self.begun.insert((trace, *slot)).then_some(What::Records(*slot)),
            Effect::Mark { slot, marker } => Some(What::Mark(*slot, *marker)),
            Effect::Emit(_)
            | Effect::Process(_)
            | Effect::CloseProducer(_)
            | Effect::Hold(_)
            | Effect::Release(_)
            | Effect::Consume { .. }
            | Effect::Send { .. }
            | Effect::Arm(_)
            | Effect::Disarm(_)
            | Effect::Launch(_)
            | Effect::Stop(_)
            | Effect::Accept { .. }
            | Effect::Refuse { .. }
            | Effect::Disconnect(_)
            | Effect::Halt(_) => None,
        }
    }

    fn done(
        &mut self,
        trace: Trace,
        op: Op,
        outcome: &Outcome<truecut_runtime::store::StateHandle>,
    ) -> Option<What> {
        if let Op::Flush(slot) | Op::InitProducer(slot) = op {
            self.begun.remove(&(trace, slot));
        }
        is_of_the_world(op).then(|| What::Done(op, outcome.clone()))
    }

    /// All of it in the order of the clock, and of what is equal there in the order of each trace. `ends`: when each trace was over.
    /// Also gives the prefix of the job's transactional ids.
    pub(super) fn in_order(mut self, ends: &[u64]) -> (Vec<Seen>, Option<String>) {
        for (trace, at_us) in (0..).zip(ends) {
            self.all.push(Seen { at_us: *at_us, trace, sequence: u64::MAX, what: What::Over });
        }
        self.all.sort_by_key(|seen| seen.at_us); // finds the runs that are in order already
        (self.all, self.prefix)
    }
}
