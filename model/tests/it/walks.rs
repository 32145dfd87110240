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

/// The scope for walks where a wrong protocol can be met that is judged in this one.
fn deep(scope: &str) -> &'static str {
    match scope {
        "timeout" | "late_loss" | "refused_records" => "deep_timeouts",
        "overlapping" | "lost_notification" | "channel_break" | "task_failure" => "deep_faults",
        "store_fault" | "zombie_worker" | "takeover" => "deep_takeover",
        "v2" => "deep_v2",
        "log" | "log_twice" | "late_init_log" | "id_expiry_log" | "two_recoverers" => "deep_log",
        _ => "deep",
    }
}

#[test]
fn wrong_protocols_are_met_by_chance() {
    let unmet = |mutant: &&Mutant| {
        let report = walks(deep(mutant.info().scope()), Some(**mutant), 3000, 2);
        !report.properties.iter().any(|property| property.counterexample.is_some())
    };
    let unmet: Vec<&str> = Mutant::all().iter().filter(unmet).map(|mutant| mutant.name()).collect();
    // The first makes a role's own assertion fail before anything else; the second's input has an end, and that of these scopes has
    // none; the third takes a coincidence that a search finds and so few walks don't.
    assert_eq!(unmet, ["process_out_of_order", "end_never_met", "read_marker_before_fence"]);
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
