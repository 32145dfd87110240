//! `inconsistent_cut`: what a completed checkpoint counts as done is not the input before its offsets. Every visible output belongs to
//! the checkpoint whose barrier closed its transaction: then its input must lie before the offsets of the first completed
//! checkpoint from there on, and not before those of the completed one in front of it.
//!
//! With `lost` and `duplicate` this is: the outputs up to a checkpoint stand for exactly the input before its offsets. The fold itself is
//! `wrong_value`'s. Offsets must not go back from one completed checkpoint to the next, and each partition is there once.

use std::collections::BTreeMap;

use super::class::Class;
use super::findings::{Collector, Coordinates, Example};
use super::journal::{Checkpoint, Completed};
use super::view::{Part, Parts, View};

/// The offsets of the completed checkpoints, in order.
#[derive(Debug)]
pub(super) struct Cuts<'a> {
    completed: &'a [Completed<'a>],
    /// Of each partition: its next offset in each of them.
    next: BTreeMap<i32, Vec<Option<i64>>>,
}

impl<'a> Cuts<'a> {
    /// Judges the offsets themselves.
    pub(super) fn of(completed: &'a [Completed<'a>], found: &mut Collector) -> Self {
        let mut next: BTreeMap<i32, Vec<Option<i64>>> = BTreeMap::new();
        for (at, Completed { checkpoint, .. }) in completed.iter().enumerate() {
            for (partition, offset) in &checkpoint.offsets {
                let of_partition = next.entry(*partition).or_default();
                of_partition.resize(of_partition.len().max(at + 1), None);
                if of_partition[at].replace(*offset).is_some() {
                    let text = format!("has partition {partition} twice");
                    found.add(Class::InconsistentCut, || of_checkpoint(checkpoint, &text));
                }
            }
        }
        for (partition, offsets) in &mut next {
            offsets.resize(completed.len(), None);
            for (pair, Completed { checkpoint, .. }) in offsets.windows(2).zip(completed.iter().skip(1)) {
                match (pair[0], pair[1]) {
                    (Some(before), Some(after)) if after < before => {
                        let text = format!("goes back from {before} to {after} in partition {partition}");
                        found.add(Class::InconsistentCut, || of_checkpoint(checkpoint, &text));
                    }
                    (Some(before), None) => {
                        let text = format!("lacks partition {partition}, which was at {before}");
                        found.add(Class::InconsistentCut, || of_checkpoint(checkpoint, &text));
                    }
                    (Some(_) | None, Some(_)) | (None, None) => {}
                }
            }
        }
        Self { completed, next }
    }

    /// Between which offsets a partition's inputs lie whose outputs belong to this checkpoint: those of the completed one before,
    /// and those of itself or the completed one that came in its place.
    fn bounds(&self, checkpoint: u64, partition: i32) -> Option<(i64, i64, &'a Checkpoint)> {
        let at = self.completed.partition_point(|one| one.checkpoint.name.1 < checkpoint);
        let of_partition = self.next.get(&partition)?;
        let upper = (*of_partition.get(at)?)?;
        let before = at.checked_sub(1).and_then(|before| of_partition.get(before).copied().flatten());
        Some((before.unwrap_or(i64::MIN), upper, self.completed.get(at)?.checkpoint))
    }
}

/// Judges every record of every committed transaction that a completed checkpoint lists; returns how many there are.
pub(super) fn check(view: &View<'_>, parts: &Parts, cuts: &Cuts<'_>, found: &mut Collector) -> u64 {
    let mut judged = 0;
    for (batch, of_batch) in view.log.batches.iter().zip(&view.transactions.of_batch) {
        let transaction = of_batch.map(|at| &view.transactions.all[at]);
        let committed = transaction.filter(|transaction| transaction.is_committed());
        let Some(part) = committed.and_then(|transaction| parts.part(transaction.producer)) else { continue };
        for record in view.log.records_of(batch) {
            let Some(input) = record.input else { continue };
            let Some((from, to, checkpoint)) = cuts.bounds(part.0, input.partition) else { continue };
            judged += 1;
            if input.offset < from || input.offset >= to {
                let output = Coordinates { partition: batch.partition, offset: record.offset };
                found.add(Class::InconsistentCut, || example(input, output, part, (from, to), checkpoint));
            }
        }
    }
    judged
}

fn example(
    input: Coordinates,
    output: Coordinates,
    (barrier, sink): Part,
    (from, to): (i64, i64),
    checkpoint: &Checkpoint,
) -> Example {
    let id = checkpoint.name.1;
    let what = if input.offset >= to {
        format!("checkpoint {id} ends before it, at {to}")
    } else {
        format!("the completed checkpoint before {id} ends after it, at {from}")
    };
    Example {
        text: format!(
            "output {output} stands for input {input} and was written by sink {sink} before barrier {barrier}, but {what}"
        ),
        input: Some(input),
        output: Some(output),
        ..Example::default()
    }
}

fn of_checkpoint(checkpoint: &Checkpoint, what: &str) -> Example {
    let (attempt, id) = checkpoint.name;
    Example { text: format!("checkpoint {id} of attempt {attempt} {what}"), ..Example::default() }
}
