//! Delivery of batches to Kafka by one generation of a producer: which request goes when, in which order, with which sequence numbers;
//! what an answer means, and what follows from none.
//!
//! [`Delivery`] is pure, like the roles: an [`Input`] goes in, [`Effect`]s come out. Who performs them finds the way to brokers,
//! encodes, waits, and reports what was answered; `B` is a batch that it can send again as it was, `P` names a partition. What holds:
//! - **Each record lands once and in order**, whatever is lost or comes late: a batch keeps its sequence numbers, and so does a partition's
//!   order. After an answer that leaves open whether a batch is in the log nothing more is sent to that partition until all that is
//!   under way has come back; then everything that is not acknowledged is sent again, in order.
//! - **A flush is answered when all before it is acknowledged**, or with the code of what never will be; every later one then fails too.
//! - **A partition is part of the transaction before anything is written to it**: in V1 by AddPartitionsToTxn, in V2 the broker
//!   sees to it (KIP-890).
//!
//! What can be tried again is, without end: it ends when Kafka aborts the transaction, whose producer is then fenced.

mod lane;
mod sequence;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

pub use sequence::Sequence;

use crate::kafka::{Adding, Appending, ErrorCode, adding, appending};
use crate::transaction::TransactionProtocol;
use lane::{Lane, Membership, Settled, UNHEARD_MAX};

/// Unacknowledged batches of one partition that Kafka can tell from new ones: its log remembers as many
/// (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub const IN_FLIGHT_MAX: usize = 5;

/// What happens to a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<P, B> {
    /// Records were collected for a partition. Their first sequence is [`Delivery::next_sequence`].
    Batch {
        /// The partition.
        to: P,
        /// How many.
        records: u32,
        /// The batch.
        batch: B,
    },
    /// Records can't be sent at all, for the reason that this code tells.
    Refused(ErrorCode),
    /// Where a topic's partitions are could not be learned.
    NotLocated(Answer),
    /// Wait for all that came before.
    Flush,
    /// Produce was answered for a batch, or was not.
    Produced {
        /// The partition.
        to: P,
        /// The batch's first sequence.
        first: Sequence,
        /// The answer.
        answer: Answer,
    },
    /// AddPartitionsToTxn was answered for each partition, or was not.
    Added(Vec<(P, Answer)>),
    /// A pause is over.
    Fired(Timer<P>),
    /// The transaction was ended, and this generation is used for the next one. Only a wrong protocol does that.
    Ended,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Kafka's raw code.
    Code(ErrorCode),
    /// None: it has landed, has not landed, or lands later.
    Missing,
}

/// Pauses before something is tried again. How long they are is not decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer<P> {
    /// Before a partition's batches are sent again.
    Produce(P),
    /// Before partitions are added again.
    Add,
    /// Before it is asked again where partitions are.
    Locate,
}

/// What a delivery wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<P, B> {
    /// Add these partitions to the transaction, by one request.
    Add(Vec<P>),
    /// Send this batch to the partition's leader. Batches of one partition travel in this order.
    Produce {
        /// The partition.
        to: P,
        /// The batch's first sequence.
        first: Sequence,
        /// The batch.
        batch: B,
    },
    /// Say when a pause is over.
    Arm(Timer<P>),
    /// The oldest flush that was not answered: all before it is acknowledged.
    Flushed {
        /// Records since the flush before it.
        records: u64,
    },
    /// The oldest flush that was not answered: something before it will never be acknowledged, for the reason that this code tells.
    Failed(ErrorCode),
}

/// The batches of one generation of a producer on their way into partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery<P, B> {
    /// V1: partitions must be added before they are written to.
    adds: bool,
    window: usize,
    lanes: BTreeMap<P, Lane<B>>,
    /// Between two flushes each; the last one is open. Invariant: never empty.
    intervals: VecDeque<Interval>,
    /// The number of the first of them.
    first_interval: u64,
    adding: Request,
    /// How often in a row nobody had heard of a topic.
    unheard: u8,
    failed: Option<ErrorCode>,
}

/// What was produced between two flushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Interval {
    unacknowledged: u64,
    records: u64,
}

/// A request of which there is one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Request {
    Idle,
    UnderWay,
    Pausing,
}

impl<P: Copy + Ord, B: Clone> Delivery<P, B> {
    /// A delivery by a new generation in this protocol, or by one without transactions. At most `window` batches of a partition are sent
    /// beyond what is acknowledged: [`IN_FLIGHT_MAX`], or less.
    ///
    /// # Panics
    /// If `window` is 0.
    #[must_use]
    pub fn new(protocol: Option<TransactionProtocol>, window: usize) -> Self {
        assert!(window > 0, "something must be sent");
        Self {
            adds: protocol == Some(TransactionProtocol::V1),
            window,
            lanes: BTreeMap::new(),
            intervals: VecDeque::from([Interval::default()]),
            first_interval: 0,
            adding: Request::Idle,
            unheard: 0,
            failed: None,
        }
    }

    /// The first sequence of the batch that comes next for a partition.
    #[must_use]
    pub fn next_sequence(&self, to: P) -> Sequence {
        self.lanes.get(&to).map_or(Sequence::FIRST, Lane::next)
    }

    /// The code that every flush fails with from now on.
    #[must_use]
    pub fn failed(&self) -> Option<ErrorCode> {
        self.failed
    }

    /// Takes one input to completion.
    pub fn step(&mut self, input: Input<P, B>, out: &mut Vec<Effect<P, B>>) {
        match input {
            Input::Batch { to, records, batch } => self.batch(to, records, batch, out),
            Input::Refused(code) => self.fail(code, out),
            Input::NotLocated(answer) => self.not_located(answer, out),
            Input::Flush => self.flush(out),
            Input::Produced { to, first, answer } => self.produced(to, first, answer, out),
            Input::Added(answers) => self.added(answers, out),
            Input::Fired(Timer::Produce(to)) => {
                if let Some(lane) = self.lanes.get_mut(&to) {
                    lane.resume();
                    lane.send(to, self.window, out);
                }
            }
            Input::Fired(Timer::Add) => {
                self.adding = Request::Idle;
                self.add(out);
            }
            Input::Fired(Timer::Locate) => {} // whoever needs the way asks for it
            Input::Ended => self.ended(),
        }
    }

    fn batch(&mut self, to: P, records: u32, batch: B, out: &mut Vec<Effect<P, B>>) {
        if self.failed.is_some() {
            return;
        }
        let interval = self.intervals.back_mut().expect("the last interval is open");
        interval.unacknowledged += 1;
        interval.records += u64::from(records);
        let number = self.first_interval + count(self.intervals.len()) - 1;
        let membership = if self.adds { Membership::Outside } else { Membership::Member };
        let lane = self.lanes.entry(to).or_insert_with(|| Lane::new(membership));
        lane.push(records, batch, number);
        lane.send(to, self.window, out);
        self.unheard = 0;
        self.add(out);
    }

    /// Adds what is not part of the transaction yet, one request at a time.
    fn add(&mut self, out: &mut Vec<Effect<P, B>>) {
        if !self.adds || self.adding != Request::Idle {
            return;
        }
        let mut outside = Vec::new();
        for (to, lane) in &mut self.lanes {
            if lane.membership == Membership::Outside && !lane.is_empty() {
                lane.membership = Membership::Asked;
                outside.push(*to);
            }
        }
        if !outside.is_empty() {
            self.adding = Request::UnderWay;
            out.push(Effect::Add(outside));
        }
    }

    fn added(&mut self, answers: Vec<(P, Answer)>, out: &mut Vec<Effect<P, B>>) {
        if self.adding != Request::UnderWay {
            return;
        }
        self.adding = Request::Idle;
        for (to, answer) in answers {
            let Some(lane) = self.lanes.get_mut(&to).filter(|lane| lane.membership == Membership::Asked)
            else {
                continue;
            };
            let meaning = match answer {
                Answer::Code(code) => adding(code),
                Answer::Missing => Adding::Retry,
            };
            match meaning {
                Adding::Done => {
                    lane.membership = Membership::Member;
                    lane.send(to, self.window, out);
                }
                Adding::Retry => {
                    lane.membership = Membership::Outside;
                    self.adding = Request::Pausing;
                }
                Adding::Refused(code) => return self.fail(code, out),
            }
        }
        if self.adding == Request::Pausing {
            out.push(Effect::Arm(Timer::Add));
        }
        self.add(out);
    }

    fn produced(&mut self, to: P, first: Sequence, answer: Answer, out: &mut Vec<Effect<P, B>>) {
        let Some(lane) = self.lanes.get_mut(&to) else { return };
        match lane.answered(to, first, answer, out) {
            Settled::Going => lane.send(to, self.window, out),
            Settled::Acknowledged(interval) => {
                lane.send(to, self.window, out);
                let at =
                    usize::try_from(interval - self.first_interval).expect("as many as there are flushes");
                self.intervals[at].unacknowledged -= 1;
                self.answer_flushes(out);
            }
            Settled::Failed(code) => self.fail(code, out),
        }
    }

    fn not_located(&mut self, answer: Answer, out: &mut Vec<Effect<P, B>>) {
        let code = match answer {
            Answer::Missing => return out.push(Effect::Arm(Timer::Locate)),
            Answer::Code(code) => code,
        };
        match appending(code) {
            Appending::Done | Appending::Retry => out.push(Effect::Arm(Timer::Locate)),
            Appending::Unheard if self.unheard < UNHEARD_MAX => {
                self.unheard += 1;
                out.push(Effect::Arm(Timer::Locate));
            }
            Appending::OutOfOrder | Appending::Unheard | Appending::Refused => self.fail(code, out),
        }
    }

    fn flush(&mut self, out: &mut Vec<Effect<P, B>>) {
        if let Some(code) = self.failed {
            return out.push(Effect::Failed(code));
        }
        self.intervals.push_back(Interval::default());
        self.answer_flushes(out);
    }

    fn answer_flushes(&mut self, out: &mut Vec<Effect<P, B>>) {
        while self.intervals.len() > 1 && self.intervals[0].unacknowledged == 0 {
            let records = self.intervals.pop_front().map_or(0, |interval| interval.records);
            self.first_interval += 1;
            out.push(Effect::Flushed { records });
        }
    }

    /// What is under way is forgotten: its answers change nothing any more.
    fn fail(&mut self, code: ErrorCode, out: &mut Vec<Effect<P, B>>) {
        if self.failed.is_some() {
            return;
        }
        self.failed = Some(code);
        self.lanes.clear();
        let waiting = self.intervals.len() - 1;
        self.intervals = VecDeque::from([Interval::default()]);
        out.extend((0..waiting).map(|_| Effect::Failed(code)));
    }

    fn ended(&mut self) {
        if self.adds {
            self.lanes.values_mut().for_each(|lane| lane.membership = Membership::Outside);
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).expect("usize has at most 64 bits")
}
