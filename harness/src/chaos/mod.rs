//! A chaos run: real Kafka, a real job in real processes, kill -9 by plan, and a verdict on what came out.
//!
//! Decides the order of a run and what is left in its directory. Leaves to others: what is killed when (`plan`,
//! `exposure`), doing it (`nemesis`, `subject`), input and output (`feeder`, `reader`), the verdict (`judge`).

mod exposure;
mod feeder;
mod job;
mod judge;
mod kafka;
pub mod kafka_log;
mod launches;
mod log;
mod moment;
mod nemesis;
mod plan;
mod reader;
mod records;
mod replay;
mod seen;
mod subject;
mod told;
mod trial;
mod versions;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_cluster::{Cluster, KafkaChoice, Options as ClusterOptions};

pub use judge::{circumstances, judge};
pub use moment::{Moment, Progress, Watch};
pub use plan::{PLAN_FILE, Plan, PlannedKill, PlannedPause, Victims, Wanted};
pub use replay::validate;

use crate::failure::Failure;
use crate::history::{self, Event, Writer};
use crate::report;
use crate::verdict::{ChaosDocument, Kafka, VERDICT_FILE};
use job::Names;
use trial::Trial;
use versions::{VERSIONS_FILE, Versions};

/// The processes' logs in a run directory.
const LOGS: &str = "logs";
/// The traces in a run directory.
pub const TRACES: &str = "traces";
/// Where run directories go unless told otherwise.
const RUNS: &str = "truecut-runs";

/// What a chaos run is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the plan is drawn from.
    pub wanted: Wanted,
    /// Which Kafka.
    pub kafka: KafkaChoice,
    /// Where everything of the run is put; made if there is none, and must be empty.
    pub run_directory: Option<PathBuf>,
    /// Leave Kafka's data, the topics and the checkpoints behind.
    pub keep: bool,
    /// The trial is ended after this long.
    pub time_limit: Duration,
}

/// Runs it all: from an empty directory to a verdict and a report.
///
/// # Errors
/// The machine or Kafka is not usable. A run that shows too little is no error but `unknown`.
pub async fn run(options: Options, watch: Watch) -> Result<ChaosDocument, Failure> {
    let started = Instant::now();
    let run = format!("{}-{}-{}", options.wanted.seed, now_ms(), std::process::id());
    let directory = prepare(options.run_directory.as_deref(), &run)?;
    let plan = Plan::draw(options.wanted.clone(), &options.kafka.to_string());
    judge::write_json(&directory, PLAN_FILE, &plan)?;

    let cluster = start_kafka(&options, &run, &directory, &watch).await?;
    judge::write_json(&directory, VERSIONS_FILE, &Versions::now(kafka_of(&cluster)))?;
    let path = directory.join(history::FILE_NAME);
    let history = Writer::create(&path).map_err(Failure::at("write", &path))?;
    history.record(Event::RunStarted { seed: plan.wanted.seed }).map_err(Failure::at("write", &path))?;
    let names = Names::of_run(&run);
    let kafka = kafka::Kafka::new(cluster.bootstrap(), &names);
    let trial = Trial {
        plan: &plan,
        names: &names,
        kafka: &kafka,
        directory: &directory,
        history: &history,
        watch: &watch,
    };
    match tokio::time::timeout(options.time_limit, trial.conduct()).await {
        Ok(conducted) => conducted?,
        Err(_) => trial.give_up(options.time_limit).await?,
    }
    watch(&Moment::Doing("take Kafka away".to_owned()));
    if !options.keep {
        if cluster.kind() == "external" {
            kafka.delete_topics().await?;
        }
        let checkpoints = directory.join(job::CHECKPOINTS);
        std::fs::remove_dir_all(&checkpoints).map_err(Failure::at("remove", &checkpoints))?;
    }
    cluster.stop().await?;
    conclude(directory, started, &watch).await
}

/// Judges, and writes verdict and report.
async fn conclude(directory: PathBuf, started: Instant, watch: &Watch) -> Result<ChaosDocument, Failure> {
    watch(&Moment::Doing("compare output with input, replay the traces".to_owned()));
    let judged = tokio::task::spawn_blocking(move || {
        let mut document = judge(&directory, "chaos", started.elapsed())?;
        document.seconds = started.elapsed().as_secs_f64();
        judge::write_json(&directory, VERDICT_FILE, &document)?;
        report::write(&directory).map_err(|error| Failure::environment(error.to_string()))?;
        Ok::<_, Failure>(document)
    });
    let document: ChaosDocument = judged.await.map_err(|error| Failure::internal(error.to_string()))??;
    watch(&Moment::Judged(document.verdict));
    Ok(document)
}

async fn start_kafka(
    options: &Options,
    run: &str,
    directory: &Path,
    watch: &Watch,
) -> Result<Cluster, Failure> {
    watch(&Moment::Doing(format!("start Kafka ({})", options.kafka)));
    let mut cluster = ClusterOptions::new(run);
    cluster.log_dir = Some(directory.join(LOGS));
    cluster.keep_data = options.keep;
    let told = Arc::clone(watch);
    cluster.progress = Arc::new(move |line| told(&Moment::Doing(line.to_owned())));
    Ok(Cluster::start(options.kafka.clone(), cluster).await?)
}

fn kafka_of(cluster: &Cluster) -> Kafka {
    let kind = match cluster.kind() {
        "external" => cluster.bootstrap(),
        ours => ours,
    };
    Kafka { kind: kind.to_owned(), version: cluster.version().to_owned() }
}

/// Makes the run directory; one that holds anything is refused.
fn prepare(wanted: Option<&Path>, run: &str) -> Result<PathBuf, Failure> {
    let directory = wanted.map_or_else(|| Path::new(RUNS).join(run), Path::to_owned);
    std::fs::create_dir_all(&directory).map_err(Failure::at("make the run directory", &directory))?;
    let directory = directory.canonicalize().map_err(Failure::at("find", &directory))?;
    let mut entries = std::fs::read_dir(&directory).map_err(Failure::at("read", &directory))?;
    if entries.next().is_some() {
        return Err(Failure::usage(format!(
            "the run directory {} is not empty; name another one",
            directory.display()
        )));
    }
    Ok(directory)
}

/// Milliseconds since 1970: with the process id they tell runs of one seed apart.
fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis()
}
