//! A source subtask: the next offset of each of its partitions, and barriers at the coordinator's word.
//!
//! Offsets live in the checkpoint. What is committed to the consumer group is for monitoring tools only (FLIP-27
//! `KafkaSourceReader`), and is committed only once the checkpoint is complete.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::alphabet::{Effect, Element, Input, Message, Op, Order, Outcome, Peer, Reason, Report, Request};
use crate::id::{Attempt, CheckpointId, NextOffset, Offset, Partition, Subtask};
use crate::job::{Isolation, Job};
use crate::kafka::{Meaning, meaning};
use crate::role::{Effects, Role};
use crate::snapshot::Snapshot;

/// A source subtask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    attempt: Attempt,
    index: u16,
    isolation: Isolation,
    /// Next offset of each partition that it owns. Invariant: an offset never goes back.
    offsets: BTreeMap<Partition, NextOffset>,
    /// Offsets at each barrier whose checkpoint is neither complete nor aborted.
    at_barrier: BTreeMap<CheckpointId, BTreeMap<Partition, NextOffset>>,
    /// Newest checkpoint that it was told of.
    triggered: Option<CheckpointId>,
    /// Partitions whose end is still to be met before the input counts as read; `None` if nobody asks.
    unread: Option<BTreeSet<Partition>>,
    /// Its input can't be read: what comes after the failure may leave something out.
    failed: bool,
    /// Nothing is emitted any more: the last barrier went out, or the job had ended when it was restored.
    drained: bool,
    /// An offset commit is under way, and this is what to commit after it.
    committing: Option<Option<BTreeMap<Partition, NextOffset>>>,
}

impl Source {
    /// A source subtask that restores these offsets.
    pub fn new(
        job: &Job,
        attempt: Attempt,
        index: u16,
        offsets: BTreeMap<Partition, NextOffset>,
        drained: bool,
    ) -> Self {
        Self {
            attempt,
            index,
            isolation: job.isolation,
            unread: job.bounded.then(|| offsets.keys().copied().collect()),
            offsets,
            at_barrier: BTreeMap::new(),
            triggered: None,
            failed: false,
            drained,
            committing: None,
        }
    }

    /// Next offset of each of its partitions.
    pub fn offsets(&self) -> &BTreeMap<Partition, NextOffset> {
        &self.offsets
    }

    fn begin<B, S>(&self, out: &mut impl Effects<B, S>) {
        if !self.drained && !self.offsets.is_empty() {
            let report_end = self.unread.is_some();
            let (offsets, isolation) = (self.offsets.clone(), self.isolation);
            out.push(Effect::Consume { offsets, isolation, report_end });
        }
        self.report(Report::Ready, out);
        self.say_if_read(out);
    }

    /// Reading goes on until the last barrier: what comes meanwhile is before it or after it, like any record.
    fn at_end<B, S>(&mut self, partition: Partition, out: &mut impl Effects<B, S>) {
        if self.unread.as_mut().is_some_and(|unread| unread.remove(&partition)) {
            self.say_if_read(out);
        }
    }

    fn say_if_read<B, S>(&self, out: &mut impl Effects<B, S>) {
        if !self.drained && self.unread.as_ref().is_some_and(BTreeSet::is_empty) {
            self.report(Report::AtEnd, out);
        }
    }

    fn fetched<B, S>(
        &mut self,
        partition: Partition,
        batch: B,
        first: Offset,
        last: Offset,
        out: &mut impl Effects<B, S>,
    ) {
        if self.failed || self.drained {
            return; // what was read ahead of the last barrier is read again by the job that resumes
        }
        let offset = self.offsets.get_mut(&partition).expect("records come of partitions that it owns");
        assert!(offset.get() <= first.get() && first <= last, "offsets go forward");
        *offset = last.one_past();
        out.push(Effect::Emit(Element::Batch(batch)));
    }

    fn order<B, S>(&mut self, order: Order, out: &mut impl Effects<B, S>) {
        match order {
            Order::Trigger { checkpoint, last } => self.trigger(checkpoint, last, out),
            Order::Completed(checkpoint) => self.completed(checkpoint, out),
            Order::Aborted(checkpoint) => self.aborted(checkpoint, out),
        }
    }

    fn trigger<B, S>(&mut self, checkpoint: CheckpointId, last: bool, out: &mut impl Effects<B, S>) {
        if self.triggered >= Some(checkpoint) {
            return; // repeated, or aborted before it was triggered here
        }
        self.triggered = Some(checkpoint);
        if self.failed || self.drained {
            self.report(Report::Declined(checkpoint), out);
            return;
        }
        self.at_barrier.insert(checkpoint, self.offsets.clone());
        out.push(Effect::Emit(Element::Barrier { checkpoint, last }));
        let snapshot = Snapshot::Source(self.offsets.clone());
        self.report(Report::Acknowledged { checkpoint, snapshot }, out);
        if last {
            self.drained = true;
            out.push(Effect::Emit(Element::End));
        }
    }

    fn completed<B, S>(&mut self, checkpoint: CheckpointId, out: &mut impl Effects<B, S>) {
        let later = self.at_barrier.split_off(&checkpoint.next());
        let done = core::mem::replace(&mut self.at_barrier, later);
        // A repeated notification finds nothing, one that jumps ahead subsumes those before it.
        if let Some((_, offsets)) = done.into_iter().next_back() {
            match &mut self.committing {
                Some(after) => *after = Some(offsets),
                None => self.commit(offsets, out),
            }
        }
    }

    /// A checkpoint that is aborted before it was triggered here is skipped, and downstream is told in band.
    fn aborted<B, S>(&mut self, checkpoint: CheckpointId, out: &mut impl Effects<B, S>) {
        self.at_barrier.remove(&checkpoint);
        if self.triggered < Some(checkpoint) && !self.drained {
            self.triggered = Some(checkpoint);
            out.push(Effect::Emit(Element::Cancel { checkpoint }));
        }
    }

    fn commit<B, S>(&mut self, offsets: BTreeMap<Partition, NextOffset>, out: &mut impl Effects<B, S>) {
        if offsets.is_empty() {
            return;
        }
        self.committing = Some(None);
        out.push(Effect::Start { op: Op::CommitOffsets, request: Request::CommitOffsets(offsets) });
    }

    /// The group's offsets are for monitoring: a commit that failed is made good by the next one.
    fn committed<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        let after = self.committing.take().expect("an offset commit was under way");
        if let Some(offsets) = after {
            self.commit(offsets, out);
        }
    }

    fn report<B, S>(&self, report: Report<S>, out: &mut impl Effects<B, S>) {
        let message =
            Message::FromSubtask { attempt: self.attempt, subtask: Subtask::source(self.index), report };
        out.push(Effect::Send { to: Peer::Coordinator, message });
    }
}

impl<B, S> Role<B, S> for Source {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match input {
            Input::Begin => self.begin(out),
            Input::Fetched { partition, batch, first, last } => {
                self.fetched(partition, batch, first, last, out);
            }
            // What the client gets over by itself is no failure.
            Input::FetchFailed { code, .. } if meaning(code) == Meaning::Retry => {}
            Input::FetchFailed { code, detail } => {
                self.failed = true;
                self.report(Report::Failed(Reason::Input { code, detail }), out);
            }
            Input::EndOfPartition(partition) => self.at_end(partition, out),
            Input::Message { message: Message::ToSubtask { attempt, order, .. }, .. } => {
                assert!(attempt == self.attempt, "the worker passes on its own attempt only");
                self.order(order, out);
            }
            Input::Done {
                op: Op::CommitOffsets,
                outcome: Outcome::Answer(_) | Outcome::Unknown | Outcome::Failed { .. },
            } => {
                self.committed(out);
            }
            Input::TaskFailed { detail } => {
                self.failed = true;
                self.report(Report::Failed(Reason::Task { detail }), out);
            }
            Input::Element { .. }
            | Input::LaunchFailed { .. }
            | Input::CoordinatorLost
            | Input::Message { .. }
            | Input::Done { .. }
            | Input::Fired(_)
            | Input::WorkerJoined { .. }
            | Input::WorkerLost(_)
            | Input::ChannelOffered { .. }
            | Input::ChannelBroken { .. }
            | Input::StopRequested => unreachable!("no input of a source"),
        }
    }
}
