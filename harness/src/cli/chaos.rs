//! `truecut chaos`: kills a real job on real Kafka and tells whether its output is what the input demands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use truecut::chaos::{self, KafkaSetting, Options, Plan, Victims, Wanted};
use truecut::coverage::ModelShapes;
use truecut::failure::Failure;
use truecut::history::FaultCount;
use truecut::verdict::{ChaosDocument, Exit, Verdict};
use truecut_cluster::KafkaChoice;
use truecut_mutants::Mutant;
use truecut_runtime::config::CommitByConfig;

use super::output::{self, Style, grouped};
use super::{Outcome, block_on, campaign, from_model, judged, show, time};

/// Kill a real job on real Kafka with kill -9, and compare its output with what its input demands
#[derive(Clone, Debug, Args)]
pub(super) struct Chaos {
    /// Which Kafka: auto, container, process, or HOST:PORT of one that runs
    #[arg(long, default_value = "auto", value_name = "KAFKA")]
    pub(super) kafka: KafkaChoice,
    /// Carry out this plan: the name of one (`truecut list plans`), or a file, TOML or the plan.json of a run [default: one that is
    /// drawn from the seed and the options below]
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["kills", "kill", "pauses", "sink", "outage", "records", "workers"])]
    pub(super) plan: Option<String>,
    /// Make all runs of this campaign: `truecut list campaigns` names them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["plan", "kills", "kill", "pauses", "sink", "outage", "records", "workers", "mutant", "brokers", "keep"])]
    pub(super) campaign: Option<String>,
    /// Carry out this counterexample of the model, which `truecut check --mutant NAME --save DIR` wrote: compiled into a plan, with its
    /// wrong protocol, until what it violates is violated on real Kafka
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "campaign", "kills", "kill", "pauses", "sink", "outage", "records", "workers", "mutant", "brokers", "keep"])]
    pub(super) from: Option<PathBuf>,
    /// Carry out the counterexample of every wrong protocol
    #[arg(long, conflicts_with_all = ["from", "plan", "campaign", "kills", "kill", "pauses", "sink", "outage", "records", "workers", "mutant", "brokers", "keep"])]
    pub(super) from_all: bool,
    /// Of all counterexamples only those of this wrong protocol; may be given again
    #[arg(long, value_name = "MUTANT", requires = "from_all", value_parser = mutant)]
    pub(super) only: Vec<String>,
    /// Leave out the wrong protocols that the data in the directory of --write has measured: after an interrupted command, go on where
    /// it was
    #[arg(long, requires = "from_all", requires = "write")]
    pub(super) go_on: bool,
    /// Runs of each counterexample, at most: the seeds follow each other
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) tries: u32,
    /// Carry out the faults of a counterexample against the protocol itself, which must hold
    #[arg(long)]
    pub(super) without_mutant: bool,
    /// Write page and data of a campaign (chaos-campaign) or of counterexamples (counterexamples-on-kafka) into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "plan")]
    pub(super) write: Option<PathBuf>,
    /// Decides workload and plan [default: drawn, and printed; of a campaign: 1]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Brokers of the Kafka that is started: 1 or 3
    #[arg(long, value_name = "N", value_parser = ["1", "3"])]
    pub(super) brokers: Option<String>,
    /// Processes to kill, one after another
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub(super) kills: u32,
    /// Whom to kill and to pause
    #[arg(long, default_value = "workers", value_name = "WHO")]
    pub(super) kill: Kill,
    /// Processes to pause until the job goes on without them, so that they come back as zombies
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) pauses: u32,
    /// How the sink gets over a transaction that Kafka aborted
    #[arg(long, default_value = "resume", value_name = "HOW")]
    pub(super) sink: Sink,
    /// All workers stay away for so long when a crash point strikes, and Kafka aborts what they left; give more than the 3 s that it
    /// then lets a transaction live
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(super) outage: Option<Duration>,
    /// Input records (Nexmark bids)
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(super) records: u64,
    /// Worker processes
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) workers: u16,
    /// Run this wrong protocol on purpose; `truecut list mutants` names them
    #[arg(long, value_name = "NAME", value_parser = mutant)]
    pub(super) mutant: Option<String>,
    /// Where everything of the run is put [default: truecut-runs/SEED-TIME]
    #[arg(long, value_name = "DIR")]
    pub(super) run_directory: Option<PathBuf>,
    /// Leave Kafka's data, the topics and the checkpoints behind
    #[arg(long)]
    pub(super) keep: bool,
    /// End the run after this time; of a campaign: start no further run after it
    #[arg(long, default_value = "15m", value_name = "TIME", value_parser = time::parse)]
    pub(super) time_limit: Duration,
    /// Write the result there as JUnit XML, too: a case for each check and each kind of fault
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// Whom to kill and to pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kill {
    /// Workers
    Workers,
    /// The coordinator: another one takes over
    Coordinator,
    /// Both, in turn
    All,
}

impl Kill {
    fn victims(self) -> Victims {
        match self {
            Self::Workers => Victims::Workers,
            Self::Coordinator => Victims::Coordinator,
            Self::All => Victims::All,
        }
    }
}

/// How the sink gets over a transaction that Kafka aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Sink {
    /// Not at all: what was aborted is lost, and the job says so
    Resume,
    /// It writes it again from the checkpoint
    Log,
}

impl Sink {
    fn commit_by(self) -> CommitByConfig {
        match self {
            Self::Resume => CommitByConfig::Resume,
            Self::Log => CommitByConfig::Log,
        }
    }
}

fn outage_ms(outage: Option<Duration>) -> Result<u32, Failure> {
    let ms = outage.unwrap_or_default().as_millis();
    u32::try_from(ms).map_err(|_| Failure::usage("--outage: that is too long; give seconds or minutes"))
}

fn mutant(name: &str) -> Result<String, String> {
    let known = Mutant::from_name(name).map(|mutant| mutant.name().to_owned());
    known.ok_or_else(|| "no such wrong protocol; `truecut list mutants` names them".to_owned())
}

impl Chaos {
    pub(super) fn run(&self) -> Outcome {
        if let Some(name) = &self.campaign {
            return campaign::run(name, self);
        }
        if let Some(file) = &self.from {
            return from_model::one(file, self);
        }
        if self.from_all {
            return from_model::all(self);
        }
        let document = self.conduct()?;
        if self.json {
            output::document(&document);
        } else {
            tell(&document);
        }
        if let Some(file) = &self.junit {
            judged::save(file, &document)?;
        }
        Ok(Exit::from(document.verdict).code())
    }

    /// The run without its telling.
    pub(super) fn conduct(&self) -> Result<ChaosDocument, Failure> {
        let options = Options {
            plan: self.chosen()?,
            kafka: self.kafka.clone(),
            run_directory: self.run_directory.clone(),
            keep: self.keep,
            time_limit: self.time_limit,
        };
        chaos::prepare_process(&options.plan)?;
        block_on(chaos::run(options, show::watch(self.json)))
    }

    fn chosen(&self) -> Result<Plan, Failure> {
        let brokers = self.brokers.as_ref().map(|brokers| if brokers == "3" { 3 } else { 1 });
        let mut plan = match &self.plan {
            Some(plan) => Plan::named_or_read(plan)?,
            None => Plan::draw(self.wanted()?),
        };
        plan.seed = self.seed.unwrap_or(plan.seed);
        plan.kafka.brokers = brokers.unwrap_or(plan.kafka.brokers);
        if let Some(mutant) = &self.mutant {
            plan.job.mutant = Some(mutant.clone());
        }
        Ok(plan)
    }

    fn wanted(&self) -> Result<Wanted, Failure> {
        if self.records == 0 {
            return Err(Failure::usage("--records 0: at least one record is needed to see anything"));
        }
        Ok(Wanted {
            seed: self.seed.unwrap_or_else(drawn),
            kills: self.kills,
            records: self.records,
            workers: self.workers,
            mutant: self.mutant.clone(),
            victims: self.kill.victims(),
            pauses: self.pauses,
            sink: self.sink.commit_by(),
            outage_ms: outage_ms(self.outage)?,
            kafka: KafkaSetting::default(),
        })
    }
}

/// A seed for those who give none: short enough to be typed again.
fn drawn() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_micros())
}

/// Tells a person what came out.
pub(super) fn tell(document: &ChaosDocument) {
    let style = Style::stdout();
    let mutant =
        document.mutant.as_ref().map_or_else(String::new, |name| format!(", with the wrong protocol {name}"));
    output::line(&format!("{}   seed {}{mutant}", style.verdict(document.verdict), document.seed));
    for reason in &document.reasons {
        output::line(&format!("  {reason}"));
    }
    if let Some(name) = document.mutant.as_ref().filter(|_| document.verdict == Verdict::Holds) {
        output::line(&format!(
            "  this run did not expose {name}: try other seeds, or `truecut check --mutant {name}`"
        ));
    }
    output::line("");
    output::table(&rows(document));
    if !document.anomalies.is_empty() {
        output::line("\nOffending records (partition@offset):");
        for anomaly in document.anomalies.iter().take(10) {
            output::line(&format!("  {}: {}", style.red(anomaly.class.name()), anomaly.example.text));
        }
    }
    output::line(&format!("\nreport   {}/report.html", document.run_directory));
    output::line(&format!("again    {}", document.replay));
}

fn rows(document: &ChaosDocument) -> Vec<Vec<String>> {
    let points: Vec<String> =
        document.crash_points.iter().map(|(point, kills)| format!("{point}{}", times(*kills))).collect();
    let recovery = document
        .recovery_ms
        .map_or_else(|| "none was seen".to_owned(), |ms| format!("p50 {} ms, longest {} ms", ms.p50, ms.max));
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    vec![
        row("Kafka", format!("{} {}", document.kafka.kind, document.kafka.version)),
        row("records in", grouped(document.records_in)),
        row("records out", grouped(document.records_out)),
        row(
            "checkpoints",
            format!(
                "{} completed, {} given up",
                document.checkpoints_completed, document.checkpoints_aborted
            ),
        ),
        row("kills", kills(document)),
        row("faults", faults(document)),
        row("crash points", if points.is_empty() { "none".to_owned() } else { points.join(", ") }),
        row("attempts", document.attempts.to_string()),
        row("recovery", recovery),
        row(
            "traces",
            format!(
                "{} events replayed: {}",
                grouped(document.traces.events),
                document.traces.verdict.name()
            ),
        ),
        row("model coverage", campaign::covered(ModelShapes::committed().share(&document.traces.shapes))),
        row("time", format!("{:.1} s", document.seconds)),
    ]
}

fn kills(document: &ChaosDocument) -> String {
    let mut text = format!("{} confirmed of {} planned", document.kills_confirmed, document.kills_planned);
    if document.coordinator_kills > 0 {
        text += &format!(", {} of them of the coordinator", document.coordinator_kills);
    }
    if document.pauses > 0 {
        text += &format!("; {} paused until given up", document.pauses);
    }
    text
}

fn faults(document: &ChaosDocument) -> String {
    let told = |(name, count): (&String, &FaultCount)| match count {
        FaultCount { struck, missed: 0 } => format!("{name}{}", times(*struck)),
        FaultCount { struck, missed } => format!("{name} ({struck} struck, {missed} hit nothing)"),
    };
    let told: Vec<String> = document.faults.iter().map(told).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn times(kills: u64) -> String {
    if kills > 1 { format!(" ({kills} times)") } else { String::new() }
}
