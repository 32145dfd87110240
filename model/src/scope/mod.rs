//! Scopes: how large a world is, and which faults it may bring. Each hazard is an assumption with a name; a scope switches it
//! on by giving it a budget. Budgets limit faults and triggers only, never what the core does about them.

mod basic;
mod deep;
mod kafka;
mod processes;

use std::borrow::Cow;
use std::sync::LazyLock;

use truecut_core::{
    Attempt, CommitBy, Exchange, Guarantee, Isolation, Job, Partition, Settings, StartPosition,
    TransactionProtocol,
};

use crate::assumption::{Assumption, Budget};
use crate::lineage::Record;
use crate::world::kafka::Manners;

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
    /// What the sink promises.
    pub guarantee: Guarantee,
    /// How the sink commits.
    pub commit_by: CommitBy,
    /// The transaction protocol that producers speak.
    pub protocol: TransactionProtocol,
    /// Restarts without a completed checkpoint in between that the job survives.
    pub max_restarts: u32,
    /// The input has an end, and the job ends there by itself.
    pub bounded: bool,
    /// A loss does not end the job.
    pub accept_loss: bool,
    /// The world may bring what no restart heals.
    pub may_fail: bool,
    /// A data-loss error where nothing is lost counts, also where the world took away what could have told.
    pub alarms_are_counted: bool,
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
            guarantee: self.guarantee,
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
                max_concurrent: if self.assumes(Assumption::Overlapping) { 2 } else { 1 },
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

    /// Machines: one for each worker, one for each that may be given up while it lives, and those of each coordinator that may take over.
    pub(crate) fn places(&self) -> usize {
        let workers = usize::try_from(self.workers).expect("few workers");
        let spare = usize::from(self.budget.of(Assumption::ZombieWorker));
        workers * (1 + usize::from(self.budget.of(Assumption::Takeover))) + spare
    }

    /// Whether workers may live that the coordinator does not know.
    pub(crate) fn has_zombies(&self) -> bool {
        self.assumes(Assumption::ZombieWorker) || self.assumes(Assumption::Takeover)
    }

    /// What Kafka does besides.
    pub(crate) fn manners(&self) -> Manners {
        Manners {
            late_markers: self.assumes(Assumption::LateMarker),
            read_uncommitted: self.assumes(Assumption::ReadUncommitted),
        }
    }

    /// Why it can't be searched, if it can't: a search follows so many cells of a state, and each hazard and each machine takes some.
    pub fn too_large(&self) -> Option<String> {
        let cells = crate::engine::cells(self);
        (cells > crate::engine::MOST_CELLS).then(|| {
            format!(
                "scope {} needs {cells} cells, and {} can be followed: assume less at once",
                self.name,
                crate::engine::MOST_CELLS
            )
        })
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

/// Properties that a sink does not promise, or can't fail, by its guarantee. Without transactions readers see what an attempt computed
/// that was rolled back: where keys come from several partitions, perhaps in an order that does not stand in the end.
pub(crate) fn not_promised(guarantee: Guarantee) -> Vec<&'static str> {
    match guarantee {
        Guarantee::ExactlyOnce => Vec::new(),
        Guarantee::AtLeastOnce => [kafka::WITHOUT_TRANSACTIONS, &["no_phantom"]].concat(),
        Guarantee::None => [kafka::WITHOUT_GUARANTEE, &["no_phantom"]].concat(),
    }
}

/// All scopes.
pub fn scopes() -> &'static [Scope] {
    static ALL: LazyLock<Vec<Scope>> =
        LazyLock::new(|| [basic::SCOPES, processes::SCOPES, kafka::SCOPES].concat());
    &ALL
}

/// Scopes far too large to be searched, for random walks.
pub fn deep_scopes() -> &'static [Scope] {
    deep::SCOPES
}

/// The scope for random walks of this name.
pub fn deep_scope(name: &str) -> Option<&'static Scope> {
    deep_scopes().iter().find(|scope| scope.name == name)
}

/// The scope of this name.
pub fn scope(name: &str) -> Option<&'static Scope> {
    scopes().iter().find(|scope| scope.name == name)
}

impl Scope {
    /// The same world, where this may happen too, so often.
    #[must_use]
    pub fn assuming(mut self, assumption: Assumption, times: u8) -> Self {
        if self.budget.of(assumption) < times {
            self.budget = self.budget.with(assumption, times);
            // The job is to fail by what is checked, and not for want of restarts.
            self.max_restarts = self.max_restarts.saturating_add(u32::from(times));
            self.name = format!("{} + {}", self.name, assumption.name()).into();
        }
        self
    }

    /// The same world, with a sink that promises this; what it does not promise is not asked.
    #[must_use]
    pub fn delivering(mut self, guarantee: Guarantee) -> Self {
        if self.guarantee != guarantee {
            self.guarantee = guarantee;
            self.except.to_mut().extend(not_promised(guarantee));
            self.name = match guarantee {
                Guarantee::ExactlyOnce => format!("{}, exactly once", self.name),
                Guarantee::AtLeastOnce => format!("{}, at least once", self.name),
                Guarantee::None => format!("{}, no guarantee", self.name),
            }
            .into();
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
