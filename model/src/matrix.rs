//! The safety matrix: strategies of a sink against what the world may bring. Each cell is a search of a whole scope.

use std::time::Duration;

use truecut_core::{CommitBy, Guarantee};
use truecut_mutants::Mutant;

use crate::assumption::Assumption;
use crate::model::JobModel;
use crate::report::{CheckReport, PropertyReport, Verdict, check_model};
use crate::scope::{Scope, not_promised, scope};
use crate::search::Progress;

/// How a sink brings its output to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// How it commits.
    pub commit_by: CommitBy,
    /// What it promises.
    pub guarantee: Guarantee,
    /// A wrong protocol that others use.
    mutant: Option<&'static str>,
}

impl Strategy {
    /// Whether truecut offers it.
    pub fn is_offered(&self) -> bool {
        self.mutant.is_none()
    }

    /// The wrong protocol that stands for it, if it is none of the core's own.
    pub fn mutant(&self) -> Option<Mutant> {
        self.mutant.map(|name| Mutant::from_name(name).expect("a mutant of the list"))
    }

    /// Whether it promises a property at all.
    fn promises(&self, property: &str) -> bool {
        !not_promised(self.guarantee).contains(&property)
    }
}

const RESUME: Strategy = Strategy {
    name: "resume",
    meaning: "commits what Kafka kept open, by the identity that the checkpoint lists; Flink's way",
    commit_by: CommitBy::Resume,
    guarantee: Guarantee::ExactlyOnce,
    mutant: None,
};

const STRATEGIES: &[Strategy] = &[
    RESUME,
    Strategy {
        name: "log",
        meaning: "keeps outputs in the checkpoint too, and writes again what Kafka aborted",
        commit_by: CommitBy::Log,
        ..RESUME
    },
    Strategy {
        name: "reuse",
        meaning: "`resume` with one producer epoch for several transactions, as clients do that speak transaction protocol V1",
        mutant: Some("reuse_producer_epoch"),
        ..RESUME
    },
    Strategy {
        name: "at_least_once",
        meaning: "writes without transactions, and flushes before it acknowledges a checkpoint",
        guarantee: Guarantee::AtLeastOnce,
        ..RESUME
    },
    Strategy {
        name: "none",
        meaning: "writes without transactions, and waits for nothing",
        guarantee: Guarantee::None,
        ..RESUME
    },
];

/// All strategies.
pub fn strategies() -> &'static [Strategy] {
    STRATEGIES
}

/// What the world may bring in a row of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Hazards, and how often each may happen.
    pub assumed: Vec<(Assumption, u8)>,
    /// The scope that it is made from.
    pub scope: &'static str,
}

impl Row {
    /// Channels that can break are between two workers.
    fn new(assumed: Vec<(Assumption, u8)>) -> Self {
        let breaks = assumed.iter().any(|(assumption, _)| *assumption == Assumption::ChannelBreak);
        Self { assumed, scope: if breaks { "matrix_two" } else { "matrix" } }
    }

    /// The hazards' names.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.assumed.iter().map(|(assumption, _)| assumption.name()).collect();
        if names.is_empty() { "nothing fails".into() } else { names.join(" + ") }
    }
}

/// Nothing; each hazard alone; and each together with a crash.
pub fn rows() -> Vec<Row> {
    let alone = Assumption::ALL.iter().map(|assumption| with_what_it_needs(*assumption));
    let others = Assumption::ALL.iter().filter(|assumption| **assumption != Assumption::Crash);
    let with_crash = others.map(|assumption| {
        let needs = with_what_it_needs(*assumption);
        std::iter::once((Assumption::Crash, 1)).chain(needs).collect()
    });
    let all = std::iter::once(Vec::new()).chain(alone).chain(with_crash);
    all.map(Row::new).collect()
}

/// A zombie that outlives the job is a zombie.
fn with_what_it_needs(assumption: Assumption) -> Vec<(Assumption, u8)> {
    let zombie = (assumption == Assumption::ZombieOutlives).then_some((Assumption::ZombieWorker, 1));
    zombie.into_iter().chain([(assumption, 1)]).collect()
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Every property holds in every state.
    Holds,
    /// What the world may bring does not happen to this strategy.
    CannotHappen,
    /// What is violated is not promised.
    AsPromised,
    /// The job may stop with a data-loss error although nothing is lost: nobody can tell any more.
    FalseAlarm,
    /// A transaction may stay open until Kafka times it out, and hides what lies behind it; nothing is lost or doubled.
    Blocks,
    /// Output may be lost, and the job always says so.
    LosesLoudly,
    /// What was promised is broken.
    Unsafe,
    /// Not every state was seen.
    Unknown,
}

impl Safety {
    /// Whether there is something to tell of it: a way to what goes wrong.
    pub const fn is_told(self) -> bool {
        matches!(self, Self::FalseAlarm | Self::Blocks | Self::LosesLoudly | Self::Unsafe)
    }

    /// As it stands in the matrix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::CannotHappen => "cannot happen",
            Self::AsPromised => "as promised",
            Self::FalseAlarm => "false alarm",
            Self::Blocks => "blocks",
            Self::LosesLoudly => "loses, loudly",
            Self::Unsafe => "unsafe",
            Self::Unknown => "unknown",
        }
    }
}

/// A cell: its scope, searched.
#[derive(Clone, Debug)]
pub struct MatrixCell {
    /// What became of it.
    pub safety: Safety,
    /// Promised properties that are violated.
    pub broken: Vec<&'static str>,
    /// The search.
    pub report: CheckReport,
}

/// The small world of a cell.
fn cell_scope(strategy: Strategy, row: &Row) -> Scope {
    let base = scope(row.scope).expect("it is in the list").clone();
    let base = Scope { too_calm_for: [].as_slice().into(), ..base };
    let assuming = |scope: Scope, (assumption, times): &(Assumption, u8)| scope.assuming(*assumption, *times);
    let scope = row.assumed.iter().fold(base, assuming).committing_by(strategy.commit_by);
    // Everything is asked, also what is not promised: the matrix says what each strategy is worth.
    Scope { except: [].as_slice().into(), alarms_are_counted: true, ..scope.delivering(strategy.guarantee) }
}

/// Searches a cell.
pub fn check_cell(
    strategy: Strategy,
    row: &Row,
    threads: usize,
    time_limit: Option<Duration>,
    progress: &mut dyn FnMut(Progress),
) -> MatrixCell {
    let scope = cell_scope(strategy, row);
    let mut report = check_model(&JobModel::new(&scope, strategy.mutant()), threads, time_limit, progress);
    let mut alarm = None;
    if report.violated().contains(&ALARM) {
        // Only where nobody can tell any more is a false alarm one; it is left out, and what else there is counts.
        let quiet = Scope { alarms_are_counted: false, ..scope };
        let without = check_model(&JobModel::new(&quiet, strategy.mutant()), threads, time_limit, progress);
        if without.complete && !without.violated().contains(&ALARM) {
            alarm = report.properties.iter().find(|property| property.name == ALARM).cloned();
            report = without;
        }
    }
    let broken: Vec<&str> =
        report.violated().into_iter().filter(|property| strategy.promises(property)).collect();
    let safety = judge(row, &report, &broken, alarm.is_some());
    if let Some(alarm) = alarm {
        report
            .properties
            .iter_mut()
            .filter(|property| property.name == ALARM)
            .for_each(|property| *property = alarm.clone());
    }
    MatrixCell { safety, broken, report }
}

/// What a job violates that stops although nothing is lost.
const ALARM: &str = "everything_is_visible_at_rest";
/// What a transaction that stays open violates, and one that is committed although it is empty.
const OPEN: &[&str] = &["no_stuck_transaction", "no_zombie_commit"];

fn judge(row: &Row, report: &CheckReport, broken: &[&str], alarm: bool) -> Safety {
    let kind = |(assumption, _): &(Assumption, u8)| assumption.kind();
    let happens = row.assumed.iter().filter_map(kind).all(|kind| !report.never_taken.contains(&kind));
    let only = |allowed: &dyn Fn(&str) -> bool| broken.iter().all(|property| allowed(property));
    let mild = only(&|property| property == "no_loss" || OPEN.contains(&property));
    if report.panic.is_some() || !mild {
        Safety::Unsafe
    } else if !report.complete {
        Safety::Unknown
    } else if broken.contains(&"no_loss") {
        if report.properties.iter().any(says_so) { Safety::LosesLoudly } else { Safety::Unsafe }
    } else if alarm {
        Safety::FalseAlarm
    } else if !broken.is_empty() {
        Safety::Blocks
    } else if !happens {
        Safety::CannotHappen
    } else if report.violated().is_empty() {
        Safety::Holds
    } else {
        Safety::AsPromised
    }
}

fn says_so(property: &PropertyReport) -> bool {
    property.name == "no_silent_loss" && property.verdict == Verdict::Holds && property.witnessed
}
