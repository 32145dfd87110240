//! `truecut analyze`: judges a run again, from its files alone; or tells which steps of the model several runs have taken.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use truecut::chaos;
use truecut::coverage::{ModelShapes, Visited};
use truecut::failure::Failure;
use truecut::timing::Timing;
use truecut::to_model::{self, Minimised};
use truecut::verdict::{ChaosDocument, Exit, Traces, Verdict};

use super::{Outcome, campaign, chaos as chaos_command, output, time};

/// Threads that search the model.
const THREADS: usize = 2;

/// What `--json` prints.
#[derive(Serialize)]
struct Analyzed {
    #[serde(flatten)]
    document: ChaosDocument,
    /// What the model knows of each property that was violated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model: Vec<Minimised>,
}

/// Judge a chaos run again: its history, its output and its traces; or tell more of it
#[derive(Debug, Args)]
pub(super) struct Analyze {
    /// The run directory; with --coverage also several, with --timing also a directory of traces
    #[arg(required = true)]
    run_directory: Vec<PathBuf>,
    /// If it violated something, search the model for the shortest way to the same, with no hazards but those that struck in it
    #[arg(long)]
    model: bool,
    /// Replay the traces of these runs, and tell which shapes of steps they have visited, of those that the model reaches
    #[arg(long, conflicts_with = "model", group = "instead")]
    coverage: bool,
    /// Tell from the traces where the time of a checkpoint goes, from its trigger to the last answered commit; judge nothing
    #[arg(long, conflicts_with = "model", group = "instead")]
    timing: bool,
    /// With --timing: leave out the checkpoints of so long a time after the first one
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "timing")]
    skip: Option<Duration>,
    /// Write page and data of the coverage (model-coverage) or of the timing (checkpoint-timing) into this directory
    #[arg(long, value_name = "DIR", requires = "instead")]
    write: Option<PathBuf>,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

impl Analyze {
    pub(super) fn run(&self) -> Outcome {
        if self.coverage {
            return self.cover();
        }
        if self.timing {
            return self.time();
        }
        let started = Instant::now();
        let [directory] = self.run_directory.as_slice() else {
            return Err(Failure::usage(
                "analyze judges one run at a time; only with --coverage it takes several",
            ));
        };
        let directory = found(directory)?;
        let mut document = chaos::judge(&directory, "analyze", Duration::ZERO)?;
        document.seconds = started.elapsed().as_secs_f64();
        let verdict = document.verdict;
        let model = if self.model { to_model::minimise(&directory, &document, THREADS)? } else { Vec::new() };
        if self.json {
            output::document(&Analyzed { document, model });
        } else {
            chaos_command::tell(&document);
            model.iter().for_each(tell);
        }
        Ok(Exit::from(verdict).code())
    }
}

/// What `--coverage --json` prints.
#[derive(Serialize)]
struct Covered {
    command: &'static str,
    /// Shapes that the model reaches.
    of_model: usize,
    /// Those of them that these runs have visited.
    reached: usize,
    /// Those that no searched scope of the model reaches.
    beyond: Vec<String>,
    /// Runs whose steps do not count, and why.
    left_out: Vec<String>,
    #[serde(flatten)]
    visited: Visited,
}

impl Analyze {
    fn cover(&self) -> Outcome {
        let mut visited = Visited::new("truecut analyze RUN... --coverage --write DIR".to_owned());
        let mut left_out = Vec::new();
        for run in &self.run_directory {
            let directory = found(run)?;
            match chaos::replayed(&directory) {
                Ok(Traces { verdict: Verdict::Violated, .. }) => {
                    left_out.push(format!("{}: a trace of it was rejected", run.display()));
                }
                Ok(Traces { shapes, .. }) if shapes.is_empty() => {
                    left_out.push(format!("{}: it has no trace of the protocol itself", run.display()));
                }
                Ok(traces) => visited.add(&traces.shapes, &to_model::hazards_in(&directory)?),
                Err(failure) => left_out.push(format!("{}: {}", run.display(), failure.message)),
            }
        }
        let model = ModelShapes::committed();
        if let Some(directory) = &self.write {
            visited.write(&model, directory)?;
        }
        let (reached, of_model) = model.share(visited.shapes.keys());
        let beyond: Vec<String> =
            visited.shapes.keys().filter(|shape| !model.shapes.contains_key(*shape)).cloned().collect();
        if self.json {
            let command = "analyze";
            output::document(&Covered { command, of_model, reached, beyond, left_out, visited });
        } else {
            left_out.iter().for_each(|why| output::line(&format!("left out: {why}")));
            output::line(&format!("{} runs: {}", visited.runs, campaign::covered((reached, of_model))));
            output::line(&format!("and {} that no searched scope of the model reaches:", beyond.len()));
            beyond.iter().for_each(|shape| output::line(&format!("  {shape}")));
        }
        Ok(Exit::Holds.code())
    }
}

/// What `--timing --json` prints.
#[derive(Serialize)]
struct Timed {
    command: &'static str,
    #[serde(flatten)]
    timing: Timing,
}

impl Analyze {
    fn time(&self) -> Outcome {
        let [directory] = self.run_directory.as_slice() else {
            return Err(Failure::usage("analyze --timing takes one run"));
        };
        let timing = Timing::read(&found(directory)?, self.skip.unwrap_or_default())?;
        if let Some(directory) = &self.write {
            let skip = self.skip.map_or_else(String::new, |skip| format!(" --skip {}ms", skip.as_millis()));
            timing.write(directory, &format!("truecut analyze RUN --timing{skip} --write DIR"))?;
        }
        let verdict = if timing.completed == 0 { Verdict::Unknown } else { Verdict::Holds };
        if self.json {
            output::document(&Timed { command: "analyze --timing", timing });
        } else {
            output::line(&format!("{} completed checkpoints", timing.completed));
            output::table(&timing.table());
        }
        Ok(Exit::from(verdict).code())
    }
}

fn found(directory: &Path) -> Result<PathBuf, Failure> {
    directory.canonicalize().map_err(|error| {
        let directory = directory.display();
        Failure::bad_data(format!("can't find {directory}: {error}; name a run directory of `truecut chaos`"))
    })
}

fn tell(minimised: &Minimised) {
    let hazards =
        if minimised.hazards.is_empty() { "nothing".to_owned() } else { minimised.hazards.join(", ") };
    let Some(scope) = &minimised.scope else {
        return output::line(&format!(
            "\nmodel    {}: unknown, no way to it was found where {hazards} may happen",
            minimised.property
        ));
    };
    output::line(&format!(
        "\nmodel    {}: {} steps in scope {scope}, where {hazards} may happen",
        minimised.property,
        minimised.steps.len()
    ));
    for (number, step) in (1..).zip(&minimised.steps) {
        output::line(&format!("  {number}. {step}"));
    }
    minimised.saved.iter().for_each(|path| output::line(&format!("  saved {}", path.display())));
}
