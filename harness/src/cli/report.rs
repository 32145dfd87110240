//! `truecut report`: writes a run's page again.

use std::path::PathBuf;

use clap::Args;
use truecut::failure::Failure;
use truecut::report::{self, ReportError};
use truecut_runtime::failure::exit;

use super::{Outcome, output};

/// Write the page of a chaos run again, from its verdict and history
#[derive(Debug, Args)]
pub(super) struct Report {
    /// The run directory
    run_directory: PathBuf,
}

impl Report {
    pub(super) fn run(&self) -> Outcome {
        let written = report::write(&self.run_directory).map_err(|error| {
            let text = error.to_string();
            match error {
                ReportError::Io { .. } | ReportError::Verdict { .. } | ReportError::History(_) => {
                    Failure::bad_data(text)
                }
            }
        });
        output::line(&written?.display().to_string());
        Ok(exit::OK)
    }
}
