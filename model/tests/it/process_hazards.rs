//! What befalls processes, the coordinator, its store and connections: the protocol holds, and each hazard can break a wrong one.

use expect_test::expect;
use truecut_model::{JobModel, scope};

use crate::{assert_acyclic, holds};

#[test]
fn a_store_that_fails_or_answers_late_holds() {
    holds("store_fault", &expect!["714126 unique, 2556116 generated, depth 58, not witnessed: []"]);
}

/// Liveness is judged in states of rest, which is exact only if no behaviour goes round for ever.
#[test]
fn the_graphs_of_these_hazards_have_no_cycle() {
    for name in ["store_fault"] {
        assert_acyclic(&JobModel::new(scope(name).unwrap(), None));
    }
}
