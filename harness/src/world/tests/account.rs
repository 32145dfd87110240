//! Kafka's own account of the recorded run: changed in one place, it is rejected.

use std::collections::BTreeSet;

use super::super::{AccountFound, Circumstances};
use super::{judged, sample};
use crate::chaos::kafka_log::LoggedState;

/// What is found, with the states changed.
fn found(change: impl Fn(&mut Vec<crate::chaos::kafka_log::StateChange>)) -> (AccountFound, Vec<String>) {
    let sample = sample::unpack();
    let mut circumstances: Circumstances = sample.circumstances.clone();
    change(circumstances.kafka_log.states.as_mut().expect("the sample has them"));
    let (_, found) = judged(&sample.paths, circumstances).unwrap();
    (found.account.expect("it was compared"), found.rejections)
}

#[test]
fn every_state_that_kafka_wrote_down_is_explained() {
    let (account, rejections) = found(|_| {});
    assert_eq!(rejections, [""; 0]);
    assert!(account.state_changes > 50, "{account:?}");
}

#[test]
fn a_state_that_nothing_explains_is_told() {
    let places = found(|_| {}).0.state_changes;
    for place in (0..usize::try_from(places).unwrap()).step_by(7) {
        let (_, aborted) = found(|states| {
            if let Some(logged) = &mut states[place].logged {
                logged.state = LoggedState::CompleteAbort;
                logged.producer_epoch += 3;
            }
        });
        assert!(!aborted.is_empty(), "{place}");
    }
}

#[test]
fn a_success_that_kafka_did_not_write_down_is_told() {
    let (_, rejections) = found(|states| {
        // Of each id what was written down from its first commit on is gone: what is left explains itself.
        let mut committed = BTreeSet::new();
        states.retain(|change| {
            if change.logged.as_ref().is_some_and(|logged| logged.state == LoggedState::PrepareCommit) {
                committed.insert(change.transactional_id.clone());
            }
            !committed.contains(&change.transactional_id)
        });
    });
    assert!(rejections.iter().any(|told| told.contains("Committed")), "{rejections:?}");
}
