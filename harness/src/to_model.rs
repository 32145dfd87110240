//! From Kafka to model: a run that violated something, as a shortest way of the model to the same property: with the same wrong protocol
//! and sink, and no hazards but those that struck in the run. Where no scope that is searched has such a way, nothing is known.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use truecut_model::{Assumption, Counterexample, Options, properties, scope_of, seek};
use truecut_mutants::Mutant;
use truecut_proxy::{Action, Side};
use truecut_runtime::config::CommitByConfig;

use crate::chaos::{Comes, Fault, PLAN_FILE, Plan, comes};
use crate::counterexample::world::{Assumed, Sink, World};
use crate::counterexample::{self};
use crate::failure::Failure;
use crate::from_model::violated;
use crate::history::{self, Summary, Who};
use crate::verdict::{ChaosDocument, Verdict};

/// How long one scope is searched.
const LIMIT: Duration = Duration::from_secs(20);
/// Scopes in which nothing fails by itself, the smallest first.
const CALM: [&str; 4] = ["matrix", "calm", "matrix_two", "bounded"];
/// Hazards that are assumed at once, at most.
const AT_ONCE: usize = 2;
/// Where counterexamples are put in a run directory.
const FOLDER: &str = "model";

/// What the model knows of a property that a run violated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Minimised {
    /// The property.
    pub property: String,
    /// Violated if the model violates it, too; unknown if no way was found.
    pub verdict: Verdict,
    /// The hazards that struck in the run, and that were assumed.
    pub hazards: Vec<&'static str>,
    /// The scope that it was found in.
    pub scope: Option<String>,
    /// The shortest way that was found, one sentence a step.
    pub steps: Vec<String>,
    /// Its files.
    pub saved: Vec<PathBuf>,
}

/// Minimises every property that a run has violated.
///
/// # Errors
/// Something of the run directory is missing, or a file can't be written.
pub fn minimise(
    directory: &Path,
    document: &ChaosDocument,
    threads: usize,
) -> Result<Vec<Minimised>, Failure> {
    let plan = Plan::read(&directory.join(PLAN_FILE))?;
    let hazards = hazards_in(directory)?;
    let mutant = plan.job.mutant.as_deref().and_then(Mutant::from_name);
    let names = violated(document);
    let known = properties().iter().filter(|property| names.contains(property.name));
    known.map(|property| one(directory, property.name, (&plan, mutant), &hazards, threads)).collect()
}

fn one(
    directory: &Path,
    property: &str,
    (plan, mutant): (&Plan, Option<Mutant>),
    hazards: &[Assumption],
    threads: usize,
) -> Result<Minimised, Failure> {
    let mut best: Option<(World, Counterexample)> = None;
    for world in worlds(plan, mutant, hazards) {
        let scope = world.scope().map_err(Failure::internal)?;
        if scope.too_large().is_some() {
            continue;
        }
        let options = Options { threads, time_limit: Some(LIMIT), mutant, progress: &mut |_| {} };
        let Some(found) = seek(&scope, property, options).counterexample else { continue };
        if best.as_ref().is_none_or(|(_, shortest)| found.steps.len() < shortest.steps.len()) {
            best = Some((world, found));
        }
    }
    let mut minimised = Minimised {
        property: property.to_owned(),
        verdict: Verdict::Unknown,
        hazards: hazards.iter().map(|hazard| hazard.name()).collect(),
        scope: None,
        steps: Vec::new(),
        saved: Vec::new(),
    };
    if let Some((world, found)) = best {
        minimised.verdict = Verdict::Violated;
        minimised.saved = counterexample::save(&directory.join(FOLDER), &world, &found)?;
        minimised.scope = Some(world.scope);
        minimised.steps = found.sentences().map(str::to_owned).collect();
    }
    Ok(minimised)
}

/// The worlds that are searched: the one in which a wrong protocol is judged, if it brings no other hazard, and calm ones with few of
/// the hazards at a time.
fn worlds(plan: &Plan, mutant: Option<Mutant>, hazards: &[Assumption]) -> Vec<World> {
    let sink = match plan.job.sink {
        CommitByConfig::Resume => Sink::Resume,
        CommitByConfig::Log => Sink::Log,
    };
    let with = |scope: &str, chosen: &[Assumption]| World {
        assume: chosen.iter().map(|hazard| Assumed { name: hazard.name().to_owned(), times: 1 }).collect(),
        sink: Some(sink),
        ..World::of(scope, mutant)
    };
    let mut worlds = Vec::new();
    if let Some(scope) = mutant.map(scope_of) {
        let harmless = |hazard: Assumption| hazard == Assumption::EarlyLanding || hazards.contains(&hazard);
        if scope.budget.assumed().all(|(hazard, _)| harmless(hazard)) {
            worlds.push(with(&scope.name, &[]));
        }
    }
    for chosen in few_of(hazards) {
        let scopes =
            CALM.iter().filter(|scope| (**scope == "bounded") == plan.job.bounded || **scope != "bounded");
        // A bounded job has a crash of its own.
        let scopes = scopes.filter(|scope| **scope != "bounded" || hazards.contains(&Assumption::Crash));
        worlds.extend(scopes.map(|scope| with(scope, &chosen)));
    }
    worlds
}

/// No hazard, each, and each two.
fn few_of(hazards: &[Assumption]) -> Vec<Vec<Assumption>> {
    let mut chosen = vec![Vec::new()];
    for (at, hazard) in hazards.iter().enumerate() {
        chosen.push(vec![*hazard]);
        chosen.extend(hazards[at + 1..].iter().map(|other| vec![*hazard, *other]));
    }
    chosen.retain(|chosen| chosen.len() <= AT_ONCE);
    chosen.sort_by_key(Vec::len);
    chosen
}

/// The hazards of the model that the faults which struck in a run are.
///
/// # Errors
/// Something of the run directory is missing.
pub fn hazards_in(directory: &Path) -> Result<Vec<Assumption>, Failure> {
    let plan = Plan::read(&directory.join(PLAN_FILE))?;
    let history = history::read(&directory.join(history::FILE_NAME))
        .map_err(|error| Failure::bad_data(error.to_string()))?;
    Ok(hazards(&plan, &Summary::of(&history)))
}

/// The hazards of the model that the faults which struck are.
#[must_use]
pub fn hazards(plan: &Plan, summary: &Summary) -> Vec<Assumption> {
    let mut found = Vec::new();
    if summary.kills_confirmed > summary.coordinator_kills {
        found.push(Assumption::Crash);
    }
    if summary.coordinator_kills > 0 {
        found.push(Assumption::Takeover);
    }
    if !summary.checkpoints_aborted.is_empty() {
        found.push(Assumption::Expiry);
    }
    for step in &plan.steps {
        let name = step.fault.name();
        let struck = summary.faults.get(name).is_some_and(|count| count.struck > 0);
        if struck || matches!(step.fault, Fault::Outage { .. }) {
            found.extend(of(&step.fault, plan.job.transaction_timeout_ms.into()));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "kills are counted, and the rest is no hazard of the model"
)]
fn of(fault: &Fault, timeout_ms: u64) -> Vec<Assumption> {
    match fault {
        // Some crash points come only where something else strikes first, which is then done by the way.
        Fault::CrashPoint { who, point, .. } => match comes(*who, point) {
            Comes::AfterOutage => vec![Assumption::TransactionTimeout],
            Comes::OnSilence | Comes::OnLateDeployment => vec![Assumption::ZombieWorker],
            _ => Vec::new(),
        },
        Fault::Pause { who: Who::Worker, .. } | Fault::ControlLink { .. } => vec![Assumption::ZombieWorker],
        Fault::Pause { who: Who::Coordinator, .. } => vec![Assumption::Takeover],
        Fault::Outage { ms, .. } if *ms > timeout_ms => vec![Assumption::TransactionTimeout],
        Fault::StoreFull { .. } | Fault::StoreReadOnly { .. } => vec![Assumption::StoreFault],
        Fault::ControlMessage(rule) => match rule.action {
            Action::Delay { ms } if ms > timeout_ms => vec![Assumption::TransactionTimeout],
            Action::Drop { .. } if rule.frame == "completed" => vec![Assumption::LostNotification],
            _ => Vec::new(),
        },
        Fault::KafkaApi(rule) => {
            let comes_twice = matches!(rule.action, Action::Duplicate { .. } | Action::Hold { .. });
            of_request(&rule.frame, rule.side == Side::Request && comes_twice)
        }
        Fault::KafkaHold { frame, .. } => of_request(frame, true),
        Fault::KafkaLink { .. }
        | Fault::BrokerKill { .. }
        | Fault::BrokerPause { .. }
        | Fault::BrokerRestart { .. }
        | Fault::RollingRestart {}
        | Fault::BrokerIsolate { .. } => vec![Assumption::LostAnswer],
        _ => Vec::new(),
    }
}

/// A request or its answer is lost, or the request comes late, too.
fn of_request(frame: &str, is_late: bool) -> Vec<Assumption> {
    let late = match frame {
        "InitProducerId" => Some(Assumption::LateInit),
        "AddPartitionsToTxn" => Some(Assumption::LateAddPartitions),
        "Produce" => Some(Assumption::LateProduce),
        // One that is lost to its sender may arrive at any later time.
        _ => None,
    };
    let lost = ["EndTxn", "InitProducerId"].contains(&frame).then_some(Assumption::LostAnswer);
    late.filter(|_| is_late).into_iter().chain(lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counterexample::saved::Saved;
    use crate::from_model::compile;
    use crate::history::FaultCount;

    fn plan(name: &str) -> Plan {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/safety").join(name);
        let saved: Saved = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        compile(&saved, 0).unwrap().unwrap().plan
    }

    #[test]
    fn only_what_struck_is_assumed() {
        let plan = plan("reuse-lost_answer.json");
        let mut summary = Summary::default();
        assert_eq!(hazards(&plan, &summary), []);
        summary.faults.insert("kafka_hold".to_owned(), FaultCount { struck: 1, missed: 0 });
        assert_eq!(hazards(&plan, &summary), [Assumption::LostAnswer]);
        summary.kills_confirmed = 1;
        assert_eq!(hazards(&plan, &summary), [Assumption::Crash, Assumption::LostAnswer]);
    }

    #[test]
    fn what_a_crash_point_takes_by_the_way_is_a_hazard_too() {
        let point = |point: &str| Fault::CrashPoint { who: Who::Worker, point: point.to_owned(), ordinal: 1 };
        assert_eq!(of(&point("rewrite.before"), 1), [Assumption::TransactionTimeout]);
        assert_eq!(of(&point("flush.before"), 1), []);
    }

    #[test]
    fn a_late_commit_that_struck_leads_back_to_its_counterexample() {
        let plan = plan("reuse-lost_answer.json");
        let folder = tempfile::tempdir().unwrap();
        let wrong = Some(Mutant::ReuseProducerEpoch);
        let hazards = [Assumption::LostAnswer];
        let found = one(folder.path(), "no_early_visibility", (&plan, wrong), &hazards, 2).unwrap();
        assert_eq!((found.verdict, found.scope.as_deref()), (Verdict::Violated, Some("matrix")));
        assert_eq!(found.saved.len(), 3);
        assert!(found.steps.last().unwrap().contains("no_early_visibility"), "{:?}", found.steps);
    }

    #[test]
    fn what_the_model_holds_without_the_hazard_stays_unknown() {
        let plan = plan("reuse-lost_answer.json");
        let folder = tempfile::tempdir().unwrap();
        let found = one(folder.path(), "no_duplicate", (&plan, None), &[], 2).unwrap();
        assert_eq!((found.verdict, found.steps.len()), (Verdict::Unknown, 0));
    }
}
