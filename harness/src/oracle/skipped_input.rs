//! `skipped_input`: a source left input records out, took some twice, or put another offset into a checkpoint than the one it was at; or
//! an attempt began elsewhere than in the checkpoint that it says to restore, or two sources read one partition.
//!
//! Offsets without a record (control markers, compaction) are no gap: what counts is the input as it was read back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::class::Class;
use super::findings::{Collector, Coordinates, Example};
use super::journal::{Checkpoint, Journal, Name, Read, Step};
use super::log::InputLog;
use super::view::looked_at;

/// Judges every step of every reader and every restore; returns how many there are.
pub(super) fn check(inputs: &InputLog, journal: &Journal, found: &mut Collector) -> u64 {
    let restored = restores(journal, found);
    let written = written(journal);
    let mut positions: HashMap<(u32, i32), i64> = HashMap::new();
    let mut owners: HashMap<(u64, i32), u32> = HashMap::new();
    for read in &journal.reads {
        let Read { reader, attempt, partition, step } = *read;
        let position = positions.get(&(reader, partition)).copied();
        let next = match step {
            Step::Begin(next) => {
                if *owners.entry((attempt, partition)).or_insert(reader) != reader {
                    found.add(Class::SkippedInput, || {
                        example(read, next, "is the second one of that attempt")
                    });
                }
                if let Some(wanted) = restored.get(&(attempt, partition)).filter(|wanted| **wanted != next) {
                    let text = format!("began to read at {next}, but restores {wanted}");
                    found.add(Class::SkippedInput, || example(read, next, &text));
                }
                Some(next)
            }
            Step::Records { first, last } => {
                taken(inputs, read, position, first, found);
                Some(last + 1)
            }
            Step::Snapshot { checkpoint, next } => {
                if let Some(position) = position.filter(|position| *position != next) {
                    let text = format!("put {next} into checkpoint {checkpoint}, but was at {position}");
                    found.add(Class::SkippedInput, || example(read, next, &text));
                }
                if let Some(other) =
                    written.get(&((attempt, checkpoint), partition)).filter(|at| **at != next)
                {
                    let text =
                        format!("put {next} into checkpoint {checkpoint}, which was written with {other}");
                    found.add(Class::SkippedInput, || example(read, next, &text));
                }
                position
            }
        };
        if let Some(next) = next {
            positions.insert((reader, partition), next);
        }
    }
    looked_at(&journal.reads) + looked_at(&journal.restores)
}

fn taken(inputs: &InputLog, read: &Read, position: Option<i64>, first: i64, found: &mut Collector) {
    let Some(position) = position else { return };
    if first < position {
        let text = format!("took {first} again, though it was at {position}");
        found.add(Class::SkippedInput, || example(read, first, &text));
    } else if let Some(missing) = inputs.first_between(read.partition, position, first) {
        let text = format!("went on from {position} to {first} and left out {missing}");
        found.add(Class::SkippedInput, || example(read, missing, &text));
    }
}

/// The offset of each partition in each checkpoint that was written down.
fn written(journal: &Journal) -> HashMap<(Name, i32), i64> {
    let offsets = |checkpoint: &Checkpoint| {
        let name = checkpoint.name;
        checkpoint.offsets.clone().into_iter().map(move |(partition, next)| ((name, partition), next))
    };
    journal.checkpoints.iter().flat_map(offsets).collect()
}

/// The offset of each partition that an attempt restores: that of the checkpoint which it names.
fn restores(journal: &Journal, found: &mut Collector) -> HashMap<(u64, i32), i64> {
    let checkpoints: BTreeMap<Name, _> = journal.checkpoints.iter().map(|one| (one.name, one)).collect();
    let went_on: BTreeSet<u64> =
        journal.heads.iter().filter_map(|head| head.latest.map(|name| name.0)).collect();
    let mut restored = HashMap::new();
    for restore in &journal.restores {
        let Some(checkpoint) = checkpoints.get(&restore.checkpoint) else { continue };
        let (mut wanted, mut given) = (checkpoint.offsets.clone(), restore.offsets.clone());
        wanted.sort_unstable();
        given.sort_unstable();
        // A coordinator that was killed while it deployed has not given everything; its attempt completes nothing.
        let part = !went_on.contains(&restore.attempt) && is_part(&given, &wanted);
        if wanted != given && !part {
            let ((attempt, id), into) = (restore.checkpoint, restore.attempt);
            found.add(Class::SkippedInput, || Example {
                text: format!(
                    "attempt {into} restores checkpoint {id} of attempt {attempt}, which has the offsets {wanted:?} \
                     (partition, next), but was given {given:?}"
                ),
                ..Example::default()
            });
        }
        restored.extend(wanted.into_iter().map(|(partition, next)| ((restore.attempt, partition), next)));
    }
    restored
}

/// Of two sorted lists: everything of the first is in the second, as often.
fn is_part(part: &[(i32, i64)], whole: &[(i32, i64)]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|one| whole.any(|other| other == one))
}

fn example(read: &Read, offset: i64, what: &str) -> Example {
    let Read { attempt, partition, .. } = *read;
    Example {
        text: format!("the source of partition {partition} in attempt {attempt} {what}"),
        input: Some(Coordinates { partition, offset }),
        ..Example::default()
    }
}
