//! A chaos run: real Kafka, a real job in real processes, kill -9 by plan, and a verdict on what came out.
//!
//! Decides the order of a run and what is left in its directory. Leaves to others: what is killed when (`plan`,
//! `exposure`), doing it (`nemesis`, `subject`), input and output (`feeder`, `reader`), the verdict (`judge`).

pub mod campaign;
mod clocks;
mod disk;
mod feeder;
mod job;
mod judge;
mod kafka;
pub mod kafka_log;
mod launches;
mod log;
mod metrics;
mod moment;
mod nemesis;
mod network;
pub mod packed;
mod plan;
mod reader;
mod records;
mod replay;
mod seen;
mod shared;
mod subject;
mod told;
mod trial;
mod versions;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_cluster::{Cluster, KafkaChoice, Options as ClusterOptions};

pub use disk::{prepare_for_disks, prepare_process};
pub use judge::{circumstances, judge, recorded, replayed};
pub use metrics::{METRICS_FILE, Reading};
pub use moment::{Moment, Progress, Watch};
pub use plan::{
    Clocks, Damage, Direction, FAULTS, Fault, FaultInfo, JobSetting, KafkaSetting, PLAN_FILE, PLAN_SCHEMA,
    PLANS, Plan, PlanInfo, Step, Topic, Until, Victims, Wanted, When,
};
pub(crate) use plan::{Comes, comes};
pub(crate) use replay::list as list_traces;
pub use replay::{validate, validate_by_the_protocol};
pub use shared::SharedKafka;

use crate::failure::Failure;
use crate::history::{self, Event, Writer};
use crate::report;
use crate::verdict::{ChaosDocument, Kafka, VERDICT_FILE};
use crate::wall_clock::now_ms;
use disk::Disk;
use job::Names;
use network::Network;
use trial::Trial;
use versions::{VERSIONS_FILE, Versions};

/// The processes' logs in a run directory.
const LOGS: &str = "logs";
/// The traces in a run directory.
pub const TRACES: &str = "traces";
/// The disk of a broker that is to be full, MiB: more than the records of a run take.
const BROKER_DISK_MIB: u32 = 256;
/// Where run directories go unless told otherwise.
const RUNS: &str = "truecut-runs";

/// What a chaos run is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What happens.
    pub plan: Plan,
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
    let run = format!("{}-{}-{}", options.plan.seed, now_ms(), std::process::id());
    let directory = prepare(options.run_directory.as_deref(), &run)?;
    let plan = &options.plan;
    plan.check().map_err(|why| Failure::usage(format!("this plan can't be carried out: {why}")))?;
    judge::write_json(&directory, PLAN_FILE, plan)?;

    let network = Arc::new(Network::of(plan).await?);
    let cluster = start_kafka(&options, &network, &run, &directory, &watch).await?;
    judge::write_json(&directory, VERSIONS_FILE, &Versions::now(kafka_of(&cluster)))?;
    let path = directory.join(history::FILE_NAME);
    let history = Writer::create(&path).map_err(Failure::at("write", &path))?;
    history.record(Event::RunStarted { seed: plan.seed }).map_err(Failure::at("write", &path))?;
    let names = Names::of_run(&run);
    let kafka = kafka::Kafka::new(cluster.bootstrap(), &names);
    let checkpoints = directory.join(job::CHECKPOINTS);
    let own_disk = plan.steps.iter().any(|step| step.fault.needs_own_disk());
    let disk = own_disk.then(|| Disk::mount(&checkpoints)).transpose()?;
    let clock = clocks::of_coordinators(plan, &directory)?;
    let trial = Trial {
        plan,
        names: &names,
        kafka: &kafka,
        cluster: &cluster,
        network: &network,
        disk: disk.as_ref(),
        clock: clock.as_ref(),
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
        drop(disk);
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
    network: &Network,
    run: &str,
    directory: &Path,
    watch: &Watch,
) -> Result<Cluster, Failure> {
    watch(&Moment::Doing(format!("start Kafka ({})", options.kafka)));
    let mut cluster = ClusterOptions::new(run);
    options.plan.kafka.apply(&mut cluster)?;
    cluster.proxies = network.in_front_of_brokers();
    let fills = |step: &Step| matches!(step.fault, Fault::BrokerDiskFull { .. });
    cluster.disk_mib = options.plan.steps.iter().any(fills).then_some(BROKER_DISK_MIB);
    cluster.notices_loss_soon = options.plan.steps.iter().any(|step| step.fault.stops_brokers());
    cluster.clock = options.plan.moves_clock(Clocks::Brokers);
    cluster.log_dir = Some(directory.join(LOGS));
    cluster.keep_data = options.keep;
    let told = Arc::clone(watch);
    cluster.progress = Arc::new(move |line| told(&Moment::Doing(line.to_owned())));
    let own = options.plan.steps.iter().find(|step| step.fault.needs_own_brokers());
    if let (KafkaChoice::Bootstrap(servers), Some(step)) = (&options.kafka, own) {
        return Err(Failure::usage(format!(
            "the plan {} has the fault {}, which needs brokers of its own: give --kafka container, not {servers}",
            options.plan.name,
            step.fault.name()
        )));
    }
    let cluster = Cluster::start(options.kafka.clone(), cluster).await?;
    network.lead_to(&cluster)?;
    Ok(cluster)
}

fn kafka_of(cluster: &Cluster) -> Kafka {
    let kind = match cluster.kind() {
        "external" => cluster.bootstrap(),
        ours => ours,
    };
    Kafka { kind: kind.to_owned(), version: cluster.version().to_owned() }
}

/// Makes a directory for several runs, under the usual place unless told otherwise.
///
/// # Errors
/// It can't be made, or is not empty.
pub fn new_directory(wanted: Option<&Path>, name: &str) -> Result<PathBuf, Failure> {
    prepare(wanted, &format!("{name}-{}-{}", now_ms(), std::process::id()))
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
