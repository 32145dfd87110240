//! `truecut check`: the protocol in a bounded world, exhaustively; and the wrong protocols, each of which must be found. This file
//! has the options, and what is done for which.

mod limits;
mod matrix;
mod mutants;
mod pages;
mod replay;
mod scope;
mod shapes;
mod walks;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use truecut::counterexample::save;
use truecut::counterexample::world::{Assumed, Sink, World};
use truecut::failure::Failure;
use truecut::verdict::{Exit, Verdict};
use truecut_model::Counterexample;
use truecut_mutants::Expected;

use super::output::{self, Style};
use super::{Outcome, junit, time};
pub(super) use limits::Limits;
pub(super) use scope::{summary, verdict_of};
pub(super) use watch::Watch;

/// Check the protocol exhaustively in a bounded world with crashes
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The world to explore; `truecut list scopes` names them [default: pr]
    #[arg(long, value_name = "SCOPE", conflicts_with = "mutants")]
    scope: Option<String>,
    /// What may happen there besides, and how often: `expiry,crash=2`; `truecut list assumptions` names them
    #[arg(long, value_name = "NAME[=TIMES],...", value_delimiter = ',', conflicts_with = "mutants")]
    assume: Vec<Assumed>,
    /// How the sink commits [default: as the scope says]
    #[arg(long, value_name = "STRATEGY", conflicts_with = "mutants")]
    sink: Option<Sink>,
    /// Check every wrong protocol: each must be found by the property that it is there for
    #[arg(long)]
    mutants: bool,
    /// Check this wrong protocol instead, and tell how it fails
    #[arg(long, value_name = "NAME", conflicts_with = "mutants")]
    mutant: Option<String>,
    /// Take so many random walks instead of a search; for scopes that are too large for one [default scope: deep]
    #[arg(long, value_name = "N", conflicts_with_all = ["mutants", "replay", "matrix", "save", "junit"])]
    walks: Option<u64>,
    /// Determines the walks
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "walks")]
    seed: u64,
    /// Check every strategy of a sink in every small world: the safety matrix
    #[arg(long, conflicts_with_all = ["mutants", "mutant", "replay", "scope", "assume", "sink", "save", "junit"])]
    matrix: bool,
    /// Write the matrix there, with a counterexample for each cell that is not safe
    #[arg(long, value_name = "DIR", requires = "matrix")]
    write: Option<PathBuf>,
    /// Run a saved counterexample again: every step must fit, and break what it broke
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutants", "mutant", "scope", "assume", "sink", "save", "junit"])]
    replay: Option<PathBuf>,
    /// Save counterexamples there: as JSON that can be run again, and as sequence charts (SVG, Mermaid)
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Write the result there as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page per property and per mutant there, as Markdown: searches every mutant's whole scope
    #[arg(long, value_name = "DIR", requires = "mutants")]
    pages: Option<PathBuf>,
    /// Write there what finds which mutant, and how fast, as Markdown: searches every mutant's whole scope
    #[arg(long, value_name = "FILE", requires = "mutants")]
    kill_matrix: Option<PathBuf>,
    /// Search every scope that is not too large, and write there, as JSON, which shapes of steps the model reaches: what the coverage of
    /// real runs is measured against
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scope", "assume", "sink", "mutants", "mutant", "walks", "matrix", "replay", "save", "junit", "time_limit"])]
    shapes: Option<PathBuf>,
    /// Threads that search [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Give up after this time; what was not violated by then is unknown
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    time_limit: Option<Duration>,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// The scope that is checked unless another one is named.
const USUAL_SCOPE: &str = "pr";

impl Check {
    pub(super) fn run(&self) -> Outcome {
        if let Some(file) = &self.replay {
            return replay::run(file, self.json);
        }
        if let Some(file) = &self.shapes {
            return shapes::run(self, file);
        }
        if self.mutants {
            return mutants::every(self);
        }
        if self.matrix {
            return matrix::run(self);
        }
        if let Some(walks) = self.walks {
            return walks::run(self, walks);
        }
        let mut world = World::of(USUAL_SCOPE, None);
        world.mutant.clone_from(&self.mutant);
        let mutant = world.mutant().map_err(Failure::usage)?;
        world.assume.clone_from(&self.assume);
        world.sink = self.sink;
        let is_usual = self.scope.is_none() && self.assume.is_empty() && self.sink.is_none();
        match (mutant, &self.scope) {
            (Some(mutant), _) if is_usual && matches!(mutant.info().expected, Expected::Killed { .. }) => {
                return mutants::one(self, mutant);
            }
            (_, Some(scope)) => world.scope.clone_from(scope),
            (Some(mutant), None) => mutant.info().scope().clone_into(&mut world.scope),
            (None, None) => {}
        }
        scope::run(self, &world, mutant)
    }

    fn limits(&self) -> Limits {
        let threads = self.threads.map(usize::from);
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits { threads: threads.unwrap_or_else(all), time: self.time_limit }
    }

    /// Saves a counterexample if that was asked for, and gives the files.
    fn saved(&self, world: &World, found: &Counterexample) -> Result<Vec<PathBuf>, Failure> {
        self.save.as_deref().map_or_else(|| Ok(Vec::new()), |directory| save(directory, world, found))
    }

    /// Writes the cases as JUnit XML if that was asked for.
    fn junit(&self, suite: &str, cases: &[junit::Case], seconds: f64) -> Result<(), Failure> {
        let Some(file) = &self.junit else { return Ok(()) };
        junit::save(file, junit::Suite { command: "truecut check", name: suite, seconds }, cases)
    }
}

/// The exit code of a verdict that was said. What could not be written is said too, and counts unless the verdict is worse.
fn said(verdict: Verdict, written: Result<(), Failure>) -> u8 {
    let code = Exit::from(verdict).code();
    match written {
        Ok(()) => code,
        Err(failure) => {
            output::error(&failure.message);
            if verdict == Verdict::Holds { failure.exit.code() } else { code }
        }
    }
}

/// A counterexample as numbered sentences.
fn steps(counterexample: &Counterexample) {
    for (number, step) in (1..).zip(counterexample.sentences()) {
        output::line(&format!("{number:>4}. {step}"));
    }
}

/// Where a counterexample lies, or how to get it.
fn told_where(files: &[PathBuf], how: &str) {
    let style = Style::stdout();
    if files.is_empty() {
        output::line(
            &style.dim(&format!("\nTo keep it (JSON to run again, SVG, Mermaid): {how} --save DIR")),
        );
        return;
    }
    output::line("\nSaved:");
    files.iter().for_each(|file| output::line(&format!("  {}", file.display())));
    if let Some(json) = files.iter().find(|file| file.extension().is_some_and(|suffix| suffix == "json")) {
        output::line(&style.dim(&format!("To run it again: truecut check --replay {}", json.display())));
    }
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.display().to_string()).collect()
}
