//! The safety matrix: strategies of a sink against what the world may bring. Each cell is a search of a whole scope.

use std::time::Duration;

use truecut_core::CommitBy;
use truecut_mutants::Mutant;

use crate::assumption::Assumption;
use crate::model::JobModel;
use crate::report::{CheckReport, PropertyReport, Verdict, check_model};
use crate::scope::{Scope, scope};
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
}

/// All strategies.
pub fn strategies() -> &'static [Strategy] {
    &[
        Strategy {
            name: "resume",
            meaning: "commits what Kafka kept open, by the identity that the checkpoint lists; Flink's way",
            commit_by: CommitBy::Resume,
            mutant: None,
        },
        Strategy {
            name: "log",
            meaning: "keeps outputs in the checkpoint too, and writes again what Kafka aborted",
            commit_by: CommitBy::Log,
            mutant: None,
        },
        Strategy {
            name: "reuse",
            meaning: "`resume` with one producer epoch for several transactions, as Kafka's own client did before KIP-890",
            commit_by: CommitBy::Resume,
            mutant: Some("reuse_producer_epoch"),
        },
    ]
}

/// What the world may bring in a row of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Hazards, and how often each may happen.
    pub assumed: Vec<(Assumption, u8)>,
}

impl Row {
    /// The hazards' names.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.assumed.iter().map(|(assumption, _)| assumption.name()).collect();
        if names.is_empty() { "nothing fails".into() } else { names.join(" + ") }
    }
}

/// Nothing; each hazard alone; and each together with a crash.
pub fn rows() -> Vec<Row> {
    let alone = Assumption::ALL.iter().map(|assumption| vec![(*assumption, 1)]);
    let others = Assumption::ALL.iter().filter(|assumption| **assumption != Assumption::Crash);
    let with_crash = others.map(|assumption| vec![(Assumption::Crash, 1), (*assumption, 1)]);
    let all = std::iter::once(Vec::new()).chain(alone).chain(with_crash);
    all.map(|assumed| Row { assumed }).collect()
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Every property holds in every state.
    Holds,
    /// Output is lost, and the job always says so.
    LosesLoudly,
    /// What was promised is broken.
    Unsafe,
    /// Not every state was seen.
    Unknown,
}

impl Safety {
    /// As it stands in the matrix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
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
    /// The search.
    pub report: CheckReport,
}

/// The small world of a cell.
fn cell_scope(strategy: Strategy, row: &Row) -> Scope {
    let base = scope("matrix").expect("it is in the list").clone();
    let base = Scope { too_calm_for: [].as_slice().into(), ..base };
    let assuming = |scope: Scope, (assumption, times): &(Assumption, u8)| scope.assuming(*assumption, *times);
    row.assumed.iter().fold(base, assuming).committing_by(strategy.commit_by)
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
    let report = check_model(&JobModel::new(&scope, strategy.mutant()), threads, time_limit, progress);
    MatrixCell { safety: judge(&report), report }
}

fn judge(report: &CheckReport) -> Safety {
    let violated = report.violated();
    match violated.as_slice() {
        _ if report.panic.is_some() => Safety::Unsafe,
        [] if report.complete => Safety::Holds,
        [] => Safety::Unknown,
        ["no_loss"] if report.properties.iter().any(says_so) => Safety::LosesLoudly,
        _ => Safety::Unsafe,
    }
}

fn says_so(property: &PropertyReport) -> bool {
    property.name == "no_silent_loss" && property.verdict == Verdict::Holds && property.witnessed
}
