//! Which faults bring which wrong protocol to light. The protocol itself is given all of them in turn.

use truecut_mutants::Mutant;
use truecut_runtime::config::CommitByConfig;

use super::points;
use crate::history::Who;

/// What a run is made of, by the protocol that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exposure {
    /// Crash points of workers to choose from.
    pub(super) points: Vec<&'static str>,
    /// When a crash point strikes, all workers stay away for this long, ms; 0: only one is killed.
    pub(super) outage_ms: u64,
    pub(super) transaction_timeout_ms: u32,
    pub(super) checkpoint_interval_ms: u64,
}

/// How long Kafka lets a transaction live when outages are to outlive it, ms.
const SHORT_LIVED_MS: u32 = 3_000;
/// The checkpoint lists the transaction, and nobody has committed it.
const UNCOMMITTED: [&str; 2] = ["completed.received", "commit.before"];

/// The exposure of this protocol; none is the core's own. `outage_ms`: all workers stay away for so long, and Kafka aborts what
/// nobody committed.
pub(super) fn of(mutant: Option<Mutant>, outage_ms: u32, sink: CommitByConfig) -> Exposure {
    let usual = |chosen: &[&'static str]| Exposure {
        points: if chosen.is_empty() { points::usual(Who::Worker, sink) } else { chosen.to_vec() },
        outage_ms: 0,
        transaction_timeout_ms: 600_000,
        // Wrong protocols fail while a checkpoint is under way: there, one nearly always is.
        checkpoint_interval_ms: if mutant.is_some() { 20 } else { 150 },
    };
    let Some(mutant) = mutant else {
        let outage_ms = u64::from(outage_ms);
        return match outage_ms {
            0 => usual(&[]),
            _ => Exposure { outage_ms, transaction_timeout_ms: SHORT_LIVED_MS, ..usual(&UNCOMMITTED) },
        };
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "most wrong protocols need no fault of their own")]
    match mutant {
        // One sink has committed, another subtask of the same checkpoint is killed before it acknowledges.
        Mutant::CommitOnPrecommit => usual(&[
            "flush.before",
            "flush.unanswered",
            "flush.answered",
            "snapshot.answered",
            "acknowledge.before",
            "commit.answered",
        ]),
        // The checkpoint is complete, its offsets are not with the group yet.
        Mutant::ResumeFromGroupOffsets => {
            usual(&["completed.received", "commit_offsets.before", "commit_offsets.unanswered"])
        }
        // The flush is under way when the checkpoint completes.
        Mutant::AckBeforeFlush => usual(&["acknowledge.after", "snapshot.answered", "flush.answered"]),
        // The checkpoint lists the transaction, and nobody has committed it.
        Mutant::DropCommittablesOnRestore | Mutant::AbortAllLingering | Mutant::ListOnlyOwnTransaction => {
            usual(&UNCOMMITTED)
        }
        // Kafka aborts what nobody committed while all workers were away.
        Mutant::FencedMeansCommitted => {
            Exposure { outage_ms: 8_000, transaction_timeout_ms: SHORT_LIVED_MS, ..usual(&UNCOMMITTED) }
        }
        // The subtasks commit before the checkpoint is stored: an attempt that fails in between repeats them.
        Mutant::NotifyBeforeStore => {
            usual(&["completed.received", "commit.answered", "commit_offsets.answered"])
        }
        _ => usual(&[]),
    }
}

#[cfg(test)]
mod tests {
    use truecut_runtime::crash_point;

    use super::*;

    #[test]
    fn every_exposure_names_crash_points_that_exist() {
        for mutant in Mutant::all() {
            let exposure = of(Some(*mutant), 0, CommitByConfig::Resume);
            let exists = |point: &&str| crash_point::all().iter().any(|known| known.name == *point);
            assert!(exposure.points.iter().all(exists), "{mutant}");
        }
    }
}
