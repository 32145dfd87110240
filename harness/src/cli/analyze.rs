//! `truecut analyze`: judges a run again, from its files alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use truecut::chaos;
use truecut::failure::Failure;
use truecut::to_model::{self, Minimised};
use truecut::verdict::{ChaosDocument, Exit};

use super::{Outcome, chaos as chaos_command, output};

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

/// Judge a chaos run again: its history, its output and its traces
#[derive(Debug, Args)]
pub(super) struct Analyze {
    /// The run directory
    run_directory: PathBuf,
    /// If it violated something, search the model for the shortest way to the same, with no hazards but those that struck in it
    #[arg(long)]
    model: bool,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

impl Analyze {
    pub(super) fn run(&self) -> Outcome {
        let started = Instant::now();
        let directory = self.run_directory.canonicalize().map_err(|error| {
            let directory = self.run_directory.display();
            Failure::bad_data(format!(
                "can't find {directory}: {error}; name a run directory of `truecut chaos`"
            ))
        })?;
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
