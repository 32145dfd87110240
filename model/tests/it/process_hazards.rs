//! What befalls processes, the coordinator, its store and connections: the protocol holds, and each hazard can break a wrong one.

use expect_test::expect;
use truecut_model::{Assumption, JobModel, Scope, check_model, scope};

use crate::{assert_acyclic, holds};

#[test]
fn a_store_that_fails_or_answers_late_holds() {
    holds("store_fault", &expect!["714126 unique, 2556116 generated, depth 58, not witnessed: []"]);
}

#[test]
fn a_worker_that_is_given_up_and_lives_holds() {
    holds("zombie_worker", &expect!["21203 unique, 61937 generated, depth 34, not witnessed: []"]);
}

#[test]
fn a_worker_that_is_given_up_and_outlives_the_job_holds() {
    holds("zombie_outlives", &expect!["67187 unique, 250128 generated, depth 39, not witnessed: []"]);
}

#[test]
fn a_coordinator_that_takes_over_from_one_that_may_live_holds() {
    holds("takeover", &expect!["1053769 unique, 4003948 generated, depth 60, not witnessed: []"]);
}

#[test]
fn two_checkpoints_at_once_hold() {
    holds("overlapping", &expect!["626195 unique, 1889774 generated, depth 60, not witnessed: []"]);
}

#[test]
fn a_notification_that_is_lost_is_made_good_by_a_heartbeat() {
    holds("lost_notification", &expect!["61776 unique, 174043 generated, depth 39, not witnessed: []"]);
}

#[test]
fn a_channel_that_breaks_fails_the_attempt_and_holds() {
    holds("channel_break", &expect!["148565 unique, 553784 generated, depth 52, not witnessed: []"]);
}

#[test]
fn a_task_that_fails_holds() {
    holds("task_failure", &expect!["126404 unique, 440822 generated, depth 51, not witnessed: []"]);
}

/// A takeover, small enough to be walked by slow checkers.
fn short_takeover() -> Scope {
    let mut scope = scope("takeover").expect("a scope of the list").clone();
    scope.budget.checkpoints = 0;
    scope.input = &[&[0]];
    scope
}

/// Liveness is judged in states of rest, which is exact only if no behaviour goes round for ever.
#[test]
fn the_graphs_of_these_hazards_have_no_cycle() {
    for name in ["zombie_worker", "zombie_outlives", "lost_notification", "channel_break", "task_failure"] {
        assert_acyclic(&JobModel::new(scope(name).unwrap(), None));
    }
    assert_acyclic(&JobModel::new(&short_takeover(), None));
}

#[test]
fn two_checkpoints_at_once_or_a_failing_store_make_no_cycle_either() {
    for name in ["overlapping", "store_fault"] {
        let mut scope = scope(name).unwrap().clone();
        scope.input = &[&[0]];
        scope.budget = scope.budget.with(Assumption::Crash, 0);
        assert_acyclic(&JobModel::new(&scope, None));
    }
}

/// Remembered steps are those that the core would take, also where two coordinators change places.
#[test]
fn a_search_without_memo_finds_the_same_with_zombies() {
    let small = ["zombie_worker", "lost_notification"].map(|name| scope(name).unwrap().clone());
    for scope in small.iter().chain([&short_takeover()]) {
        let counted = |model: &JobModel| {
            let report = check_model(model, 2, None, &mut |_| {});
            (report.unique_states, report.generated_states, report.depth, report.holds())
        };
        let model = || JobModel::new(scope, None);
        assert_eq!(counted(&model()), counted(&model().without_memo()), "{}", scope.name);
    }
}
