//! What the subject is willing to tell, as plain data of the oracle: checkpoints, attempts, what was read, whose commit was asked for.
//! Nothing of it is believed: it is held against Kafka's log, against the input, and against itself.
//!
//! A subject that tells nothing leaves it empty; the oracles that need it then know nothing, and say so.

use std::collections::{BTreeMap, BTreeSet};

/// All that was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// Whether anything was told at all.
    pub told: bool,
    /// Why it does not tell everything, if it does not.
    pub gap: Option<String>,
    /// Every version of the checkpoint store's head that is known to have been in force, in order of versions. One version may be
    /// there twice, if two say different things of it.
    pub heads: Vec<Head>,
    /// Every checkpoint that was written down, completed or not.
    pub checkpoints: Vec<Checkpoint>,
    /// Every commit that was asked for, each once, at its first time.
    pub commits: Vec<Commit>,
    /// What each attempt was given to restore.
    pub restores: Vec<Restore>,
    /// What sources read, in order for each reader.
    pub reads: Vec<Read>,
    /// The attempt that a producer id was given to; 0 where it belongs to none.
    pub attempt_of_producer: BTreeMap<i64, u64>,
}

/// A checkpoint's full name: attempt and id.
pub type Name = (u64, u64);

/// A state of the one mutable cell that says what is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its version: each is one more than the one that it replaced.
    pub version: u64,
    /// The attempt in force.
    pub attempt: u64,
    /// The latest completed checkpoint.
    pub latest: Option<Name>,
    /// When somebody first knew of it, by the machine's monotonic clock, in microseconds.
    pub known_us: u64,
    /// The same by the wall clock, in milliseconds since 1970.
    pub known_ms: i64,
}

/// A checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its name.
    pub name: Name,
    /// Subtasks were told to take it; else it is the one that a job starts from.
    pub triggered: bool,
    /// Next offset of each input partition, for each subtask that has it: a partition is there once.
    pub offsets: Vec<(i32, i64)>,
    /// Transactions whose commit was not confirmed.
    pub listed: Vec<Listed>,
    /// Subtasks that are in it and did not acknowledge it in its attempt before it was written down.
    pub unacknowledged: Vec<String>,
}

/// A transaction that must become visible once a checkpoint that lists it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The checkpoint whose barrier closed it.
    pub checkpoint: u64,
    /// The sink subtask.
    pub subtask: u16,
    /// The producer id of its records.
    pub producer_id: i64,
    /// Their producer epoch.
    pub producer_epoch: i16,
    /// How many there are.
    pub records: u64,
}

/// A sink asked Kafka to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The transaction. One that was written again under another producer stands for the listed one of its checkpoint and subtask.
    pub listed: Listed,
    /// It was written again.
    pub rewritten: bool,
    /// When it was asked for first, by the machine's monotonic clock, in microseconds.
    pub at_us: u64,
}

/// An attempt was deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The attempt.
    pub attempt: u64,
    /// The checkpoint that it names as restored.
    pub checkpoint: Name,
    /// Next offset of each partition, for each subtask that was given it.
    pub offsets: Vec<(i32, i64)>,
}

/// A step of a reader of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Which reader: a source subtask of an attempt in one process.
    pub reader: u32,
    /// Its attempt.
    pub attempt: u64,
    /// The input partition.
    pub partition: i32,
    /// What it did.
    pub step: Step,
}

/// What a reader did with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It began to read at this offset.
    Begin(i64),
    /// It took records.
    Records {
        /// Offset of the first.
        first: i64,
        /// Offset of the last.
        last: i64,
    },
    /// Into the checkpoint with this id it put this next offset.
    Snapshot {
        /// The checkpoint's id.
        checkpoint: u64,
        /// The offset.
        next: i64,
    },
}

/// When a checkpoint was known to be complete.
#[derive(Clone, Debug)]
pub(super) struct Completed<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) known_us: u64,
}

impl Journal {
    /// Completed checkpoints whose content is known, by id. Of two with one id the one that was complete first.
    pub(super) fn completed(&self) -> Vec<Completed<'_>> {
        let mut known: BTreeMap<Name, u64> = BTreeMap::new();
        for head in &self.heads {
            if let Some(name) = head.latest {
                let at = known.entry(name).or_insert(head.known_us);
                *at = (*at).min(head.known_us);
            }
        }
        let mut found: Vec<Completed<'_>> = self
            .checkpoints
            .iter()
            .filter_map(|checkpoint| {
                let known_us = *known.get(&checkpoint.name)?;
                Some(Completed { checkpoint, known_us })
            })
            .collect();
        found.sort_by_key(|completed| (completed.checkpoint.name.1, completed.known_us));
        found.dedup_by_key(|completed| completed.checkpoint.name.1);
        found
    }

    /// Why nothing that rests on it can be judged.
    pub(super) fn silence(&self) -> Option<String> {
        if !self.told {
            return Some("the subject tells nothing of its checkpoints".to_owned());
        }
        let known: BTreeSet<Name> = self.checkpoints.iter().map(|checkpoint| checkpoint.name).collect();
        let unknown = self.heads.iter().filter_map(|head| head.latest).find(|name| !known.contains(name));
        let unknown = unknown.map(|(attempt, id)| {
            format!("checkpoint {id} of attempt {attempt} was completed, and nobody tells what is in it")
        });
        self.gap.clone().or(unknown)
    }
}
