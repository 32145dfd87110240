//! A sink subtask: a writer of Kafka transactions, and the committer of those that are pre-committed.
//!
//! At a barrier the open transaction is flushed, and only then listed, acknowledged and followed by the next one: the
//! records of two transactions never mix in order. The next producer is initialised ahead; nothing is produced ahead.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

mod committer;
mod fate;
mod recovery;
mod slots;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::alphabet::{
    Channel, Effect, Element, Input, Message, Op, Order, Outcome, Peer, Reason, Report, Request, Timer,
};
use crate::id::{Attempt, CheckpointId, Subtask, Token};
use crate::job::{CommitBy, Guarantee, Job};
use crate::kafka::{Meaning, meaning};
use crate::operator::unexpected;
use crate::role::{Batch, Effects, Role};
use crate::snapshot::{Committable, Marker, Snapshot};
use crate::transaction::{Described, Slot, TransactionState, TransactionalId};
use committer::{Committer, Progress};
use slots::{Generation, Slots};

pub use fate::{Fate, fate};

/// The chained input.
const INPUT: Channel = 0;

/// The slot of a sink without transactions.
const PLAIN: Slot = Slot::new(0);

/// What the writer is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Writer {
    /// Its input is held until a producer is ready.
    Waiting,
    /// Records go to this transaction.
    Writing { slot: Slot, records: u64 },
    /// The barrier came; its input is held until all is acknowledged by Kafka.
    Flushing { slot: Slot, records: u64, checkpoint: CheckpointId, last: bool },
    /// The last barrier came, or the job had ended when it was restored: nothing is written any more.
    Closed,
}

/// A checkpoint that is not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Unacknowledged {
    checkpoint: CheckpointId,
    /// What its snapshot lists: as it was at the barrier.
    listed: Vec<Committable>,
    /// The log of its own transaction is not durable yet.
    uploading: bool,
}

/// A sink subtask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sink {
    attempt: Attempt,
    index: u16,
    guarantee: Guarantee,
    commit_by: CommitBy,
    timeout_ms: u32,
    accept_loss: bool,
    origin: Token,
    writer: Writer,
    slots: Slots,
    committer: Committer,
    /// Without a guarantee: a flush is under way that nobody waits for, to hear whether a send failed.
    listening: bool,
    /// Acknowledgements that wait for a log to be durable, in the order of their barriers.
    unacknowledged: VecDeque<Unacknowledged>,
    /// It said that it is ready.
    ready: bool,
    /// The checkpoint that ends the job; `None` while it goes on.
    last: Option<CheckpointId>,
    /// It said that it is drained.
    drained: bool,
}

impl Sink {
    /// A sink subtask that commits what the restored checkpoint lists. `drained_at`: the job had ended there.
    pub fn new(
        job: &Job,
        attempt: Attempt,
        origin: Token,
        index: u16,
        listed: Vec<Committable>,
        drained_at: Option<CheckpointId>,
    ) -> Self {
        let mut committer = Committer::restore(job, attempt, origin, index, listed);
        if let Some(checkpoint) = drained_at {
            committer.completed(checkpoint);
        }
        let writer = if drained_at.is_some() { Writer::Closed } else { Writer::Waiting };
        let slots = Slots::default();
        Self {
            attempt,
            index,
            guarantee: job.guarantee,
            commit_by: job.commit_by,
            timeout_ms: job.transaction_timeout_ms,
            accept_loss: job.accept_loss,
            origin,
            writer,
            slots,
            committer,
            listening: false,
            unacknowledged: VecDeque::new(),
            ready: false,
            last: drained_at,
            drained: false,
        }
    }

    fn begin<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        if self.writer == Writer::Waiting {
            out.push(Effect::Hold(INPUT));
            match self.guarantee {
                Guarantee::ExactlyOnce => self.prepare(out),
                Guarantee::AtLeastOnce | Guarantee::None => self.init(PLAIN, out),
            }
        }
        self.settle(out);
    }

    fn element<B: Batch, S>(&mut self, element: Element<B>, out: &mut impl Effects<B, S>) {
        match element {
            Element::Batch(batch) => {
                let Writer::Writing { slot, records, .. } = &mut self.writer else {
                    panic!("records come to an open transaction only")
                };
                *records += batch.records();
                let slot = *slot;
                out.push(Effect::Produce { slot, batch, keep: self.is_logged() });
            }
            Element::Barrier { checkpoint, last } => self.barrier(checkpoint, last, out),
            Element::Cancel { .. } | Element::End => {} // the transaction goes on into the next checkpoint
        }
    }

    fn barrier<B, S>(&mut self, checkpoint: CheckpointId, last: bool, out: &mut impl Effects<B, S>) {
        let Writer::Writing { slot, records } = self.writer else {
            panic!("barriers come to an open transaction only")
        };
        if records == 0 {
            // An empty transaction never began at the broker: it is not listed, and goes on (FLINK-31363).
            self.acknowledge(checkpoint, last, false, out);
            return;
        }
        if self.guarantee == Guarantee::None && !last {
            // Nothing is waited for, as in Flink's `KafkaWriter`; but that a send failed is to be heard.
            self.acknowledge(checkpoint, last, false, out);
            if !core::mem::replace(&mut self.listening, true) {
                out.push(Effect::Start { op: Op::Flush(slot), request: Request::Flush(slot) });
            }
            return;
        }
        self.writer = Writer::Flushing { slot, records, checkpoint, last };
        out.push(Effect::Hold(INPUT));
        if self.listening {
            return; // what is written since is flushed when the flush before is over
        }
        if self.is_logged() {
            let marker = Marker { origin: self.origin, checkpoint };
            out.push(Effect::Mark { slot, marker });
        }
        out.push(Effect::Start { op: Op::Flush(slot), request: Request::Flush(slot) });
    }

    fn flushed<B, S>(&mut self, slot: Slot, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        if !matches!(outcome, Outcome::Flushed) {
            // A record that was not acknowledged must fail the task, never only a log line (FLINK-31305, FLINK-35749).
            self.fail(unexpected(Op::Flush(slot), outcome), out);
            return;
        }
        if core::mem::take(&mut self.listening) {
            if matches!(self.writer, Writer::Flushing { .. }) {
                out.push(Effect::Start { op: Op::Flush(slot), request: Request::Flush(slot) });
            }
            return;
        }
        let Writer::Flushing { slot: flushing, records, checkpoint, last } = self.writer else {
            panic!("a flush was under way")
        };
        assert!(slot == flushing, "one flush at a time");
        match self.guarantee {
            Guarantee::AtLeastOnce | Guarantee::None => {
                self.writer = Writer::Writing { slot: PLAIN, records: 0 };
                self.acknowledge(checkpoint, last, false, out);
                out.push(Effect::Release(INPUT));
            }
            Guarantee::ExactlyOnce => {
                // EndTxn alone ends it: its client has done its work.
                out.push(Effect::CloseProducer(slot));
                let Generation { producer, protocol } = self.slots.pre_committed(slot);
                let id = self.id(slot);
                let committable = Committable { checkpoint, id, producer, protocol, records };
                self.committer.pre_committed(committable);
                self.writer = Writer::Waiting;
                if self.is_logged() {
                    self.upload(committable, out);
                }
                self.acknowledge(checkpoint, last, self.is_logged(), out);
                if last {
                    out.push(Effect::Release(INPUT));
                }
                self.open(out);
            }
        }
    }

    /// Acknowledges a checkpoint once its own log, if it is being uploaded, and those of all before it are durable: it lists them.
    fn acknowledge<B, S>(
        &mut self,
        checkpoint: CheckpointId,
        last: bool,
        uploading: bool,
        out: &mut impl Effects<B, S>,
    ) {
        self.slots.snapshot(checkpoint);
        let listed = self.committer.unconfirmed();
        self.unacknowledged.push_back(Unacknowledged { checkpoint, listed, uploading });
        self.acknowledge_uploaded(out);
        if last {
            self.last = Some(checkpoint);
            self.writer = Writer::Closed;
        }
    }

    fn acknowledge_uploaded<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        while let Some(first) = self.unacknowledged.pop_front_if(|first| !first.uploading) {
            let Unacknowledged { checkpoint, listed, .. } = first;
            let snapshot = Snapshot::Sink(listed);
            self.report(Report::Acknowledged { checkpoint, snapshot }, out);
        }
    }

    /// Whether what a transaction holds is kept in the checkpoint too.
    fn is_logged(&self) -> bool {
        self.guarantee == Guarantee::ExactlyOnce && self.commit_by == CommitBy::Log
    }

    fn upload<B, S>(&self, committable: Committable, out: &mut impl Effects<B, S>) {
        let request = Request::Upload { slot: committable.id.slot, log: committable.log() };
        out.push(Effect::Start { op: Op::Upload(committable.checkpoint), request });
    }

    fn uploaded<B, S>(
        &mut self,
        checkpoint: CheckpointId,
        outcome: Outcome<S>,
        out: &mut impl Effects<B, S>,
    ) {
        match outcome {
            Outcome::Uploaded => {
                let waiting = self.unacknowledged.iter_mut().find(|waiting| waiting.checkpoint == checkpoint);
                waiting.expect("its log was being uploaded").uploading = false;
                self.acknowledge_uploaded(out);
            }
            Outcome::Unknown => out.push(Effect::Arm(Timer::Retry(Op::Upload(checkpoint)))),
            // Later checkpoints list the transaction too, and none could be restored without its log.
            other => self.fail(unexpected(Op::Upload(checkpoint), other), out),
        }
    }

    /// Opens the next transaction if its producer is ready, and prepares the one after it.
    fn open<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        if self.writer != Writer::Waiting {
            return;
        }
        // What may have to be written again comes before anything new.
        if self.is_logged() && !self.ready && !self.committer.is_settled() {
            return self.prepare(out);
        }
        if let Some(slot) = self.slots.open() {
            self.writer = Writer::Writing { slot, records: 0 };
            out.push(Effect::Release(INPUT));
        }
        self.prepare(out);
    }

    fn prepare<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        if let Some(slot) = self.slots.prepare() {
            self.init(slot, out);
        }
    }

    fn init<B, S>(&self, slot: Slot, out: &mut impl Effects<B, S>) {
        let request = match self.guarantee {
            Guarantee::ExactlyOnce => {
                Request::InitProducer { id: self.id(slot), timeout_ms: self.timeout_ms }
            }
            Guarantee::AtLeastOnce | Guarantee::None => Request::OpenProducer(slot),
        };
        out.push(Effect::Start { op: Op::InitProducer(slot), request });
    }

    fn initialised<B, S>(&mut self, slot: Slot, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        let op = Op::InitProducer(slot);
        match outcome {
            Outcome::Initialised {
                described: Described { state: TransactionState::Empty, producer },
                protocol,
            } => {
                self.slots.initialised(slot, Generation { producer, protocol });
                self.open(out);
                self.settle(out);
            }
            // Not what an id is in that was just initialised: this is told of an older generation.
            Outcome::Initialised { .. } => out.push(Effect::Arm(Timer::Retry(op))),
            Outcome::Opened => {
                self.writer = Writer::Writing { slot, records: 0 };
                out.push(Effect::Release(INPUT));
                self.settle(out);
            }
            Outcome::Answer(code) if meaning(code) == Meaning::Retry => {
                out.push(Effect::Arm(Timer::Retry(op)))
            }
            Outcome::Unknown => out.push(Effect::Arm(Timer::Retry(op))),
            other => self.fail(unexpected(op, other), out),
        }
    }

    fn order<B, S>(&mut self, order: Order, out: &mut impl Effects<B, S>) {
        match order {
            Order::Completed(checkpoint) => {
                self.slots.completed(checkpoint);
                self.committer.completed(checkpoint);
                self.committer.advance(out);
                self.settle(out);
            }
            // An aborted checkpoint never ends its transaction: a later one lists it too.
            Order::Aborted(_) | Order::Trigger { .. } => {}
        }
    }

    fn progress<B, S>(&mut self, progress: Progress, out: &mut impl Effects<B, S>) {
        match progress {
            Progress::Waiting => return,
            Progress::Recovered => {}
            Progress::Impossible(reason) => return self.fail(reason, out),
            Progress::Committed(committable) => self.settled(committable),
            Progress::Lost(committable, fate) => {
                if self.accept_loss {
                    self.settled(committable);
                }
                self.report(Report::Lost { committable, fate }, out);
            }
        }
        self.settle(out);
    }

    /// A slot of an older attempt is not ours to use again.
    fn settled(&mut self, committable: Committable) {
        if committable.id.attempt == self.attempt {
            self.slots.settled(committable.id.slot);
        }
    }

    /// Goes on with the commits; says when it is ready, and when it is drained.
    fn settle<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        self.committer.advance(out);
        if !self.committer.is_settled() {
            return;
        }
        if self.is_logged() {
            self.open(out);
        }
        if !self.ready && self.writer != Writer::Waiting {
            self.ready = true;
            self.report(Report::Ready, out);
        }
        if self.last.is_some() && !self.drained && self.committer.completed_checkpoint() >= self.last {
            self.drained = true;
            self.report(Report::Drained, out);
        }
    }

    fn fired<B, S>(&mut self, timer: Timer, out: &mut impl Effects<B, S>) {
        match timer {
            Timer::Retry(op @ Op::InitProducer(Slot::RECOVERY)) => self.committer.retry_fired(op, out),
            Timer::Retry(Op::InitProducer(slot)) => self.init(slot, out),
            Timer::Retry(Op::Upload(checkpoint)) => {
                let committable =
                    self.committer.of(checkpoint).expect("nothing is confirmed before it is uploaded");
                self.upload(committable, out);
            }
            Timer::Retry(op) => self.committer.retry_fired(op, out),
            _ => unreachable!("no timer of a sink"),
        }
    }

    fn id(&self, slot: Slot) -> TransactionalId {
        TransactionalId { attempt: self.attempt, subtask: self.index, slot }
    }

    fn fail<B, S>(&self, reason: Reason, out: &mut impl Effects<B, S>) {
        self.report(Report::Failed(reason), out);
    }

    fn report<B, S>(&self, report: Report<S>, out: &mut impl Effects<B, S>) {
        let message =
            Message::FromSubtask { attempt: self.attempt, subtask: Subtask::sink(self.index), report };
        out.push(Effect::Send { to: Peer::Coordinator, message });
    }
}

impl<B: Batch, S> Role<B, S> for Sink {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match input {
            Input::Begin => self.begin(out),
            Input::Element { channel, element } => {
                assert!(channel == INPUT, "a sink has one input, the operator it is chained to");
                self.element(element, out);
            }
            Input::Message { message: Message::ToSubtask { attempt, order, .. }, .. } => {
                assert!(attempt == self.attempt, "the worker passes on its own attempt only");
                self.order(order, out);
            }
            Input::Done { op: Op::Upload(checkpoint), outcome } => self.uploaded(checkpoint, outcome, out),
            Input::Done {
                op: op @ (Op::InitProducer(Slot::RECOVERY) | Op::Fence(_) | Op::ReadMarker | Op::Rewrite(_)),
                outcome,
            } => {
                let progress = self.committer.recover(op, outcome, out);
                self.progress(progress, out);
            }
            Input::Done { op: Op::InitProducer(slot), outcome } => self.initialised(slot, outcome, out),
            Input::Done { op: Op::Flush(slot), outcome } => self.flushed(slot, outcome, out),
            Input::Done { op: Op::Commit(id), outcome } => {
                let progress = self.committer.answered(id, outcome, out);
                self.progress(progress, out);
            }
            Input::Done { op: Op::Describe(id), outcome } => {
                let progress = self.committer.described(id, outcome, self.accept_loss, out);
                self.progress(progress, out);
            }
            Input::Fired(timer) => self.fired(timer, out),
            Input::Fetched { .. }
            | Input::EndOfPartition(_)
            | Input::FetchFailed { .. }
            | Input::LaunchFailed { .. }
            | Input::CoordinatorLost
            | Input::TaskFailed { .. }
            | Input::Message { .. }
            | Input::Done { .. }
            | Input::WorkerJoined { .. }
            | Input::WorkerLost(_)
            | Input::ChannelOffered { .. }
            | Input::ChannelBroken { .. }
            | Input::StopRequested => unreachable!("no input of a sink"),
        }
    }
}
