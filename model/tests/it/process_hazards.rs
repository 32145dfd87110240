//! What befalls processes, the coordinator, its store and connections: the protocol holds, and each hazard can break a wrong one.

use expect_test::expect;
use truecut_model::{JobModel, scope};

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

/// Liveness is judged in states of rest, which is exact only if no behaviour goes round for ever.
#[test]
fn the_graphs_of_these_hazards_have_no_cycle() {
    for name in ["store_fault", "zombie_outlives", "takeover"] {
        assert_acyclic(&JobModel::new(scope(name).unwrap(), None));
    }
}
