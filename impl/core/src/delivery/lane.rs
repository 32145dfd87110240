//! One partition of a delivery: its batches in order, how many of them are on the way, and what an answer does to them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::sequence::Sequence;
use super::{Answer, Effect, Timer};
use crate::kafka::{Appending, ErrorCode, appending};

/// How often in a row a partition may be unknown to its broker before it is taken as one that is not there: a broker hears
/// of a new topic later than the one that made it.
pub(super) const UNHEARD_MAX: u8 = 50;

/// Batches of one partition that are not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane<B> {
    /// Invariant: in the order of their sequences, without gap; the first is not acknowledged.
    queue: VecDeque<Pending<B>>,
    next: Sequence,
    flow: Flow,
    pub(super) membership: Membership,
    /// The log knows this generation: something of it was acknowledged.
    known: bool,
    unheard: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending<B> {
    first: Sequence,
    batch: B,
    /// The flush that it belongs to.
    interval: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// To be sent, or to be sent again.
    Waiting,
    /// Sent, and neither answered nor given up.
    InFlight,
    /// In the log, behind one that may not be.
    Acknowledged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Flow {
    /// Batches are sent as they come.
    Flowing,
    /// One came back: nothing is sent until every other that is on its way has come back too.
    Draining,
    /// A pause before what came back is sent again.
    Pausing,
}

/// Whether the partition is part of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Membership {
    Outside,
    /// AddPartitionsToTxn is under way.
    Asked,
    Member,
}

/// What an answer did to a lane.
pub(super) enum Settled {
    /// Nothing but that something may be sent.
    Going,
    /// A batch of this interval is acknowledged.
    Acknowledged(u64),
    /// It will never be.
    Failed(ErrorCode),
}

impl<B: Clone> Lane<B> {
    pub(super) fn new(membership: Membership) -> Self {
        Self {
            queue: VecDeque::new(),
            next: Sequence::FIRST,
            flow: Flow::Flowing,
            membership,
            known: false,
            unheard: 0,
        }
    }

    pub(super) fn next(&self) -> Sequence {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, records: u32, batch: B, interval: u64) {
        let first = self.next;
        self.next = first.after(records);
        self.queue.push_back(Pending { first, batch, interval, state: State::Waiting });
    }

    /// Sends what may be sent. The window begins at the first batch that is not acknowledged, not at the first that is in flight: the log
    /// remembers as many batches, and must still know each that may be sent again.
    pub(super) fn send<P: Copy>(&mut self, to: P, window: usize, out: &mut Vec<Effect<P, B>>) {
        if self.flow != Flow::Flowing || self.membership != Membership::Member {
            return;
        }
        // A log without a trace of the generation takes any sequence (Kafka's `ProducerAppendInfo.checkSequence`): a second batch
        // could overtake a first one that was refused. So the first goes alone.
        let window = if self.known { window } else { 1 };
        for pending in self.queue.iter_mut().take(window) {
            if pending.state == State::Waiting {
                pending.state = State::InFlight;
                out.push(Effect::Produce { to, first: pending.first, batch: pending.batch.clone() });
            }
        }
    }

    /// A batch was answered, or was not. Of one that is not on its way nothing is learned.
    pub(super) fn answered<P: Copy>(
        &mut self,
        to: P,
        first: Sequence,
        answer: Answer,
        out: &mut Vec<Effect<P, B>>,
    ) -> Settled {
        let sent = |pending: &Pending<B>| pending.first == first && pending.state == State::InFlight;
        let Some(at) = self.queue.iter().position(sent) else { return Settled::Going };
        let (state, settled) = match self.read(at, answer) {
            Ok(State::Acknowledged) => {
                (self.known, self.unheard) = (true, 0);
                (State::Acknowledged, Settled::Acknowledged(self.queue[at].interval))
            }
            Ok(state) => {
                self.flow = Flow::Draining;
                (state, Settled::Going)
            }
            Err(code) => return Settled::Failed(code),
        };
        self.queue[at].state = state;
        while self.queue.pop_front_if(|first| first.state == State::Acknowledged).is_some() {}
        let on_the_way = self.queue.iter().any(|pending| pending.state == State::InFlight);
        if self.flow == Flow::Draining && !on_the_way {
            self.flow = Flow::Pausing;
            out.push(Effect::Arm(Timer::Produce(to)));
        }
        settled
    }

    /// What becomes of the batch, or the code with which it fails.
    fn read(&mut self, at: usize, answer: Answer) -> Result<State, ErrorCode> {
        let Answer::Code(code) = answer else { return Ok(State::Waiting) };
        match appending(code) {
            Appending::Done => Ok(State::Acknowledged),
            Appending::Retry => Ok(State::Waiting),
            // One before it is not in the log: both are sent again. Otherwise the log has lost something.
            Appending::OutOfOrder if at > 0 => Ok(State::Waiting),
            // All that are on the way come back: the first of them stands for the round.
            Appending::Unheard if at > 0 => Ok(State::Waiting),
            Appending::Unheard if self.unheard < UNHEARD_MAX => {
                self.unheard += 1;
                Ok(State::Waiting)
            }
            Appending::OutOfOrder | Appending::Unheard | Appending::Refused => Err(code),
        }
    }

    /// The pause is over.
    pub(super) fn resume(&mut self) {
        if self.flow == Flow::Pausing {
            self.flow = Flow::Flowing;
        }
    }
}
