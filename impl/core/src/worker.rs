//! A worker process (Flink's TaskManager): which attempt it serves, and what of other attempts it refuses.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::alphabet::{Deployment, Effect, Input, Message, Order, Peer, Reason, Report};
use crate::id::{Attempt, Subtask};
use crate::role::{Effects, Role};

/// A data channel that another worker offered before this one was told of the attempt.
type Offer = (Attempt, Subtask, Subtask);

/// A worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    /// The newest attempt that it was told of.
    attempt: Option<Attempt>,
    /// Its subtasks in that attempt; empty when it was cancelled.
    running: Vec<Subtask>,
    /// Invariant: all of newer attempts.
    offers: BTreeSet<Offer>,
}

impl Worker {
    /// A worker that was told nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn deploy<B, S>(&mut self, deployment: Deployment<S>, out: &mut impl Effects<B, S>) {
        if self.attempt >= Some(deployment.attempt) {
            return; // repeated, or of an older attempt
        }
        self.stop(out);
        self.attempt = Some(deployment.attempt);
        self.running = deployment.tasks.iter().map(|task| task.subtask).collect();
        let attempt = deployment.attempt;
        out.push(Effect::Launch(deployment));
        for (of, from, to) in core::mem::take(&mut self.offers) {
            self.offered(of, from, to, out);
        }
        assert!(self.offers.iter().all(|offer| offer.0 > attempt), "offers of this attempt are settled");
    }

    fn cancel<B, S>(&mut self, attempt: Attempt, out: &mut impl Effects<B, S>) {
        if self.attempt <= Some(attempt) {
            self.stop(out);
            self.attempt = Some(attempt);
        }
    }

    fn stop<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        if let Some(attempt) = self.attempt.filter(|_| !self.running.is_empty()) {
            self.running.clear();
            out.push(Effect::Stop(attempt));
        }
    }

    fn serves(&self, attempt: Attempt) -> bool {
        self.attempt == Some(attempt) && !self.running.is_empty()
    }

    fn offered<B, S>(&mut self, attempt: Attempt, from: Subtask, to: Subtask, out: &mut impl Effects<B, S>) {
        if self.serves(attempt) && self.running.contains(&to) {
            out.push(Effect::Accept { attempt, from, to });
        } else if self.attempt < Some(attempt) {
            self.offers.insert((attempt, from, to));
        } else {
            out.push(Effect::Refuse { attempt, from, to });
        }
    }

    fn coordinator_says<B, S>(&mut self, message: Message<S>, out: &mut impl Effects<B, S>) {
        match message {
            Message::Deploy(deployment) => self.deploy(deployment, out),
            Message::Cancel(attempt) => self.cancel(attempt, out),
            Message::Heartbeat { attempt, latest } => {
                out.push(Effect::Send { to: Peer::Coordinator, message: Message::Pulse });
                if let Some(latest) = latest.filter(|_| self.serves(attempt)) {
                    for subtask in self.running.clone() {
                        pass_on(attempt, subtask, Order::Completed(latest), out);
                    }
                }
            }
            Message::ToSubtask { attempt, subtask, order } => {
                if self.serves(attempt) && self.running.contains(&subtask) {
                    pass_on(attempt, subtask, order, out);
                }
            }
            Message::Pulse | Message::FromSubtask { .. } => unreachable!("no message of a coordinator"),
        }
    }

    fn subtask_says<B, S>(&self, message: Message<S>, out: &mut impl Effects<B, S>) {
        if let Message::FromSubtask { attempt, .. } = message
            && self.serves(attempt)
        {
            out.push(Effect::Send { to: Peer::Coordinator, message });
        }
    }

    /// Fails the attempt. A broken data channel does: there is no reconnection within one.
    fn task_failed<B, S>(
        &self,
        attempt: Attempt,
        subtask: Subtask,
        reason: Reason,
        out: &mut impl Effects<B, S>,
    ) {
        let report = Report::Failed(reason);
        self.subtask_says(Message::FromSubtask { attempt, subtask, report }, out);
    }
}

fn pass_on<B, S>(attempt: Attempt, subtask: Subtask, order: Order, out: &mut impl Effects<B, S>) {
    let message = Message::ToSubtask { attempt, subtask, order };
    out.push(Effect::Send { to: Peer::Subtask(subtask), message });
}

impl<B, S> Role<B, S> for Worker {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match input {
            Input::Begin => {}
            Input::Message { from: Peer::Coordinator, message } => self.coordinator_says(message, out),
            Input::Message { from: Peer::Subtask(_), message } => self.subtask_says(message, out),
            Input::ChannelOffered { attempt, from, to } => self.offered(attempt, from, to, out),
            Input::ChannelBroken { attempt, subtask } => {
                self.task_failed(attempt, subtask, Reason::ChannelBroken, out);
            }
            Input::LaunchFailed { attempt, detail } => {
                // Any of them stands for all: the attempt fails as a whole.
                if let Some(subtask) = self.running.first() {
                    self.task_failed(attempt, *subtask, Reason::Task { detail }, out);
                }
            }
            // Without a coordinator nobody says what is complete, and the next attempt runs elsewhere.
            Input::CoordinatorLost => self.stop(out),
            Input::Element { .. }
            | Input::Fetched { .. }
            | Input::EndOfPartition(_)
            | Input::FetchFailed { .. }
            | Input::Message { from: Peer::Worker(_), .. }
            | Input::Done { .. }
            | Input::Fired(_)
            | Input::WorkerJoined { .. }
            | Input::WorkerLost(_)
            | Input::TaskFailed { .. }
            | Input::StopRequested => unreachable!("no input of a worker"),
        }
    }
}
