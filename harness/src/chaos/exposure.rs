//! Which faults bring which wrong protocol to light. The protocol itself is given all of them in turn.

use truecut_mutants::Mutant;
use truecut_runtime::config::CommitByConfig;
use truecut_runtime::crash_point;

/// What a run is made of, by the protocol that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exposure {
    /// Crash points to choose from.
    points: Vec<&'static str>,
    /// When a crash point strikes, all workers stay away for this long, ms; 0: only one is killed.
    pub(super) outage_ms: u64,
    pub(super) transaction_timeout_ms: u32,
    pub(super) checkpoint_interval_ms: u64,
}

impl Exposure {
    /// So many crash points of workers for this seed; consecutive seeds take turns through all of them.
    pub(super) fn points_for(&self, seed: u64, count: u32) -> Vec<&'static str> {
        in_turn(&self.points, seed, count)
    }
}

/// So many crash points of coordinators for this seed.
pub(super) fn coordinator_points_for(seed: u64, count: u32) -> Vec<&'static str> {
    in_turn(crash_point::COORDINATOR, seed, count)
}

fn in_turn(points: &[&'static str], seed: u64, count: u32) -> Vec<&'static str> {
    let length = u64::try_from(points.len()).expect("a short list");
    let first = (seed % length) * u64::from(count) % length;
    // Neighbours in the list are places of one operation: a stride that shares no divisor with the length mixes them.
    let stride = (7..).find(|stride| gcd(*stride, length) == 1).unwrap_or(1);
    let point = |number: u64| {
        let place = (first + number) % length * stride % length;
        points[usize::try_from(place).expect("below a length")]
    };
    (0..u64::from(count)).map(point).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How long Kafka lets a transaction live when outages are to outlive it, ms.
const SHORT_LIVED_MS: u32 = 3_000;
/// The checkpoint lists the transaction, and nobody has committed it.
const UNCOMMITTED: [&str; 2] = ["completed.received", "commit.before"];

/// The exposure of this protocol; none is the core's own. `outage_ms`: all workers stay away for so long, and Kafka aborts what
/// nobody committed.
pub(super) fn of(mutant: Option<Mutant>, outage_ms: u32, sink: CommitByConfig) -> Exposure {
    let of_sink = match sink {
        CommitByConfig::Resume => &[],
        CommitByConfig::Log => crash_point::LOG,
    };
    let all = || crash_point::ALL.iter().chain(of_sink).copied().filter(|point| is_reached(point)).collect();
    let usual = |points: &[&'static str]| Exposure {
        points: if points.is_empty() { all() } else { points.to_vec() },
        outage_ms: 0,
        transaction_timeout_ms: 60_000,
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
        // What a dead attempt left open blocks readers until Kafka aborts it: longer than the drain waits.
        Mutant::NeverAbortLingering => Exposure { transaction_timeout_ms: 600_000, ..usual(&[]) },
        // The subtasks commit before the checkpoint is stored: an attempt that fails in between repeats them.
        Mutant::NotifyBeforeStore => {
            usual(&["completed.received", "commit.answered", "commit_offsets.answered"])
        }
        _ => usual(&[]),
    }
}

/// Whether ordinary runs come by: transactions are described, and markers read, only after Kafka refused a commit.
fn is_reached(point: &str) -> bool {
    !["describe.", "read_marker.", "rewrite."].iter().any(|operation| point.starts_with(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exposure_names_crash_points_that_exist() {
        for mutant in Mutant::all() {
            let exposure = of(Some(*mutant), 0, CommitByConfig::Resume);
            assert!(exposure.points.iter().all(|point| crash_point::ALL.contains(point)), "{mutant}");
        }
    }

    #[test]
    fn the_points_of_consecutive_seeds_take_turns() {
        let exposure = of(None, 0, CommitByConfig::Log);
        assert!(exposure.points.contains(&"upload.unanswered"));
        let all: std::collections::BTreeSet<_> =
            (0..9).flat_map(|seed| exposure.points_for(seed, 4)).collect();
        assert_eq!(all.len(), exposure.points.len());
    }
}
