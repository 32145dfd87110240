//! A campaign: many runs, each judged by itself, and what they have reached together. Runs that need nothing of their brokers share one
//! Kafka; topics, groups and transactional ids are each run's own.

mod coverage;
mod document;
mod markdown;
mod runs;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use truecut_cluster::KafkaChoice;

pub use coverage::{Coverage, Tally, Target};
pub use document::{CampaignDocument, Point, RunLine};
pub use markdown::page;

use super::plan::Plan;
use super::{Moment, Options, PLAN_FILE, SharedKafka, Watch};
use crate::failure::Failure;
use crate::history;
use crate::verdict::{ChaosDocument, Verdict};

/// A crash point that was not hit is aimed at again so often.
const TRIES: u64 = 3;
/// A run whose evidence was not enough is made again so often, with another seed.
const AGAIN: u64 = 2;
/// How long one run may take.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// What is told about a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CampaignInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub purpose: &'static str,
    named: bool,
    points: bool,
    /// Kills that it must have.
    kills_min: u64,
}

/// Every campaign.
pub const CAMPAIGNS: &[CampaignInfo] = &[
    CampaignInfo {
        name: "quick",
        purpose: "Runs drawn from seeds, until 30 processes were killed.",
        named: false,
        points: false,
        kills_min: 30,
    },
    CampaignInfo {
        name: "nightly",
        purpose: "Every plan that has a name: each kind of fault at least once.",
        named: true,
        points: false,
        kills_min: 0,
    },
    CampaignInfo {
        name: "points",
        purpose: "A kill at every crash point.",
        named: false,
        points: true,
        kills_min: 0,
    },
    CampaignInfo {
        name: "full",
        purpose: "Each kind of fault, a kill at every crash point, and runs drawn from seeds until 500 processes were killed.",
        named: true,
        points: true,
        kills_min: 500,
    },
];

/// What a campaign is asked for.
#[derive(Clone, Debug)]
pub struct CampaignOptions {
    /// Which one.
    pub info: CampaignInfo,
    /// The first seed.
    pub seed: u64,
    /// Which Kafka.
    pub kafka: KafkaChoice,
    /// Where the runs are put; made if there is none, and must be empty.
    pub directory: PathBuf,
    /// No further run is started after this long.
    pub time_limit: Duration,
}

/// A campaign under way.
struct Campaign<'a> {
    options: &'a CampaignOptions,
    watch: Watch,
    started: Instant,
    shared: SharedKafka,
    /// Plans begun so far.
    plans: usize,
    runs: Vec<RunLine>,
    coverage: Coverage,
    /// Why it was ended early.
    cut_short: Option<String>,
}

/// Makes all runs of a campaign.
///
/// # Errors
/// The machine or Kafka is not usable. A run that fails to hold is no error.
pub async fn run(options: &CampaignOptions, watch: Watch) -> Result<CampaignDocument, Failure> {
    let mut campaign = Campaign {
        options,
        watch,
        started: Instant::now(),
        shared: SharedKafka::new(options.kafka.clone()),
        plans: 0,
        runs: Vec::new(),
        coverage: Coverage::default(),
        cut_short: None,
    };
    let made = campaign.all().await;
    campaign.shared.stop().await?;
    made?;
    let Campaign { started, runs, coverage, cut_short, .. } = campaign;
    Ok(CampaignDocument::of(options, runs, &coverage, cut_short, started.elapsed()))
}

impl Campaign<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        let CampaignInfo { named, points, kills_min, .. } = self.options.info;
        let seed = self.options.seed;
        if named {
            self.make(runs::named(seed)).await?;
        }
        for tries in 0..if points { TRIES } else { 0 } {
            self.make(runs::at_missing(&self.coverage, seed, tries)).await?;
        }
        let mut next = seed;
        while self.kills() < kills_min && self.cut_short.is_none() {
            self.make(vec![runs::drawn(next)]).await?;
            next += 1;
        }
        Ok(())
    }

    fn kills(&self) -> u64 {
        self.runs.iter().map(|run| run.kills).sum()
    }

    async fn make(&mut self, plans: Vec<Plan>) -> Result<(), Failure> {
        for plan in plans {
            self.plans += 1;
            for again in 0..=AGAIN {
                if self.is_over() {
                    return Ok(());
                }
                let plan = Plan { seed: plan.seed + again * 1_000, ..plan.clone() };
                let verdict = self.one(plan).await?;
                if verdict != Verdict::Unknown {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_over(&mut self) -> bool {
        if self.started.elapsed() > self.options.time_limit {
            let limit = self.options.time_limit.as_secs();
            self.cut_short.get_or_insert_with(|| format!("the time limit of {limit} s was reached"));
        }
        self.cut_short.is_some()
    }

    async fn one(&mut self, plan: Plan) -> Result<Verdict, Failure> {
        let number = self.runs.len() + 1;
        let directory = self.options.directory.join(format!("{number:03}-{}", plan.name));
        (self.watch)(&Moment::Doing(format!("run {number}: {} (seed {})", plan.name, plan.seed)));
        let kafka = self.shared.for_plan(&plan).await?;
        let (name, seed) = (plan.name.clone(), plan.seed);
        let options = Options {
            plan,
            kafka,
            run_directory: Some(directory.clone()),
            keep: false,
            time_limit: RUN_LIMIT,
        };
        let document = match super::run(options, self.watch.clone()).await {
            Ok(document) => document,
            Err(failure) => {
                // A broker that a fault has ruined for the next run, too, is not shared any longer.
                self.shared.discard();
                (self.watch)(&Moment::Doing(format!("run {number} came to nothing: {failure}")));
                self.runs.push(RunLine::failed((number, self.plans), (&name, seed), &directory, &failure));
                return Ok(Verdict::Unknown);
            }
        };
        self.take_in(&directory, &document)?;
        self.runs.push(RunLine::of((number, self.plans), &directory, &document));
        Ok(document.verdict)
    }

    fn take_in(&mut self, directory: &Path, document: &ChaosDocument) -> Result<(), Failure> {
        let plan = Plan::read(&directory.join(PLAN_FILE))?;
        let history = history::read(&directory.join(history::FILE_NAME))
            .map_err(|error| Failure::bad_data(error.to_string()))?;
        self.coverage.add(&plan, &history, document.verdict);
        self.coverage.visit(&plan, &history, &document.traces);
        Ok(())
    }
}
