//! Random walks far past what a search can exhaust: the protocol holds, wrong protocols don't.

use std::time::Duration;

use truecut_model::{JobModel, Verdict, WalkOptions, WalkReport, deep_scope, deep_scopes, walk};
use truecut_mutants::Mutant;

fn walks(scope: &str, mutant: Option<Mutant>, walks: u64, threads: usize) -> WalkReport {
    let scope = deep_scope(scope).expect("a scope of the list");
    let options = WalkOptions { seed: 1, walks, threads, time_limit: None, progress: &|_| {} };
    walk(&JobModel::new(scope, mutant), &options)
}

#[test]
fn walks_hold_and_every_property_could_have_failed() {
    for scope in deep_scopes() {
        let report = walks(&scope.name, None, 2000, 2);
        assert!(report.panic.is_none(), "{:?}", report.panic);
        for property in &report.properties {
            let found = property.counterexample.as_ref().map(ToString::to_string).unwrap_or_default();
            assert_eq!(property.verdict, Verdict::Holds, "{} in {}:\n{found}", property.name, scope.name);
            assert!(property.witnessed, "{} in {}", property.name, scope.name);
        }
        assert!(report.complete && report.longest > 500, "{}: {}", scope.name, report.longest);
    }
}

#[test]
fn wrong_protocols_are_met_by_chance() {
    let is_met = |mutant: Mutant, scope: &str, number: u64| {
        let report = walks(scope, Some(mutant), number, 2);
        report.properties.iter().any(|property| property.counterexample.is_some())
    };
    let scopes = [("deep", 300), ("deep_timeouts", 100), ("deep_takeover", 3000)];
    let unmet = |mutant: &&Mutant| !scopes.iter().any(|(scope, number)| is_met(**mutant, scope, *number));
    let unmet: Vec<&str> = Mutant::all().iter().filter(unmet).map(|mutant| mutant.name()).collect();
    // Its input has an end; that of these scopes has none.
    assert_eq!(unmet, ["end_never_met"]);
}

#[test]
fn a_seed_determines_what_is_met() {
    let met = |threads| {
        let report = walks("deep", Mutant::from_name("one_shot_commit"), 1000, threads);
        let broken = report.properties.into_iter().find_map(|property| property.counterexample);
        broken.expect("it is met").steps
    };
    assert_eq!(met(1), met(3));
}

#[test]
fn no_walk_is_no_verdict() {
    let options =
        WalkOptions { seed: 1, walks: 10, threads: 1, time_limit: Some(Duration::ZERO), progress: &|_| {} };
    let report = walk(&JobModel::new(deep_scope("deep").expect("a scope"), None), &options);
    assert!(!report.complete);
    assert!(report.properties.iter().all(|property| property.verdict == Verdict::Unknown));
}
