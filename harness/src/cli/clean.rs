//! `truecut clean`: takes away what killed runs left behind.

use clap::Args;
use serde::Serialize;
use truecut::failure::Failure;
use truecut::verdict::SCHEMA;
use truecut_runtime::failure::exit;

use super::{Outcome, block_on, output};

/// Take away containers and data that killed runs left behind; run directories stay
#[derive(Debug, Args)]
pub(super) struct Clean {
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    removed: Vec<String>,
}

impl Clean {
    pub(super) fn run(&self) -> Outcome {
        let removed = block_on(async { truecut_cluster::clean().await.map_err(Failure::from) })?;
        if self.json {
            output::document(&Document { schema: SCHEMA, command: "clean", removed });
        } else if removed.is_empty() {
            output::line("nothing was left behind");
        } else {
            removed.iter().for_each(|what| output::line(&format!("removed {what}")));
        }
        Ok(exit::OK)
    }
}
