//! Scopes: how large a world is, and which faults it may bring. Each hazard is an assumption with a name; a scope switches it
//! on by giving it a budget. Budgets limit faults and triggers only, never what the core does about them.

use std::borrow::Cow;

use truecut_core::{
    Attempt, CommitBy, Exchange, Guarantee, Isolation, Job, Partition, Settings, StartPosition,
};

use crate::assumption::Assumption::{Crash, EarlyLanding, Expiry, LostAnswer, TransactionTimeout};
use crate::assumption::{Assumption, Budget};
use crate::lineage::Record;

/// A course that is told: sources read up to some offsets and wait for a checkpoint, go on to others and wait for a crash that
/// comes once the checkpoint is complete, then read all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Course {
    /// Offsets at which the checkpoint is triggered.
    pub checkpoint_at: &'static [i64],
    /// Offsets beyond which nothing is read before the crash.
    pub crash_before: &'static [i64],
}

/// A bounded world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it is for, in one sentence.
    pub purpose: &'static str,
    /// The input: keys of each partition's records.
    pub input: &'static [&'static [u8]],
    /// Source subtasks.
    pub sources: u16,
    /// Operator subtasks, each with a chained sink.
    pub operators: u16,
    /// Worker processes, one machine each.
    pub workers: u32,
    /// Slots that each worker offers.
    pub slots: u16,
    /// Partitions of the output topic.
    pub outputs: u8,
    /// Elements that a data channel takes before its source must wait.
    pub credit: usize,
    /// Failed checkpoints in a row that the job survives without a restart.
    pub tolerable_failures: u32,
    /// How the sink commits.
    pub commit_by: CommitBy,
    /// Restarts without a completed checkpoint in between that the job survives.
    pub max_restarts: u32,
    /// The input has an end, and the job ends there by itself.
    pub bounded: bool,
    /// A loss does not end the job.
    pub accept_loss: bool,
    /// The world may bring what no restart heals.
    pub may_fail: bool,
    /// A course that the world keeps to, where one is given.
    pub course: Option<Course>,
    /// What the world may do.
    pub budget: Budget,
    /// Properties that are not asked here, by name: the world breaks them, or no protocol could fail them in a world so small.
    pub except: Cow<'static, [&'static str]>,
    /// Properties that the protocol could not fail here even if it were wrong in its usual ways; a mutant is asked for them.
    pub too_calm_for: Cow<'static, [&'static str]>,
}

impl Scope {
    /// The job that runs in it.
    pub(crate) fn job(&self) -> Job {
        Job {
            topic: "input".into(),
            partitions: u32::try_from(self.input.len()).expect("few partitions"),
            sources: self.sources,
            operators: self.operators,
            exchange: Exchange::Key,
            guarantee: Guarantee::ExactlyOnce,
            commit_by: self.commit_by,
            prefix: Self::PREFIX.into(),
            start: StartPosition::Earliest,
            isolation: Isolation::ReadCommitted,
            bounded: self.bounded,
            transaction_timeout_ms: 60_000,
            accept_loss: self.accept_loss,
            settings: Settings {
                tolerable_failures: self.tolerable_failures,
                max_restarts: self.max_restarts,
                ..Settings::default()
            },
        }
    }

    /// Prefix of the job's transactional ids.
    pub(crate) const PREFIX: &str = "job";

    /// The first attempt of a job.
    pub(crate) fn first_attempt(&self) -> Attempt {
        Attempt::new(1)
    }

    /// Whether the world may bring this.
    pub(crate) fn assumes(&self, assumption: Assumption) -> bool {
        self.budget.of(assumption) > 0
    }

    pub(crate) fn partitions(&self) -> usize {
        self.input.len()
    }

    /// All input records.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let partitions = (0..).zip(self.input);
        partitions.flat_map(|(partition, keys)| {
            (0..).zip(*keys).map(move |(offset, key)| Record { partition, offset, key: *key, sequence: 0 })
        })
    }

    /// The record at an offset of a partition.
    pub(crate) fn record(&self, partition: u8, offset: u8) -> Option<Record> {
        let key = *self.input.get(usize::from(partition))?.get(usize::from(offset))?;
        Some(Record { partition, offset, key, sequence: 0 })
    }

    /// The next record to read of a partition.
    pub(crate) fn next_record(&self, partition: Partition, offset: i64) -> Option<Record> {
        self.record(u8::try_from(partition.get()).ok()?, u8::try_from(offset).ok()?)
    }

    /// The operator subtask that a record's key belongs to.
    pub(crate) fn operator_of(&self, record: Record) -> u16 {
        u16::from(record.key) % self.operators
    }

    /// Bits of all records of a key.
    pub(crate) fn of_key(&self, key: u8) -> u64 {
        let same = self.records().filter(|record| record.key == key);
        same.fold(0, |bits, record| bits | crate::lineage::bit(record.partition, record.offset))
    }
}

/// What needs a failure to fail.
const CALM: &[&str] = &[
    "no_duplicate",
    "no_phantom",
    "no_zombie_commit",
    "no_foreign_abort",
    "no_silent_loss",
    "restore_is_latest",
    "one_owner_per_split",
    "no_stuck_transaction",
    "completion_is_monotone",
    "everything_is_visible_at_rest",
];

/// One source, one worker, one partition: the smallest job that can fail.
const SMALL: Scope = Scope {
    name: Cow::Borrowed("small"),
    purpose: "one source, one worker, one crash: the smallest job that can fail",
    input: &[&[0, 0]],
    sources: 1,
    operators: 1,
    workers: 1,
    slots: 1,
    outputs: 1,
    credit: 2,
    tolerable_failures: 0,
    commit_by: CommitBy::Resume,
    max_restarts: 10,
    bounded: false,
    accept_loss: false,
    may_fail: false,
    course: None,
    budget: Budget::checkpoints(1).with(Crash, 1),
    except: Cow::Borrowed(&[]),
    too_calm_for: Cow::Borrowed(&[]),
};

const SCOPES: &[Scope] = &[
    Scope {
        name: Cow::Borrowed("example"),
        purpose: "the step by step example: two partitions A to E, a checkpoint at offsets 2 and 1, a failure, a restart",
        input: &[&[0, 1, 2, 3, 4], &[5, 6, 7, 8, 9]],
        sources: 2,
        workers: 1,
        slots: 2,
        outputs: 2,
        credit: 1,
        course: Some(Course { checkpoint_at: &[2, 1], crash_before: &[3, 2] }),
        except: Cow::Borrowed(&["no_phantom", "order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("smoke"),
        purpose: "two sources, a two-input alignment, one crash of a worker that runs all, two output partitions",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 1,
        slots: 2,
        outputs: 2,
        credit: 1,
        except: Cow::Borrowed(&["order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("pr"),
        purpose: "two sources on two workers, a two-input alignment, one crash of either at any crash point, two output partitions",
        input: &[&[0, 0], &[1]],
        sources: 2,
        workers: 2,
        outputs: 2,
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("release"),
        purpose: "the scope of pull requests with two checkpoints and two crashes: more than 100 million states, minutes",
        input: &[&[0, 0], &[1]],
        sources: 2,
        workers: 2,
        outputs: 2,
        budget: Budget::checkpoints(2).with(Crash, 2),
        ..SMALL
    },
    SMALL,
    Scope {
        name: Cow::Borrowed("two_checkpoints"),
        purpose: "two checkpoints and a crash: what the second must still list of the first",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2).with(Crash, 1).with(EarlyLanding, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("expiry"),
        purpose: "checkpoints that expire, and the job survives it: aborted checkpoints, late acknowledgements",
        tolerable_failures: 1,
        budget: Budget::checkpoints(2).with(Expiry, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_workers"),
        purpose: "one source on each of two workers, a crash of one while the other lives on",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 2,
        except: Cow::Borrowed(&["order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("timeout"),
        purpose: "Kafka times a transaction out: a loss is never silent",
        budget: Budget::checkpoints(2).with(Crash, 1).with(TransactionTimeout, 1),
        except: Cow::Borrowed(&["no_loss"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("log"),
        purpose: "the sink that commits by log, a crash and a transaction that times out: nothing is lost",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(2).with(Crash, 1).with(TransactionTimeout, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("log_twice"),
        purpose: "the sink that commits by log, and a second crash while it writes again what Kafka aborted",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(1).with(Crash, 2).with(TransactionTimeout, 2),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("lost_answers"),
        purpose: "requests to Kafka or their answers are lost",
        budget: Budget::checkpoints(1).with(Crash, 1).with(LostAnswer, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("calm"),
        purpose: "nothing fails: two checkpoints and the last one of a job that does what it should",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2),
        too_calm_for: Cow::Borrowed(CALM),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("overtaking"),
        purpose: "nothing fails, and records reach Kafka whenever they like: what overtakes what",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2).with(EarlyLanding, 1),
        too_calm_for: Cow::Borrowed(CALM),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_sources"),
        purpose: "two sources on one worker, and a crash before any checkpoint: who reads what after it",
        input: &[&[0], &[0]],
        sources: 2,
        slots: 2,
        credit: 1,
        budget: Budget::checkpoints(0).with(Crash, 1),
        except: Cow::Borrowed(&["order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("reused_slot"),
        purpose: "two checkpoints and a crash, no record before its flush: which generation of an id is listed",
        budget: Budget::checkpoints(2).with(Crash, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("losses_accepted"),
        purpose: "a job that was told to go on when a transaction is lost: what it says is lost must stay lost",
        input: &[&[0]],
        accept_loss: true,
        budget: Budget::checkpoints(1).with(Crash, 1).with(LostAnswer, 1),
        except: Cow::Borrowed(&[
            "order_per_key",
            "all_or_nothing",
            "no_loss",
            "no_silent_loss",
            "everything_is_visible_at_rest",
        ]),
        too_calm_for: Cow::Borrowed(&["no_phantom", "consistent_cut"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("bounded"),
        purpose: "an input that ends: the job ends with it, also after a crash",
        bounded: true,
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_sinks"),
        purpose: "two operators with a sink each on one worker: what one sink does to the other",
        input: &[&[0, 1]],
        operators: 2,
        slots: 2,
        max_restarts: 2,
        except: Cow::Borrowed(&["order_per_key", "all_or_nothing"]),
        too_calm_for: Cow::Borrowed(&["no_phantom"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_loss"),
        purpose: "Kafka times a transaction out and nothing else fails: when the job says so",
        budget: Budget::checkpoints(2).with(TransactionTimeout, 1),
        except: Cow::Borrowed(&["no_loss"]),
        too_calm_for: Cow::Borrowed(&[
            "no_duplicate",
            "no_phantom",
            "no_zombie_commit",
            "no_foreign_abort",
            "restore_is_latest",
            "one_owner_per_split",
            "completion_is_monotone",
            "everything_is_visible_at_rest",
        ]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("refused_records"),
        purpose: "a transaction times out while it is written: Kafka refuses the rest of its records",
        budget: Budget::checkpoints(1).with(TransactionTimeout, 1).with(EarlyLanding, 1),
        except: Cow::Borrowed(&["no_loss"]),
        too_calm_for: Cow::Borrowed(&[
            "no_duplicate",
            "no_zombie_commit",
            "no_foreign_abort",
            "restore_is_latest",
        ]),
        ..SMALL
    },
];

/// All scopes.
pub fn scopes() -> &'static [Scope] {
    SCOPES
}

/// The scope of this name.
pub fn scope(name: &str) -> Option<&'static Scope> {
    SCOPES.iter().find(|scope| scope.name == name)
}

impl Scope {
    /// The same world, where this may happen too, so often.
    #[must_use]
    pub fn assuming(mut self, assumption: Assumption, times: u8) -> Self {
        if self.budget.of(assumption) < times {
            self.budget = self.budget.with(assumption, times);
            self.name = format!("{} + {}", self.name, assumption.name()).into();
        }
        self
    }

    /// The same world, with a sink that commits in this way.
    #[must_use]
    pub fn committing_by(mut self, commit_by: CommitBy) -> Self {
        if self.commit_by != commit_by {
            self.commit_by = commit_by;
            self.name = match commit_by {
                CommitBy::Resume => format!("{}, resume", self.name),
                CommitBy::Log => format!("{}, log", self.name),
            }
            .into();
        }
        self
    }
}
