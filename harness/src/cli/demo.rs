//! `truecut demo`: the idea in two minutes. The model is checked, a wrong protocol is found, then a real job is killed on
//! real Kafka.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use truecut::failure::Failure;
use truecut::verdict::Exit;
use truecut_cluster::KafkaChoice;
use truecut_mutants::Mutant;

use super::output::{self, Style, grouped};
use super::{Outcome, chaos, check};

/// The world that is quick to explore.
const SCOPE: &str = "smoke";
/// The wrong protocol that is easiest to understand.
const MUTANT: Mutant = Mutant::SkipAlignment;

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
        output::line("1. The protocol in a small world, every history of it:");
        let scope = truecut_model::scope(SCOPE).ok_or_else(|| Failure::internal("the scope is gone"))?;
        let report = check::in_scope(scope, limits, None, false);
        let verdict = check::verdict_of(&report);
        output::line(&format!(
            "   {}: {} properties, {}",
            style.verdict(verdict),
            report.properties.len(),
            check::summary(&report)
        ));

        output::line("2. A wrong protocol in the same world:");
        let bar = check::bar(false);
        let found = check::search(MUTANT, limits, &bar);
        bar.finish_and_clear();
        output::line(&match found.killed_by {
            Some(property) => {
                format!("   {MUTANT}: {} by {property}, in {} steps", style.green("found"), found.steps)
            }
            None => format!("   {MUTANT}: {}", style.red("not found")),
        });

        output::line(&format!(
            "3. A real job on real Kafka: {} bids, {} workers killed with kill -9:",
            grouped(self.records),
            self.kills
        ));
        let document = self.chaos().conduct()?;
        output::line("");
        chaos::tell(&document);
        let found = if found.killed_by.is_some() {
            truecut::verdict::Verdict::Holds
        } else {
            truecut::verdict::Verdict::Violated
        };
        Ok(Exit::from(document.verdict.and(verdict).and(found)).code())
    }

    fn chaos(&self) -> chaos::Chaos {
        chaos::Chaos {
            kafka: self.kafka.clone(),
            seed: self.seed,
            kills: self.kills,
            records: self.records,
            workers: 3,
            mutant: None,
            run_directory: self.run_directory.clone(),
            keep: false,
            time_limit: Duration::from_secs(900),
            json: false,
        }
    }
}
