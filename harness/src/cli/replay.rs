//! `truecut replay`: carries out the plan of an earlier run again, on a new Kafka of the same kind.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use truecut::chaos::{self, Options};
use truecut::failure::Failure;
use truecut::verdict::Exit;
use truecut_cluster::KafkaChoice;

use super::{Outcome, block_on, chaos as chaos_command, output, show, time};

/// Carry out the plan of a run again: same faults, same workload. Scheduling is the machine's, so what they meet may differ
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The run directory of the earlier run
    run: PathBuf,
    /// Which Kafka: auto, container, process, or HOST:PORT of one that runs [default: as the earlier run had it]
    #[arg(long, value_name = "KAFKA")]
    kafka: Option<KafkaChoice>,
    /// Where everything of the new run is put [default: truecut-runs/SEED-TIME]
    #[arg(long, value_name = "DIR")]
    run_directory: Option<PathBuf>,
    /// Leave Kafka's data, the topics and the checkpoints behind
    #[arg(long)]
    keep: bool,
    /// End the run after this time
    #[arg(long, default_value = "15m", value_name = "TIME", value_parser = time::parse)]
    time_limit: Duration,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

impl Replay {
    pub(super) fn run(&self) -> Outcome {
        let (plan, kafka) = chaos::recorded(&self.run)?;
        let options = Options {
            plan,
            kafka: match &self.kafka {
                Some(kafka) => kafka.clone(),
                None => {
                    kafka.parse().map_err(|error| Failure::bad_data(format!("versions.json: {error}")))?
                }
            },
            run_directory: self.run_directory.clone(),
            keep: self.keep,
            time_limit: self.time_limit,
        };
        chaos::prepare_process(&options.plan)?;
        let document = block_on(chaos::run(options, show::watch(self.json)))?;
        if self.json {
            output::document(&document);
        } else {
            chaos_command::tell(&document);
        }
        Ok(Exit::from(document.verdict).code())
    }
}
