//! Every counterexample of every wrong protocol, and those of the safety matrix, compiles into a plan that can be carried out, or names
//! the step that can't. How many there are of each kind is pinned: a fault that is lost on the way shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use truecut_model::{Options, check_mutant};
use truecut_mutants::Mutant;

use super::*;
use crate::counterexample::world::World;

fn found(mutant: Mutant) -> Saved {
    let options = Options { threads: 2, time_limit: None, mutant: Some(mutant), progress: &mut |_| {} };
    let report = check_mutant(mutant, options);
    let found = report.counterexample.expect("a property finds every mutant");
    Saved::new(&World::of(&report.scope, Some(mutant)), &found)
}

/// How many plans have each kind of fault, and what is impossible in how many.
#[derive(Default)]
struct Tally {
    compiled: usize,
    faults: BTreeMap<&'static str, usize>,
    impossible: BTreeMap<String, usize>,
    false_alarms: usize,
}

impl Tally {
    fn add(&mut self, saved: &Saved) {
        match compile(saved, 1) {
            // Some of the matrix count a false alarm, which a world in a file does not.
            Err(no) => {
                assert!(no.to_string().contains("here it violates nothing"), "{no}");
                self.false_alarms += 1;
            }
            Ok(Ok(Compiled { plan, derived, .. })) => {
                assert_eq!(plan.check(), Ok(()), "{}", saved.name);
                assert!(derived.iter().all(|it| it.step <= saved.steps.len() + 1), "{}", saved.name);
                self.compiled += 1;
                let kinds: BTreeSet<_> = plan.steps.iter().map(|step| step.fault.name()).collect();
                for kind in kinds {
                    *self.faults.entry(kind).or_default() += 1;
                }
            }
            Ok(Err(no)) => {
                assert!(no.step <= saved.steps.len() && !no.why.is_empty(), "{no}");
                *self.impossible.entry(no.kind).or_default() += 1;
            }
        }
    }

    fn told(&self) -> String {
        let impossible = self.impossible.iter().map(|(kind, count)| format!("{kind} {count}"));
        let faults = self.faults.iter().map(|(kind, count)| format!("{kind} {count}"));
        format!(
            "{} compiled: {}; impossible: {}; false alarms: {}",
            self.compiled,
            faults.collect::<Vec<_>>().join(", "),
            impossible.collect::<Vec<_>>().join(", "),
            self.false_alarms
        )
    }
}

#[test]
fn every_counterexample_of_a_mutant_compiles_or_names_its_step() {
    let mut tally = Tally::default();
    Mutant::all().iter().for_each(|mutant| tally.add(&found(*mutant)));
    assert_eq!(
        tally.told(),
        "70 compiled: control_message 8, crash_point 46, kafka_api 1, kafka_hold 4, kill 3, outage 7, pause 3, release 3, restart_job 6; \
         impossible: break_channel 1, fail_task 1, lose_store 2, world 1; false alarms: 0"
    );
}

#[test]
fn every_counterexample_of_the_safety_matrix_compiles_or_names_its_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/safety");
    let mut tally = Tally::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            tally.add(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
        }
    }
    assert_eq!(
        tally.told(),
        "38 compiled: control_message 1, crash_point 20, kafka_api 1, kafka_hold 10, kill 2, outage 4, pause 7, release 2, restart_job 3, \
         store_read_only 1; impossible: break_channel 1, fail_task 1, lose_store 1, world 6; false alarms: 2"
    );
}

#[test]
fn a_late_commit_is_held_until_the_next_transaction_of_its_id_is_open() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/safety/reuse-lost_answer.json");
    let saved: Saved = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let plan = compile(&saved, 0).unwrap().unwrap().plan;
    assert_eq!(plan.job.mutant.as_deref(), Some("reuse_producer_epoch"));
    let held = serde_json::to_string(&plan.steps[0].fault).unwrap();
    assert_eq!(
        held,
        r#"{"kafka_hold":{"frame":"EndTxn","client":"reset","until":{"frame":"Produce","side":"response"}}}"#
    );
}

#[test]
fn equal_seeds_give_equal_plans_and_others_strike_elsewhere() {
    let saved = found(Mutant::AckBeforeFlush);
    let plan = |seed| compile(&saved, seed).unwrap().unwrap().plan;
    assert_eq!(plan(4), plan(4));
    assert_ne!(plan(4).steps, plan(5).steps);
}

#[test]
fn a_commit_that_a_later_checkpoint_overtakes_is_kept_back_until_its_worker_is_killed() {
    let plan = compile(&found(Mutant::ListOnlyOwnTransaction), 1).unwrap().unwrap().plan;
    let names: Vec<&str> = plan.steps[..2].iter().map(|step| step.fault.name()).collect();
    assert_eq!(names, ["kafka_hold", "kill"]);
}

#[test]
fn a_worker_is_killed_when_it_is_told_of_a_checkpoint_whose_transactions_are_lost() {
    let plan = compile(&found(Mutant::ForgetCommittablesAtEnd), 2).unwrap().unwrap().plan;
    assert_eq!(plan.steps[0].fault.point().map(|(_, point)| point), Some("completed.received"));
}
