//! `torn_checkpoint`: a checkpoint is complete, and of a transaction that it lists only some records are visible, or of its
//! transactions only some: a cut that the output does not follow.
//!
//! What is visible is what Kafka's log says to be committed: a reading may be older than the last markers. What is still open may yet come. And a job that ended with an error may have told of a transaction that it lost: then
//! only a transaction that is torn in itself counts.

use super::class::Class;
use super::findings::{Collector, Coordinates, Example};
use super::view::{Part, Parts, Promise, View};

/// What became of a part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    Some(u64),
    None,
    Open,
}

/// Judges every part of every completed checkpoint; returns how many there are.
pub(super) fn check(view: &View<'_>, parts: &Parts, in_good_order: bool, found: &mut Collector) -> u64 {
    for (part, promise) in &parts.all {
        match state(view, promise) {
            State::Whole | State::Open => {}
            State::Some(visible) => {
                found.add(Class::TornCheckpoint, || example(view, *part, promise, visible))
            }
            State::None if in_good_order => {
                found.add(Class::TornCheckpoint, || example(view, *part, promise, 0));
            }
            State::None => {}
        }
    }
    u64::try_from(parts.all.len()).unwrap_or(u64::MAX)
}

fn state(view: &View<'_>, promise: &Promise) -> State {
    let held = promise.held.iter().map(|at| &view.transactions.all[*at]);
    let open = held.clone().any(|transaction| transaction.end.is_none());
    let committed = held.filter(|transaction| transaction.is_committed());
    match committed.map(|transaction| transaction.records).sum::<u64>() {
        _ if open => State::Open,
        all if all == promise.records => State::Whole,
        0 => State::None,
        some => State::Some(some),
    }
}

fn example(view: &View<'_>, (checkpoint, subtask): Part, promise: &Promise, visible: u64) -> Example {
    let first = promise.held.first().map(|at| &view.transactions.all[*at]);
    let (records, by) = (promise.records, promise.by);
    Example {
        text: format!(
            "checkpoint {by} is complete and lists {records} records that sink {subtask} wrote for checkpoint \
             {checkpoint}, of which {visible} are visible"
        ),
        output: first.map(|first| Coordinates { partition: first.partition, offset: first.first }),
        ..Example::default()
    }
}
