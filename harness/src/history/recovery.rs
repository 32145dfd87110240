//! How long each kill kept new output from becoming visible, and which phase took the time.
//! From the kill to the first sample of the `read_committed` reader that shows more than the last sample before
//! the new attempt ran: so what the old attempt had committed already does not count. Resolution: that of the samples.

use super::event::{Event, KillAt, Who};
use super::totals::Totals;
use super::{Entry, History};

/// One kill and what followed. Times are milliseconds since the run started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The number of the kill in the plan.
    pub ordinal: u64,
    /// Who was killed.
    pub who: Who,
    /// Its number.
    pub worker: u32,
    /// Where in the protocol.
    pub at: KillAt,
    /// The exit status proves the kill.
    pub confirmed: bool,
    /// The kill.
    pub killed_ms: u64,
    /// The coordinator began the next attempt: it has noticed.
    pub detected_ms: Option<u64>,
    /// All subtasks of a newer attempt run.
    pub running_ms: Option<u64>,
    /// The first newly committed output.
    pub visible_ms: Option<u64>,
    /// The output was no further behind the input than it had been in the two seconds before the kill.
    pub caught_up_ms: Option<u64>,
}

/// How long before a kill is looked at to tell how far the output is behind in the usual course of things.
const BEFORE_MS: u64 = 2_000;

impl Recovery {
    /// Kill to first newly committed output, in milliseconds, if there was any.
    #[must_use]
    pub fn total_ms(&self) -> Option<u64> {
        Some(self.visible_ms?.saturating_sub(self.killed_ms))
    }
}

/// The recovery of every kill, in order of time.
#[must_use]
pub fn recoveries(history: &History) -> Vec<Recovery> {
    let lag = Totals::of(history).lag();
    let mut found = Vec::new();
    let mut attempt_now = 0;
    for (position, Entry { t_ms, event }) in history.entries.iter().enumerate() {
        if let Some(attempt) = attempt_of(event) {
            attempt_now = attempt_now.max(attempt);
        }
        if let Event::Kill { ordinal, who, worker, at, confirmed, .. } = event {
            let after = &history.entries[position + 1..];
            let running = after.iter().position(
                |entry| matches!(&entry.event, Event::JobRunning { attempt } if *attempt > attempt_now),
            );
            let visible_ms =
                running.and_then(|running| first_new_output(&history.entries, position + 1 + running));
            found.push(Recovery {
                ordinal: *ordinal,
                who: *who,
                worker: *worker,
                at: at.clone(),
                confirmed: *confirmed,
                killed_ms: *t_ms,
                detected_ms: after
                    .iter()
                    .find(|entry| attempt_of(&entry.event).is_some_and(|attempt| attempt > attempt_now))
                    .map(|entry| entry.t_ms),
                running_ms: running.map(|running| after[running].t_ms),
                visible_ms,
                caught_up_ms: visible_ms.and_then(|visible| caught_up(&lag, *t_ms, visible)),
            });
        }
    }
    found
}

fn attempt_of(event: &Event) -> Option<u64> {
    match event {
        Event::Attempt { attempt }
        | Event::JobRunning { attempt }
        | Event::CheckpointTriggered { attempt, .. }
        | Event::CheckpointCompleted { attempt, .. } => Some(*attempt),
        Event::RunStarted { .. }
        | Event::Fed { .. }
        | Event::WorkerStarted { .. }
        | Event::Kill { .. }
        | Event::WorkerExited { .. }
        | Event::CoordinatorStarted { .. }
        | Event::CoordinatorExited { .. }
        | Event::Paused { .. }
        | Event::Fault { .. }
        | Event::Resumed { .. }
        | Event::CheckpointAborted { .. }
        | Event::Visible { .. }
        | Event::OutputEnds { .. }
        | Event::JobEnded { .. }
        | Event::LeftOpen { .. }
        | Event::GaveUp { .. }
        | Event::Drained
        | Event::Note { .. } => None,
    }
}

/// The time of the first sample after `running` that shows more than the last one before it.
fn first_new_output(entries: &[Entry], running: usize) -> Option<u64> {
    let visible = |entry: &Entry| {
        if let Event::Visible { records_total } = entry.event { Some(records_total) } else { None }
    };
    let before = entries[..running].iter().rev().find_map(visible).unwrap_or(0);
    let first = entries[running..].iter().find(|entry| visible(entry).is_some_and(|total| total > before))?;
    Some(first.t_ms)
}

/// When the lag is what it was before the kill. `lag` is in order of time.
fn caught_up(lag: &[(u64, u64)], killed_ms: u64, visible_ms: u64) -> Option<u64> {
    let at = |t_ms: u64| lag.partition_point(|&(t, _)| t < t_ms);
    // What was in force when the two seconds began counts, too.
    let from = at(killed_ms.saturating_sub(BEFORE_MS)).saturating_sub(1);
    let before = lag.get(from..at(killed_ms))?;
    let usual = before.iter().map(|&(_, lag)| lag).max().unwrap_or(0);
    let after = lag.get(at(visible_ms)..)?;
    after.iter().find(|&&(_, lag)| lag <= usual).map(|&(t_ms, _)| t_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(events: &[(u64, Event)]) -> History {
        let entries =
            events.iter().map(|(t_ms, event)| Entry { t_ms: *t_ms, event: event.clone() }).collect();
        History { entries, torn: false }
    }

    fn kill(ordinal: u64) -> Event {
        Event::Kill { ordinal, who: Who::Worker, worker: 1, pid: 9, at: KillAt::Random, confirmed: true }
    }

    fn visible(records_total: u64) -> Event {
        Event::Visible { records_total }
    }

    #[test]
    fn output_of_the_old_attempt_that_shows_up_late_is_no_recovery() {
        let recoveries = recoveries(&history(&[
            (0, Event::Attempt { attempt: 1 }),
            (10, Event::JobRunning { attempt: 1 }),
            (90, visible(100)),
            (100, kill(1)),
            (120, visible(150)),
            (150, Event::Attempt { attempt: 2 }),
            (200, Event::JobRunning { attempt: 2 }),
            (220, visible(150)),
            (270, visible(151)),
            (320, visible(152)),
        ]));
        assert_eq!(recoveries.len(), 1);
        let recovery = &recoveries[0];
        assert_eq!(
            (recovery.detected_ms, recovery.running_ms, recovery.visible_ms, recovery.total_ms()),
            (Some(150), Some(200), Some(270), Some(170))
        );
    }

    #[test]
    fn the_output_has_caught_up_when_it_is_no_further_behind_than_before_the_kill() {
        let fed = |records_total| Event::Fed { records_total };
        let recoveries = recoveries(&history(&[
            (10, Event::JobRunning { attempt: 1 }),
            (20, fed(1_000)),
            (90, visible(900)),
            (95, fed(1_050)),
            (100, kill(1)),
            (110, fed(2_000)),
            (150, Event::JobRunning { attempt: 2 }),
            (200, visible(1_000)),
            (250, visible(1_800)),
            (300, visible(1_850)),
            (350, visible(2_000)),
        ]));
        // Before the kill 1000 records were the most that was not visible: at its very beginning.
        assert_eq!((recoveries[0].visible_ms, recoveries[0].caught_up_ms), (Some(200), Some(200)));
        let later = recoveries_after_a_quiet_start();
        assert_eq!((later.visible_ms, later.caught_up_ms), (Some(3_200), Some(3_300)));
    }

    /// The lag was 100 in the two seconds before the kill, and 1000 long before.
    fn recoveries_after_a_quiet_start() -> Recovery {
        let fed = |records_total| Event::Fed { records_total };
        let all = recoveries(&history(&[
            (10, Event::JobRunning { attempt: 1 }),
            (20, fed(1_000)),
            (900, visible(900)),
            (3_000, kill(1)),
            (3_010, fed(2_000)),
            (3_150, Event::JobRunning { attempt: 2 }),
            (3_200, visible(1_000)),
            (3_250, visible(1_800)),
            (3_300, visible(1_900)),
        ]));
        all[0].clone()
    }

    #[test]
    fn a_second_kill_during_recovery_shares_the_attempt_that_ends_both() {
        let recoveries = recoveries(&history(&[
            (10, Event::JobRunning { attempt: 1 }),
            (100, kill(1)),
            (150, Event::Attempt { attempt: 2 }),
            (160, kill(2)),
            (200, Event::Attempt { attempt: 3 }),
            (300, Event::JobRunning { attempt: 3 }),
            (310, visible(1)),
        ]));
        let times: Vec<_> = recoveries.iter().map(|r| (r.detected_ms, r.total_ms())).collect();
        assert_eq!(times, [(Some(150), Some(210)), (Some(200), Some(150))]);
    }

    #[test]
    fn word_that_the_old_attempt_runs_may_come_late_and_ends_nothing() {
        let recoveries = recoveries(&history(&[
            (10, Event::Attempt { attempt: 1 }),
            (100, kill(1)),
            (110, Event::JobRunning { attempt: 1 }),
            (120, visible(5)),
            (150, Event::JobRunning { attempt: 2 }),
            (190, visible(6)),
        ]));
        assert_eq!((recoveries[0].running_ms, recoveries[0].total_ms()), (Some(150), Some(90)));
    }

    #[test]
    fn a_kill_with_nothing_after_it_has_no_recovery_time() {
        let recoveries = recoveries(&history(&[
            (10, Event::JobRunning { attempt: 1 }),
            (50, visible(7)),
            (100, kill(1)),
            (150, Event::JobRunning { attempt: 2 }),
            (160, visible(7)),
        ]));
        assert_eq!((recoveries[0].running_ms, recoveries[0].total_ms()), (Some(150), None));
    }
}
