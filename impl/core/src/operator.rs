//! An operator subtask: aligns barriers, snapshots its state at them, passes them on.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

use crate::alignment::{Alignment, Arrival};
use crate::alphabet::{
    Channel, Effect, Element, Input, Message, Op, Order, Outcome, Peer, Reason, Report, Request,
};
use crate::id::{Attempt, CheckpointId, CheckpointName, Subtask};
use crate::role::{Effects, Role};
use crate::snapshot::Snapshot;

/// An operator subtask. `S` is a handle to its state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator<S> {
    attempt: Attempt,
    index: u16,
    channels: u16,
    /// The state to load; gone once it was asked for.
    restore: Option<Option<S>>,
    alignment: Alignment,
    /// Its function failed: a record is missing from its state, which no checkpoint may hold.
    failed: bool,
}

impl<S: Clone> Operator<S> {
    /// An operator subtask with this many input channels that restores this state.
    pub fn new(attempt: Attempt, index: u16, channels: u16, restore: Option<S>) -> Self {
        let alignment = Alignment::new(channels);
        Self { attempt, index, channels, restore: Some(restore), alignment, failed: false }
    }

    fn begin<B>(&mut self, out: &mut impl Effects<B, S>) {
        let state = self.restore.take().expect("it begins once");
        for channel in 0..self.channels {
            out.push(Effect::Hold(channel));
        }
        out.push(Effect::Start { op: Op::Restore, request: Request::Restore(state) });
    }

    fn restored<B>(&self, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        match outcome {
            Outcome::Restored => {
                for channel in 0..self.channels {
                    out.push(Effect::Release(channel));
                }
                self.report(Report::Ready, out);
            }
            other => self.report(Report::Failed(unexpected(Op::Restore, other)), out),
        }
    }

    fn element<B>(&mut self, channel: Channel, element: Element<B>, out: &mut impl Effects<B, S>) {
        match element {
            Element::Batch(batch) => {
                assert!(!self.alignment.is_held(channel), "nothing is taken from a held channel");
                out.push(Effect::Process(batch));
            }
            Element::Barrier { checkpoint, last } => {
                for arrival in self.alignment.barrier(channel, checkpoint, last) {
                    self.arrival(arrival, out);
                }
            }
            Element::Cancel { checkpoint } => {
                let arrival = self.alignment.cancel(channel, checkpoint);
                self.arrival(arrival, out);
            }
            Element::End => {
                let arrival = self.alignment.end(channel);
                self.arrival(arrival, out);
                if self.alignment.is_ended() {
                    out.push(Effect::Emit(Element::End));
                }
            }
        }
    }

    fn arrival<B>(&self, arrival: Arrival, out: &mut impl Effects<B, S>) {
        match arrival {
            Arrival::Nothing => {}
            Arrival::Hold(channel) => out.push(Effect::Hold(channel)),
            Arrival::Aligned { checkpoint, last, release } => {
                // The state is captured before anything that was held is released.
                let name = CheckpointName { attempt: self.attempt, id: checkpoint };
                out.push(Effect::Start { op: Op::Snapshot(checkpoint), request: Request::Snapshot(name) });
                out.push(Effect::Emit(Element::Barrier { checkpoint, last }));
                release.into_iter().for_each(|channel| out.push(Effect::Release(channel)));
            }
            Arrival::Cancelled { checkpoint, release } => {
                out.push(Effect::Emit(Element::Cancel { checkpoint }));
                self.report(Report::Declined(checkpoint), out);
                release.into_iter().for_each(|channel| out.push(Effect::Release(channel)));
            }
        }
    }

    /// Only a snapshot that is durable is acknowledged.
    fn snapshotted<B>(&self, checkpoint: CheckpointId, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        match outcome {
            Outcome::Snapshotted(state) => {
                let snapshot = Snapshot::Operator(Some(state));
                self.report(Report::Acknowledged { checkpoint, snapshot }, out);
            }
            _ => self.report(Report::Declined(checkpoint), out),
        }
    }

    fn report<B>(&self, report: Report<S>, out: &mut impl Effects<B, S>) {
        let message =
            Message::FromSubtask { attempt: self.attempt, subtask: Subtask::operator(self.index), report };
        out.push(Effect::Send { to: Peer::Coordinator, message });
    }
}

impl<B, S: Clone> Role<B, S> for Operator<S> {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match input {
            Input::Begin => self.begin(out),
            Input::Element { .. } if self.failed => {}
            Input::Element { channel, element } => self.element(channel, element, out),
            Input::Message { message: Message::ToSubtask { attempt, order, .. }, .. } => {
                assert!(attempt == self.attempt, "the worker passes on its own attempt only");
                match order {
                    Order::Aborted(checkpoint) => {
                        let arrival = self.alignment.abort(checkpoint);
                        self.arrival(arrival, out);
                    }
                    Order::Trigger { .. } | Order::Completed(_) => {}
                }
            }
            Input::Done { op: Op::Restore, outcome } => self.restored(outcome, out),
            Input::Done { op: Op::Snapshot(checkpoint), outcome } => {
                self.snapshotted(checkpoint, outcome, out)
            }
            Input::TaskFailed { detail } => {
                self.failed = true;
                self.report(Report::Failed(Reason::Task { detail }), out);
            }
            Input::Fetched { .. }
            | Input::EndOfPartition(_)
            | Input::FetchFailed { .. }
            | Input::LaunchFailed { .. }
            | Input::CoordinatorLost
            | Input::Message { .. }
            | Input::Done { .. }
            | Input::Fired(_)
            | Input::WorkerJoined { .. }
            | Input::WorkerLost(_)
            | Input::ChannelOffered { .. }
            | Input::ChannelBroken { .. }
            | Input::StopRequested => unreachable!("no input of an operator"),
        }
    }
}

/// The reason that an outcome other than the expected one gives.
pub(crate) fn unexpected<S>(op: Op, outcome: Outcome<S>) -> Reason {
    match outcome {
        Outcome::Answer(code) => Reason::Kafka { op, code },
        Outcome::Failed { detail } => Reason::Environment { op, detail },
        _ => Reason::Environment { op, detail: "no answer came".into() },
    }
}
