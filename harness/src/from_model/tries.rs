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
    let options = Options {
        kafka: kafka.for_plan(&plan).await?,
        plan,
        run_directory: Some(directory.to_owned()),
        keep: false,
        time_limit: RUN_LIMIT,
    };
    let directory = directory.display().to_string();
    match chaos::run(options, watch.clone()).await {
        Ok(document) => Ok(Run {
            seed,
            verdict: document.verdict,
            violated: violated(&document),
            seconds: seconds(document.seconds),
            reasons: document.reasons,
            directory,
        }),
        Err(failure) => {
            kafka.discard();
            let reasons = vec![failure.to_string()];
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
