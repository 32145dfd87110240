//! Counts over a history: what a verdict needs to know about kills, attempts and checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, KillAt, Phase, Who};
use super::{Entry, History};
use serde::{Deserialize, Serialize};

/// A checkpoint's full name: ids alone are unique too, but the attempt tells who made it.
pub type CheckpointKey = (u64, u64);

/// Faults that are kills: these are counted by themselves, and one that missed its crash point killed all the same.
const KILLS: [&str; 4] = ["kill", "crash_point", "kill_all", "outage"];

/// How often a kind of fault other than a kill was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// There is proof that it hit something.
    pub struck: u64,
    /// It could not be done, or hit nothing.
    pub missed: u64,
}

/// What happened how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The seed, if the run began.
    pub seed: Option<u64>,
    /// Input records acknowledged by Kafka.
    pub fed: u64,
    /// Output records seen by the `read_committed` reader.
    pub visible: u64,
    /// Completed checkpoints.
    pub checkpoints_completed: BTreeSet<CheckpointKey>,
    /// Checkpoints given up.
    pub checkpoints_aborted: BTreeSet<CheckpointKey>,
    /// Kills whose exit status proves them.
    pub kills_confirmed: u64,
    /// Those of them that killed a coordinator.
    pub coordinator_kills: u64,
    /// Processes that were paused and came back as zombies.
    pub pauses: u64,
    /// Kills whose exit status does not: the trial is not valid.
    pub kills_unconfirmed: u64,
    /// Confirmed kills by crash point. Random ones are not among them.
    pub crash_points: BTreeMap<String, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<String, FaultCount>,
    /// Faults that hit nothing and are no kills, in words.
    pub missed: Vec<String>,
    /// The highest attempt seen.
    pub attempts: u64,
    /// The output was read to its end at rest.
    pub drained: bool,
    /// What the job left open in Kafka at rest, in words; it had ended in good order.
    pub left_open: Option<String>,
    /// The job ended with exit code 0, at least once.
    pub ended: bool,
    /// How the job ended, if not in good order: its exit code, and what it said.
    pub failed: Option<(u8, String)>,
    /// Why more could not be seen: the harness gave up.
    pub cut_short: Vec<String>,
    /// Time of the last event, in milliseconds.
    pub end_ms: u64,
}

impl Summary {
    /// Counts a history.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let mut summary = Summary::default();
        for Entry { t_ms, event } in &history.entries {
            summary.end_ms = *t_ms;
            summary.add(event);
        }
        summary
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::RunStarted { seed } => self.seed = Some(*seed),
            Event::Fed { records_total } => self.fed = self.fed.max(*records_total),
            Event::Visible { records_total } => self.visible = self.visible.max(*records_total),
            Event::Kill { at, who, confirmed: true, .. } => {
                self.kills_confirmed += 1;
                self.coordinator_kills += u64::from(*who == Who::Coordinator);
                if let KillAt::CrashPoint(name) = at {
                    *self.crash_points.entry(name.clone()).or_default() += 1;
                }
            }
            Event::Kill { confirmed: false, .. } => self.kills_unconfirmed += 1,
            Event::Fault { fault, phase: Phase::Struck, .. } => {
                self.faults.entry(fault.clone()).or_default().struck += 1;
            }
            Event::Fault { step, fault, phase: Phase::Missed, text } => {
                self.faults.entry(fault.clone()).or_default().missed += 1;
                if !KILLS.contains(&fault.as_str()) {
                    self.missed.push(format!("step {step}, {fault}: {text}"));
                }
            }
            Event::Fault { .. } => {}
            Event::Attempt { attempt } | Event::JobRunning { attempt } => {
                self.attempts = self.attempts.max(*attempt)
            }
            Event::CheckpointCompleted { attempt, id } => {
                self.checkpoints_completed.insert((*attempt, *id));
            }
            Event::CheckpointAborted { attempt, id, .. } => {
                self.checkpoints_aborted.insert((*attempt, *id));
            }
            Event::Resumed { .. } => self.pauses += 1,
            Event::Drained => self.drained = true,
            Event::LeftOpen { transactions, partitions } => {
                self.left_open = Some(match transactions.as_slice() {
                    [] => format!("output partitions {partitions:?} can't be read to their end"),
                    some => format!(
                        "{} are open, output partitions {partitions:?} can't be read to their end",
                        some.join(", ")
                    ),
                });
            }
            Event::JobEnded { exit_code: 0, .. } => self.ended = true,
            Event::JobEnded { exit_code, message } => {
                self.failed.get_or_insert((*exit_code, message.clone()));
            }
            Event::GaveUp { reason } => self.cut_short.push(reason.clone()),
            Event::WorkerStarted { .. }
            | Event::WorkerExited { .. }
            | Event::CoordinatorStarted { .. }
            | Event::CoordinatorExited { .. }
            | Event::Paused { .. }
            | Event::CheckpointTriggered { .. }
            | Event::Note { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_completions_count_once_and_unconfirmed_kills_count_apart() {
        let kill = |at: &str, who, confirmed| Event::Kill {
            ordinal: 1,
            who,
            worker: 0,
            pid: 1,
            at: at.to_owned().into(),
            confirmed,
        };
        let events = [
            Event::RunStarted { seed: 3 },
            Event::CheckpointCompleted { attempt: 1, id: 1 },
            Event::CheckpointCompleted { attempt: 1, id: 1 },
            Event::CheckpointAborted { attempt: 1, id: 2, reason: "expired".into() },
            kill("random", Who::Coordinator, true),
            kill("sink.flush.before", Who::Worker, true),
            kill("sink.flush.before", Who::Worker, false),
            Event::JobRunning { attempt: 4 },
            Event::Visible { records_total: 9 },
        ];
        let entries = events.into_iter().map(|event| Entry { t_ms: 5, event }).collect();
        let summary = Summary::of(&History { entries, torn: false });
        assert_eq!(summary.checkpoints_completed.len(), 1);
        assert_eq!(summary.checkpoints_aborted.len(), 1);
        assert_eq!((summary.kills_confirmed, summary.kills_unconfirmed), (2, 1));
        assert_eq!(summary.coordinator_kills, 1);
        assert_eq!(summary.crash_points, [("sink.flush.before".to_owned(), 1)].into());
        assert_eq!((summary.attempts, summary.visible, summary.drained), (4, 9, false));
    }
}
