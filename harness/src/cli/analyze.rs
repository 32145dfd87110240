//! `truecut analyze`: judges a run again, from its files alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use truecut::chaos;
use truecut::failure::Failure;
use truecut::verdict::Exit;

use super::{Outcome, chaos as chaos_command, output};

/// Judge a chaos run again: its history, its output and its traces
#[derive(Debug, Args)]
pub(super) struct Analyze {
    /// The run directory
    run_directory: PathBuf,
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
        if self.json {
            output::document(&document);
        } else {
            chaos_command::tell(&document);
        }
        Ok(Exit::from(document.verdict).code())
    }
}
