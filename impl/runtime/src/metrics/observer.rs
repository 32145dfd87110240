//! Counts what one role is given and gives. It is asked for each batch, not for each record.
#![expect(clippy::wildcard_enum_match_arm, reason = "little of the alphabet is counted")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use truecut_core::{
    Batch as _, Checkpoint, Effect, Input, Message, Op, Order, Outcome, Request, Snapshot, Subtask,
};

use super::{Metric, add, is_enabled, set, take};
use crate::store::StateHandle;
use crate::trace::RoleId;
use crate::types::{In, Out};

/// What is remembered of one role. Nothing, and nothing is counted, where metrics are off.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    /// Orders are the coordinator's; a worker only passes them on.
    is_coordinator: bool,
    /// A subtask's; the coordinator's latest.
    attempt: u64,
    triggered: BTreeMap<u64, Instant>,
    /// Checkpoints that are being written: next offsets by partition, bytes of state.
    written: BTreeMap<u64, (BTreeMap<u32, u64>, u64)>,
    /// Slots whose transaction has records.
    open: BTreeSet<u16>,
    /// Slots whose transaction is flushed.
    flushed: BTreeSet<u16>,
}

impl Observer {
    pub(crate) fn new(role: RoleId) -> Option<Self> {
        let attempt = if let RoleId::Subtask { attempt, .. } = role { attempt.get() } else { 0 };
        is_enabled().then(|| {
            let mut observer = Self::default();
            observer.attempt = attempt;
            observer.is_coordinator = role == RoleId::Coordinator;
            observer
        })
    }

    pub(crate) fn input(&mut self, input: &In) {
        match input {
            Input::Fetched { partition, batch, last, .. } => {
                add(Metric::RecordsIn, batch.records());
                add(Metric::BytesIn, bytes(batch.batch().byte_len()));
                let next = u64::try_from(last.get()).map_or(0, |last| last + 1);
                set(Metric::SourceOffset, Some(partition.get()), next);
            }
            Input::Done { op: Op::Flush(slot), outcome: Outcome::Flushed }
                if self.open.remove(&slot.get()) =>
            {
                take(Metric::OpenTransactions, 1);
                if self.flushed.insert(slot.get()) {
                    add(Metric::PreCommitted, 1);
                }
            }
            Input::Done { op: Op::Commit(id), outcome: Outcome::Answer(0) } => {
                add(Metric::Committed, 1);
                // What is restored was flushed by another attempt.
                if id.attempt.get() == self.attempt && self.flushed.remove(&id.slot.get()) {
                    take(Metric::PreCommitted, 1);
                }
            }
            Input::WorkerJoined { .. } => add(Metric::Workers, 1),
            _ => {}
        }
    }

    pub(crate) fn effect(&mut self, effect: &Out) {
        match effect {
            Effect::Produce { slot, batch, .. } => {
                add(Metric::RecordsOut, batch.records());
                add(Metric::BytesOut, bytes(batch.batch().byte_len()));
                if self.open.insert(slot.get()) {
                    add(Metric::OpenTransactions, 1);
                }
            }
            Effect::Start { request: Request::WriteCheckpoint(checkpoint), .. } => {
                self.written.insert(checkpoint.name.id.get(), holds(checkpoint));
            }
            Effect::Send { message: Message::Deploy(deployment), .. } => {
                let attempt = deployment.attempt.get();
                if attempt != self.attempt {
                    add(Metric::Restarts, u64::from(self.attempt > 0));
                    self.attempt = attempt;
                    set(Metric::Attempt, None, attempt);
                }
            }
            // The first subtask stands for all.
            Effect::Send { message: Message::ToSubtask { subtask, order, .. }, .. }
                if self.is_coordinator && *subtask == Subtask::source(0) =>
            {
                self.order(order);
            }
            _ => {}
        }
    }

    fn order(&mut self, order: &Order) {
        match order {
            Order::Trigger { checkpoint, .. } => {
                add(Metric::Triggered, 1);
                self.triggered.insert(checkpoint.get(), Instant::now());
            }
            Order::Completed(checkpoint) => {
                add(Metric::Completed, 1);
                if let Some(since) = self.triggered.remove(&checkpoint.get()) {
                    let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                    set(Metric::Duration, None, ms);
                    add(Metric::DurationTotal, ms);
                }
                if let Some((offsets, state)) = self.written.remove(&checkpoint.get()) {
                    set(Metric::StateSize, None, state);
                    for (partition, next) in offsets {
                        set(Metric::CheckpointedOffset, Some(partition), next);
                    }
                }
                self.forget_until(checkpoint.get());
            }
            Order::Aborted(_) => add(Metric::Aborted, 1),
        }
    }

    /// Nobody hears of older checkpoints any more.
    fn forget_until(&mut self, checkpoint: u64) {
        self.triggered.retain(|id, _| *id > checkpoint);
        self.written.retain(|id, _| *id > checkpoint);
    }
}

impl Drop for Observer {
    /// What a role had under way is nobody's once it is gone.
    fn drop(&mut self) {
        take(Metric::OpenTransactions, bytes(self.open.len()));
        take(Metric::PreCommitted, bytes(self.flushed.len()));
    }
}

fn holds(checkpoint: &Checkpoint<StateHandle>) -> (BTreeMap<u32, u64>, u64) {
    let (mut offsets, mut state) = (BTreeMap::new(), 0);
    for snapshot in checkpoint.snapshots.values() {
        match snapshot {
            Snapshot::Source(next) => offsets
                .extend(next.iter().filter_map(|(partition, next)| {
                    Some((partition.get(), u64::try_from(next.get()).ok()?))
                })),
            Snapshot::Operator(Some(handle)) => state += handle.length(),
            Snapshot::Operator(None) | Snapshot::Sink(_) => {}
        }
    }
    (offsets, state)
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
