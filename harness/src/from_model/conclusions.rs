//! What a run violates, by the properties' names: what its oracles say, and the conclusions that the model draws, too. A loss is silent
//! if the job did not end with an error; what a job has lost that Kafka left alone, the job itself has aborted; counts that skip,
//! where nothing is lost, doubled or out of order, come from a state that no run can have; and a result that was committed with a
//! checkpoint that ends before its input was visible too early.

use std::collections::BTreeSet;

use crate::chaos::kafka_log::{KafkaLog, LoggedState};
use crate::oracle::{Anomaly, Class};
use crate::verdict::{ChaosDocument, Verdict};

/// What a rejected trace is called among the properties that a run violates.
pub(super) const TRACE: &str = "a trace was rejected";
/// The protocol's own assertion that the head goes forward, as a rejected trace tells it.
const IDS_ARE_NEW: &str = "(ids are never reused)";
/// How the oracle tells of a result in the transaction of a checkpoint that has not come to its input.
const ENDS_BEFORE: &str = " ends before it";
/// What is concluded from a rejected trace alone.
pub(super) const OF_A_TRACE: [&str; 1] = ["completion_is_monotone"];

/// The properties that a run violates. A loss is silent if the job did not end with an error.
#[must_use]
pub fn violated(document: &ChaosDocument) -> BTreeSet<String> {
    let of_classes = document.anomaly_counts.keys().flat_map(|class| class.info().properties);
    let mut violated: BTreeSet<String> = of_classes.map(|name| (*name).to_owned()).collect();
    for property in truecut_model::properties() {
        if document.reasons.iter().any(|reason| reason.starts_with(&format!("{}:", property.name))) {
            violated.insert(property.name.to_owned());
        }
    }
    let failed = document.reasons.iter().any(|reason| reason.starts_with("the job ended with exit code"));
    if document.anomaly_counts.contains_key(&Class::Lost) && !failed {
        violated.insert("no_silent_loss".to_owned());
    }
    let has = |class| document.anomaly_counts.contains_key(&class);
    if has(Class::Sequence) && ![Class::Lost, Class::Duplicate, Class::Order].into_iter().any(has) {
        violated.insert("no_phantom".to_owned());
    }
    let is_early = |anomaly: &Anomaly| {
        anomaly.class == Class::InconsistentCut && anomaly.example.text.contains(ENDS_BEFORE)
    };
    if document.anomalies.iter().any(is_early) {
        violated.insert("no_early_visibility".to_owned());
    }
    if document.traces.verdict == Verdict::Violated {
        violated.insert(TRACE.to_owned());
        if document.traces.reasons.iter().any(|reason| reason.contains(IDS_ARE_NEW)) {
            violated.insert("completion_is_monotone".to_owned());
        }
    }
    violated
}

/// A job that ends because a transaction that a checkpoint lists was aborted, where Kafka aborts none by itself, has aborted it; and
/// what was in it is lost, although the job says so. Where the job can't tell what became of it, Kafka's own account does.
pub(super) fn aborted_by_the_job(document: &ChaosDocument, log: &KafkaLog) -> BTreeSet<String> {
    let mut lost = document.reasons.iter().filter(|reason| reason.contains("data loss: transaction "));
    let is_aborted = |reason: &String| {
        reason.contains("was aborted by Kafka") || name_in(reason).is_some_and(|name| was_aborted(log, name))
    };
    let names = if lost.any(is_aborted) { ["no_foreign_abort", "no_loss"].as_slice() } else { &[] };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The transactional id in what a job says of a loss.
fn name_in(reason: &str) -> Option<&str> {
    reason.split_once("data loss: transaction ")?.1.split(' ').next()
}

/// Whether the last transaction of this id that Kafka wrote an end of was aborted.
fn was_aborted(log: &KafkaLog, name: &str) -> bool {
    let of_id = log.states.iter().flatten().filter(|change| change.transactional_id == name);
    let mut committed = of_id.filter_map(|change| match change.logged.as_ref()?.state {
        LoggedState::PrepareCommit | LoggedState::CompleteCommit => Some(true),
        LoggedState::PrepareAbort | LoggedState::CompleteAbort | LoggedState::PrepareEpochFence => {
            Some(false)
        }
        LoggedState::Empty | LoggedState::Ongoing | LoggedState::Dead | LoggedState::Other(_) => None,
    });
    committed.next_back() == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::kafka_log::{Logged, StateChange};

    fn log(states: &[LoggedState]) -> KafkaLog {
        let logged = |state| Logged {
            producer_id: 7,
            producer_epoch: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            timeout_ms: 60_000,
            state,
            partitions: Vec::new(),
            updated_ms: 0,
            started_ms: -1,
            client_version: 0,
        };
        let change = |(offset, state): (i64, &LoggedState)| StateChange {
            partition: 0,
            offset,
            transactional_id: "job/1/0/2".to_owned(),
            logged: Some(logged(*state)),
        };
        KafkaLog { states: Some((0..).zip(states).map(change).collect()), ..KafkaLog::default() }
    }

    #[test]
    fn what_the_job_cannot_tell_kafka_can_and_a_commit_is_no_abort() {
        use LoggedState::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort};
        let name = name_in(
            "the job ended with exit code 4: data loss: transaction job/1/0/2 of checkpoint 4 with 9 records is not known",
        );
        assert_eq!(name, Some("job/1/0/2"));
        let aborted = |states: &[LoggedState]| was_aborted(&log(states), "job/1/0/2");
        assert!(aborted(&[Ongoing, PrepareAbort, CompleteAbort, Empty]));
        assert!(!aborted(&[Ongoing, CompleteCommit, Empty]), "it was committed");
        assert!(!aborted(&[Empty, Ongoing]), "it is still open");
        assert!(!was_aborted(&log(&[PrepareAbort]), "job/1/0/3"), "another one was aborted");
    }
}
