//! `truecut demo`: the idea in two minutes. The model is checked, every wrong protocol is found, then a real job is killed
//! on real Kafka.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use truecut::failure::Failure;
use truecut::verdict::{Exit, Verdict};
use truecut_cluster::KafkaChoice;
use truecut_mutants::Mutant;

use super::output::{self, Style, grouped};
use super::{Outcome, chaos, check};

/// The world that witnesses every property and is still quick to explore.
const SCOPE: &str = "pr";

/// See it all in two minutes: the model checked, a real job killed, a report to look at
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Which Kafka: auto, container, process, or HOST:PORT of one that runs
    #[arg(long, default_value = "auto", value_name = "KAFKA")]
    kafka: KafkaChoice,
    /// Decides workload and plan [default: drawn, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Input records (Nexmark bids)
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    records: u64,
    /// Workers to kill, one after another
    #[arg(long, default_value_t = 8, value_name = "N")]
    kills: u32,
    /// Where everything of the run is put [default: truecut-runs/SEED-TIME]
    #[arg(long, value_name = "DIR")]
    run_directory: Option<PathBuf>,
    /// Ask nothing: accepted for scripts, since nothing is asked
    #[arg(long, short)]
    yes: bool,
}

impl Demo {
    pub(super) fn run(&self) -> Outcome {
        let style = Style::stdout();
        let limits = check::Limits {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            time: Some(Duration::from_secs(120)),
        };
        output::line("1. The protocol in a bounded world, every history of it:");
        let scope = truecut_model::scope(SCOPE).ok_or_else(|| Failure::internal("the scope is gone"))?;
        let mut watch = check::Watch::new();
        let report = limits.scope(scope, None, &mut watch);
        watch.end();
        let verdict = check::verdict_of(&report);
        output::line(&format!(
            "   {}: {} properties, {}",
            style.verdict(verdict),
            report.properties.len(),
            check::summary(&report)
        ));

        output::line("2. Wrong protocols, each in a small world of its own:");
        let mut watch = check::Watch::new();
        let missed: Vec<&str> = Mutant::all()
            .iter()
            .filter(|mutant| limits.mutant(**mutant, &mut watch).killed_by.is_none())
            .map(|mutant| mutant.name())
            .collect();
        watch.end();
        let found = if missed.is_empty() { Verdict::Holds } else { Verdict::Violated };
        output::line(&match found {
            Verdict::Holds => format!(
                "   {}: all {}, each by the property that it is there for",
                style.green("found"),
                Mutant::all().len()
            ),
            Verdict::Violated | Verdict::Unknown => {
                format!("   {}: {}", style.red("not found"), missed.join(", "))
            }
        });

        output::line(&format!(
            "3. A real job on real Kafka: {} bids, {} workers killed with kill -9:",
            grouped(self.records),
            self.kills
        ));
        let document = self.chaos().conduct()?;
        output::line("");
        chaos::tell(&document);
        Ok(Exit::from(document.verdict.and(verdict).and(found)).code())
    }

    fn chaos(&self) -> chaos::Chaos {
        chaos::Chaos {
            kafka: self.kafka.clone(),
            plan: None,
            campaign: None,
            from: None,
            from_all: false,
            go_on: false,
            only: Vec::new(),
            tries: 1,
            without_mutant: false,
            write: None,
            brokers: None,
            seed: self.seed,
            kills: self.kills,
            records: self.records,
            kill: chaos::Kill::Workers,
            pauses: 0,
            sink: chaos::Sink::Resume,
            outage: None,
            workers: 3,
            mutant: None,
            run_directory: self.run_directory.clone(),
            keep: false,
            time_limit: Duration::from_secs(900),
            junit: None,
            json: false,
        }
    }
}
