//! Carries compiled counterexamples out on real Kafka: one seed after the other until the property that the model violates is violated
//! there, too. What a run shows is said by its verdict alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Compiled, compile};
use crate::chaos::{self, Moment, Options, Plan, SharedKafka, Watch};
use crate::counterexample::saved::Saved;
use crate::failure::Failure;
use crate::oracle::Class;
use crate::verdict::{ChaosDocument, Verdict};

/// How long one run may take.
const RUN_LIMIT: Duration = Duration::from_secs(180);
/// Kafka aborts no transaction by itself within a run, if it lets them live for so long.
const PATIENT_MS: u32 = 60_000;
/// What a rejected trace is called among the properties that a run violates.
const TRACE: &str = "a trace was rejected";

/// How counterexamples are tried.
#[derive(Clone, Debug)]
pub struct TryOptions {
    /// At most so many runs of each.
    pub tries: u32,
    /// The seed of the first; the others follow.
    pub seed: u64,
    /// The protocol itself runs, under the same faults: nothing may be violated.
    pub without_mutant: bool,
    /// Where the runs are put.
    pub directory: PathBuf,
}

/// What became of a counterexample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// The wrong protocol; none: the protocol itself.
    pub mutant: Option<String>,
    /// The property that the model violates.
    pub violates: String,
    /// The faults that it was compiled into, in order.
    pub faults: Vec<String>,
    /// Which step can't be made to happen, and why; then nothing was run.
    pub impossible: Option<String>,
    /// The runs.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Its verdict; unknown if it came to nothing.
    pub verdict: Verdict,
    /// What it violated, by the properties' names.
    pub violated: BTreeSet<String>,
    /// Why, and what was missing.
    pub reasons: Vec<String>,
    /// Seconds.
    pub seconds: u64,
    /// Where everything of it is.
    pub directory: String,
}

impl Tried {
    /// The run, from 1, that violated the property of the counterexample.
    #[must_use]
    pub fn reproduced(&self) -> Option<usize> {
        self.runs.iter().position(|run| run.violated.contains(&self.violates)).map(|at| at + 1)
    }

    /// The first run, from 1, that violated anything, and what.
    #[must_use]
    pub fn violated(&self) -> Option<(usize, &Run)> {
        (1..).zip(&self.runs).find(|(_, run)| run.verdict == Verdict::Violated)
    }

    /// Violated if a run was. Unknown is no pass: a step that can't be made to happen, or a run that shows too little.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let all = self.runs.iter().map(|run| run.verdict).reduce(Verdict::and);
        all.unwrap_or(Verdict::Unknown)
    }
}

/// Tries one counterexample.
///
/// # Errors
/// It is no counterexample of this model, or the machine is not usable. A run that came to nothing is only told.
pub async fn attempt(
    saved: &Saved,
    options: &TryOptions,
    kafka: &mut SharedKafka,
    watch: &Watch,
) -> Result<Tried, Failure> {
    let mutant = saved.world.mutant.clone().filter(|_| !options.without_mutant);
    let mut tried = Tried {
        name: saved.name.clone(),
        mutant,
        violates: saved.violates.clone().unwrap_or_else(|| "a role's own assertion".to_owned()),
        faults: Vec::new(),
        impossible: None,
        runs: Vec::new(),
    };
    for number in 0..options.tries {
        let seed = options.seed + u64::from(number);
        let compiled = match compile(saved, seed)? {
            Ok(compiled) => compiled,
            Err(impossible) => {
                tried.impossible = Some(impossible.to_string());
                return Ok(tried);
            }
        };
        tried.faults = compiled.derived.iter().map(|derived| derived.fault.clone()).collect();
        let plan = if options.without_mutant { of_the_protocol(compiled) } else { compiled.plan };
        let directory = options.directory.join(format!("{}-{seed}", saved.name));
        watch(&Moment::Doing(format!("{}, try {} (seed {seed})", saved.name, number + 1)));
        tried.runs.push(one(plan, &directory, kafka, watch).await?);
        if tried.reproduced().is_some() {
            break;
        }
    }
    Ok(tried)
}

/// The same faults against the protocol itself. Where the counterexample takes a transaction from a sink that can't write it again,
/// the job must end with a data-loss error.
fn of_the_protocol(compiled: Compiled) -> Plan {
    let mut plan = compiled.plan;
    plan.job.mutant = None;
    plan.ends_with = compiled.loses.then_some(DATA_LOSS);
    plan
}

/// The exit code of a job that failed.
const DATA_LOSS: u8 = 4;

async fn one(plan: Plan, directory: &Path, kafka: &mut SharedKafka, watch: &Watch) -> Result<Run, Failure> {
    let seed = plan.seed;
    let patient = plan.job.transaction_timeout_ms >= PATIENT_MS;
    let options = Options {
        kafka: kafka.for_plan(&plan).await?,
        plan,
        run_directory: Some(directory.to_owned()),
        keep: false,
        time_limit: RUN_LIMIT,
    };
    let directory = directory.display().to_string();
    let made = chaos::run(options, watch.clone()).await;
    let aborted = made.as_ref().map(|document| aborted_by_the_job(document, patient)).unwrap_or_default();
    match made {
        Ok(document) => Ok(Run {
            seed,
            verdict: if aborted.is_empty() { document.verdict } else { Verdict::Violated },
            violated: &violated(&document) | &aborted,
            seconds: seconds(document.seconds),
            reasons: document.reasons.iter().map(|reason| in_short(reason, &directory)).collect(),
            directory,
        }),
        Err(failure) => {
            kafka.discard();
            let reasons = vec![in_short(&failure.to_string(), &directory)];
            Ok(Run {
                seed,
                verdict: Verdict::Unknown,
                violated: BTreeSet::new(),
                reasons,
                seconds: 0,
                directory,
            })
        }
    }
}

/// A job that ends because a transaction that a checkpoint lists was aborted, where Kafka aborts none by itself, has aborted it; and
/// what was in it is lost, although the job says so.
fn aborted_by_the_job(document: &ChaosDocument, kafka_is_patient: bool) -> BTreeSet<String> {
    let is_aborted =
        |reason: &String| reason.contains("data loss") && reason.contains("was aborted by Kafka");
    let found = kafka_is_patient && document.reasons.iter().any(is_aborted);
    let names = if found { ["no_foreign_abort", "no_loss"].as_slice() } else { &[] };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The first line of a reason, without the place of the run on this machine.
fn in_short(reason: &str, directory: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let real = std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory));
    line.replace(&real.display().to_string(), "RUN").replace(directory, "RUN")
}

/// The properties that a run violates. A loss is silent if the job did not end with an error.
#[must_use]
pub fn violated(document: &ChaosDocument) -> BTreeSet<String> {
    let of_classes = document.anomaly_counts.keys().flat_map(|class| class.info().properties);
    let mut violated: BTreeSet<String> = of_classes.map(|name| (*name).to_owned()).collect();
    for property in truecut_model::properties() {
        if document.reasons.iter().any(|reason| reason.starts_with(&format!("{}:", property.name))) {
            violated.insert(property.name.to_owned());
        }
    }
    let failed = document.reasons.iter().any(|reason| reason.starts_with("the job ended with exit code"));
    if document.anomaly_counts.contains_key(&Class::Lost) && !failed {
        violated.insert("no_silent_loss".to_owned());
    }
    if document.traces.verdict == Verdict::Violated {
        violated.insert(TRACE.to_owned());
    }
    violated
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole seconds"
)]
fn seconds(seconds: f64) -> u64 {
    seconds.max(0.0).round() as u64
}
