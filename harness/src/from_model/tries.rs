//! Carries compiled counterexamples out on real Kafka: one seed after the other until the property that the model violates is violated
//! there, too, and both layers, trace validation and the oracles, have told the wrong protocol from the protocol. Where a layer has
//! not by then, plans that know nothing of the counterexample follow. What a run shows is said by its verdict alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use truecut_core::CommitBy;
use truecut_runtime::config::CommitByConfig;

use super::conclusions::{self, TRACE};
use super::tried::{Layers, Run, Tried};
use super::{Compiled, compile, general};
use crate::chaos::kafka_log::KafkaLog;
use crate::chaos::{self, JobSetting, Moment, Options, Plan, SharedKafka, TRACES, Watch};
use crate::counterexample::saved::Saved;
use crate::failure::Failure;
use crate::oracle::Class;
use crate::verdict::{ChaosDocument, Verdict};

/// How long one run may take.
const RUN_LIMIT: Duration = Duration::from_secs(60);
/// No further run of a wrong protocol is begun once its runs took so long: one that stands still takes a whole run's time each time.
const TIME_OF_ALL: Duration = Duration::from_secs(100);
/// Kafka aborts no transaction by itself within a run, if it lets them live for so long.
const PATIENT_MS: u32 = 60_000;
/// The exit code of a job that failed.
const DATA_LOSS: u8 = 4;

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
    let tried = Tried {
        name: saved.name.clone(),
        mutant,
        violates: saved.violates.clone().unwrap_or_else(|| "a role's own assertion".to_owned()),
        faults: Vec::new(),
        impossible: None,
        runs: Vec::new(),
        general: Vec::new(),
    };
    let mut tries = Tries { saved, options, kafka, watch, spent: Duration::ZERO, tried };
    let job = tries.compiled().await?;
    tries.generally(job.as_ref()).await?;
    Ok(tries.tried)
}

/// Tries of one counterexample.
struct Tries<'a> {
    saved: &'a Saved,
    options: &'a TryOptions,
    kafka: &'a mut SharedKafka,
    watch: &'a Watch,
    /// Time of all runs so far.
    spent: Duration,
    tried: Tried,
}

impl Tries<'_> {
    /// By the counterexample's own faults. The job that it was compiled into, if it could be.
    async fn compiled(&mut self) -> Result<Option<JobSetting>, Failure> {
        let mut job = None;
        for number in 0..self.options.tries {
            let seed = self.options.seed + u64::from(number);
            let compiled = match compile(self.saved, seed)? {
                Ok(compiled) => compiled,
                Err(impossible) => {
                    self.tried.impossible = Some(impossible.to_string());
                    return Ok(None);
                }
            };
            self.tried.faults = compiled.derived.iter().map(|derived| derived.fault.clone()).collect();
            let plan = if self.options.without_mutant { of_the_protocol(compiled) } else { compiled.plan };
            job = Some(plan.job.clone());
            let name = format!("{}-{seed}", self.saved.name);
            let run = self.one(plan, &name).await?;
            self.tried.runs.push(run);
            let is_over = self.tried.mutant.is_none() || self.tried.is_killed();
            if (self.tried.reproduced().is_some() && is_over) || self.spent > TIME_OF_ALL {
                break;
            }
        }
        Ok(job)
    }

    /// By plans that know nothing of it, while a layer has not killed the wrong protocol.
    async fn generally(&mut self, like: Option<&JobSetting>) -> Result<(), Failure> {
        let Some(mutant) = self.tried.mutant.clone() else { return Ok(()) };
        let bad = |why: String| Failure::bad_data(format!("the counterexample {}: {why}", self.saved.name));
        let sink = match self.saved.world.scope().map_err(bad)?.commit_by {
            CommitBy::Resume => CommitByConfig::Resume,
            CommitBy::Log => CommitByConfig::Log,
        };
        for plan in general::plans(&mutant, sink, like, self.options.seed) {
            if self.tried.is_killed() || self.spent > TIME_OF_ALL {
                break;
            }
            let plan_name = plan.name.clone();
            let name = format!("{}-{plan_name}", self.saved.name);
            let run = self.one(plan, &name).await?;
            self.tried.general.push(Run { plan: Some(plan_name), ..run });
        }
        Ok(())
    }

    async fn one(&mut self, plan: Plan, name: &str) -> Result<Run, Failure> {
        let number = self.tried.runs.len() + self.tried.general.len() + 1;
        (self.watch)(&Moment::Doing(format!("run {number}: {name}")));
        let directory = self.options.directory.join(name);
        let options = Options {
            kafka: self.kafka.for_plan(&plan).await?,
            plan: plan.clone(),
            run_directory: Some(directory.clone()),
            keep: false,
            time_limit: RUN_LIMIT,
        };
        let started = Instant::now();
        let made = chaos::run(options, self.watch.clone()).await;
        let judged = made.and_then(|document| Judged::new(document, &plan, &directory));
        self.spent += started.elapsed();
        let run = match judged {
            Ok(judged) => judged.run(&plan, &directory, self.spent),
            Err(failure) => {
                self.kafka.discard();
                nothing(&plan, &directory, &failure)
            }
        };
        Ok(run)
    }
}

/// The same faults against the protocol itself. Where the counterexample takes a transaction from a sink that can't write it again,
/// the job must end with a data-loss error.
fn of_the_protocol(compiled: Compiled) -> Plan {
    let mut plan = compiled.plan;
    plan.job.mutant = None;
    plan.ends_with = compiled.loses.then_some(DATA_LOSS);
    plan
}

/// A run that was carried out.
struct Judged {
    document: ChaosDocument,
    aborted: BTreeSet<String>,
    /// Of a wrong protocol: trace validation by the protocol itself, and the first reason.
    traces: Option<(Verdict, Option<String>)>,
}

impl Judged {
    fn new(document: ChaosDocument, plan: &Plan, directory: &Path) -> Result<Self, Failure> {
        let is_patient = plan.job.transaction_timeout_ms >= PATIENT_MS;
        let aborted = if is_patient {
            conclusions::aborted_by_the_job(&document, &KafkaLog::load(directory)?)
        } else {
            BTreeSet::new()
        };
        let traces = if plan.job.mutant.is_some() {
            let circumstances = chaos::circumstances(directory)?;
            let found = chaos::validate_by_the_protocol(&directory.join(TRACES), circumstances)?;
            Some((found.verdict, found.reasons.into_iter().next()))
        } else {
            None
        };
        Ok(Self { document, aborted, traces })
    }

    fn run(self, plan: &Plan, directory: &Path, spent: Duration) -> Run {
        let Self { document, aborted, traces } = self;
        let directory = directory.display().to_string();
        let violated = &conclusions::violated(&document) | &aborted;
        let layers = traces.map(|(traces, why)| {
            let flagged = flagged(&document, &violated, plan.job.accept_loss);
            let oracles = match (flagged.is_empty(), document.verdict) {
                (false, _) => Verdict::Violated,
                (true, Verdict::Holds) => Verdict::Holds,
                (true, Verdict::Violated | Verdict::Unknown) => Verdict::Unknown,
            };
            let at_ms = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
            let rejected = why.map(|why| in_short(&why, &directory));
            Layers { at_ms, traces, rejected, oracles, flagged }
        });
        Run {
            plan: None,
            seed: plan.seed,
            verdict: if aborted.is_empty() { document.verdict } else { Verdict::Violated },
            violated,
            layers,
            seconds: seconds(document.seconds),
            reasons: document.reasons.iter().map(|reason| in_short(reason, &directory)).collect(),
            directory,
        }
    }
}

/// What a job shows that goes on without what Kafka aborted, as it was told to.
const ACCEPTED: [Class; 3] = [Class::Lost, Class::Sequence, Class::TornCheckpoint];

/// What the oracles flagged: their classes, and what was concluded from what they saw. Losses that the job accepts say nothing.
fn flagged(document: &ChaosDocument, violated: &BTreeSet<String>, accepts_loss: bool) -> BTreeSet<String> {
    let says_nothing = |class: &Class| class.info().allowed || (accepts_loss && ACCEPTED.contains(class));
    let classes =
        document.anomaly_counts.keys().filter(|class| !says_nothing(class)).map(|class| class.info());
    let told: BTreeSet<&str> =
        document.anomaly_counts.keys().flat_map(|class| class.info().properties).copied().collect();
    // A rejected trace is the other layer's.
    let of_a_trace = |name: &str| name == TRACE || conclusions::OF_A_TRACE.contains(&name);
    let is_accepted = |name: &str| accepts_loss && name == "no_silent_loss";
    let concluded = violated
        .iter()
        .filter(|name| !of_a_trace(name) && !is_accepted(name) && !told.contains(name.as_str()));
    classes.map(|info| info.name.to_owned()).chain(concluded.cloned()).collect()
}

fn nothing(plan: &Plan, directory: &Path, failure: &Failure) -> Run {
    let directory = directory.display().to_string();
    Run {
        plan: None,
        seed: plan.seed,
        verdict: Verdict::Unknown,
        violated: BTreeSet::new(),
        layers: None,
        reasons: vec![in_short(&failure.to_string(), &directory)],
        seconds: 0,
        directory,
    }
}

/// The first line of a reason, without the place of the run on this machine.
fn in_short(reason: &str, directory: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let real = std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory));
    line.replace(&real.display().to_string(), "RUN").replace(directory, "RUN")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Summary;
    use crate::oracle::Findings;
    use crate::verdict::{Evidence, Kafka, Setting, Thresholds, Traces, conclude};

    fn document(classes: &[Class]) -> ChaosDocument {
        let counts = classes.iter().map(|class| (*class, 1)).collect();
        let findings = Findings { counts, ..Findings::default() };
        let evidence = Evidence {
            findings: &findings,
            summary: &Summary::default(),
            recoveries: &[],
            traces: &Traces::not_replayed("none"),
            ends_with: None,
        };
        let setting = Setting {
            seconds: 1.0,
            seed: 1,
            kafka: Kafka { kind: "container".into(), version: "4.3.0".into() },
            mutant: None,
            kills_planned: 0,
            plan: "drawn".into(),
            replay: String::new(),
            run_directory: String::new(),
        };
        conclude(setting, &evidence, Thresholds::default())
    }

    fn flagged_of(classes: &[Class], accepts_loss: bool) -> Vec<String> {
        let document = document(classes);
        flagged(&document, &conclusions::violated(&document), accepts_loss).into_iter().collect()
    }

    #[test]
    fn a_loss_tells_nothing_of_a_job_that_accepts_it_and_a_duplicate_does() {
        assert_eq!(flagged_of(&[Class::Lost], false), ["lost", "no_silent_loss"]);
        assert_eq!(flagged_of(&[Class::Lost, Class::TornCheckpoint], true), Vec::<String>::new());
        assert_eq!(flagged_of(&[Class::Lost, Class::Duplicate], true), ["duplicate"]);
    }
}
