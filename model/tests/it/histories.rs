//! Counterexamples: written down they are run again, and every step of them is told and drawn.

use std::collections::BTreeSet;

use truecut_model::{
    Broken, Counterexample, KINDS, Lane, Options, Place, Written, check, check_mutant, replay, scope,
    scope_of, scopes,
};
use truecut_mutants::Mutant;

fn options() -> Options<'static> {
    Options { threads: 2, time_limit: None, mutant: None, progress: Box::leak(Box::new(|_| {})) }
}

fn counterexample(mutant: Mutant) -> Counterexample {
    check_mutant(mutant, options()).counterexample.expect("it is found")
}

/// Steps as a file keeps them.
fn texts(found: &Counterexample) -> Vec<(usize, String)> {
    found.steps.iter().map(|step| (step.choice, format!("{:?}", step.action))).collect()
}

fn written(texts: &[(usize, String)]) -> Vec<Written<'_>> {
    texts.iter().map(|(choice, action)| Written { choice: *choice, action }).collect()
}

#[test]
fn every_counterexample_is_run_again_and_breaks_the_same_in_its_last_step() {
    for mutant in Mutant::all() {
        let found = counterexample(*mutant);
        let texts = texts(&found);
        let again = replay(scope_of(*mutant), Some(*mutant), &written(&texts)).expect("it fits");
        assert_eq!(found.breaks, Broken::Property(mutant.expected_property()));
        assert!(again.violated.contains(&mutant.expected_property()), "{mutant}: {:?}", again.violated);
        let shorter =
            replay(scope_of(*mutant), Some(*mutant), &written(&texts[..texts.len() - 1])).expect("it fits");
        assert!(!shorter.violated.contains(&mutant.expected_property()), "{mutant}");
    }
}

#[test]
fn a_history_of_another_protocol_does_not_fit() {
    let mutant = Mutant::from_name("commit_on_precommit").unwrap();
    let found = texts(&counterexample(mutant));
    let right =
        replay(scope_of(mutant), None, &written(&found)).expect_err("the protocol does not commit there");
    assert!(right.step > 1 && right.why.contains("Land"), "{right:?}");
    let mut far = found.clone();
    far[3].0 = 99;
    let misfit = replay(scope_of(mutant), Some(mutant), &written(&far)).expect_err("there are not so many");
    assert_eq!((misfit.step, misfit.why.contains("step 99")), (4, true), "{misfit:?}");
    let mut other = found;
    other[0].1 = "Stop".into();
    let misfit =
        replay(scope_of(mutant), Some(mutant), &written(&other)).expect_err("another one stands there");
    assert_eq!((misfit.step, misfit.why.contains("`Stop` was written down")), (1, true), "{misfit:?}");
}

#[test]
fn every_step_is_drawn_between_lanes_that_are_there_and_with_words() {
    for mutant in Mutant::all() {
        let found = counterexample(*mutant);
        for event in found.steps.iter().flat_map(|step| &step.events) {
            assert!(!event.label.is_empty(), "{mutant}: {event:?}");
            if let Place::Between(from, to) = &event.place {
                assert_ne!(from, to, "{mutant}: {event:?}");
            }
        }
        assert!(found.begins.contains(&Lane::Coordinator) && found.begins.contains(&Lane::Machine(0)));
    }
}

#[test]
fn a_crash_takes_lanes_away_and_a_restart_brings_them_back() {
    let found = counterexample(Mutant::from_name("commit_on_precommit").unwrap());
    let alive: Vec<bool> = found.steps.iter().map(|step| step.alive.contains(&Lane::Machine(0))).collect();
    let crash =
        found.steps.iter().position(|step| step.action.kind() == "crash").expect("a worker is killed");
    assert!(alive[..crash].iter().all(|alive| *alive) && !alive[crash] && alive[crash + 1], "{alive:?}");
}

#[test]
fn kinds_of_steps_that_a_scope_never_takes_are_named() {
    let never = |name: &str| check(scope(name).unwrap(), options()).never_taken;
    let small = never("small");
    assert!(
        small.contains(&"expire") && small.contains(&"time_out") && small.contains(&"land_records"),
        "{small:?}"
    );
    assert!(!small.contains(&"crash") && !small.contains(&"land_orphan"), "{small:?}");
    assert!(!never("expiry").contains(&"expire"));
    assert!(!never("timeout").contains(&"time_out"));
}

/// No kind of step is there for nothing. Scopes are looked at until all were taken.
#[test]
fn every_kind_of_step_is_taken_in_some_scope() {
    let mut missing: BTreeSet<&str> = KINDS.iter().copied().collect();
    for scope in scopes().iter().filter(|scope| !["release", "pr"].contains(&&*scope.name)) {
        if missing.is_empty() {
            return;
        }
        let never = check(scope, options()).never_taken;
        missing.retain(|kind| never.contains(kind));
    }
    assert!(missing.is_empty(), "{missing:?}");
}
