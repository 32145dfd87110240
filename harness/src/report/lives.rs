//! The lives of processes: when each was started, paused, killed, or ended.

use std::collections::BTreeMap;

use crate::history::{Entry, Event, History, Who};

/// A process's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) pid: u32,
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) killed: bool,
    /// From and to.
    pub(super) paused: Vec<(u64, u64)>,
}

/// A lane's name: the coordinators share one, in front; each worker's successors keep its own.
pub(super) type Lane = (std::cmp::Reverse<Who>, u32);

fn lane_of(who: Who, number: u32) -> Lane {
    (std::cmp::Reverse(who), if who.is_worker() { number } else { 0 })
}

pub(super) fn lanes(history: &History, end_ms: u64) -> BTreeMap<Lane, Vec<Life>> {
    let mut lanes: BTreeMap<Lane, Vec<Life>> = BTreeMap::new();
    for Entry { t_ms, event } in &history.entries {
        let Some((who, number, process, what)) = change(event) else { continue };
        let lives = lanes.entry(lane_of(who, number)).or_default();
        if what == Change::Started {
            let life =
                Life { pid: process, from_ms: *t_ms, to_ms: end_ms, killed: false, paused: Vec::new() };
            lives.push(life);
            continue;
        }
        let Some(life) = lives.iter_mut().rev().find(|life| life.pid == process && life.to_ms == end_ms)
        else {
            continue;
        };
        match what {
            Change::Started => {}
            Change::Paused => life.paused.push((*t_ms, end_ms)),
            Change::Resumed => {
                if let Some(paused) = life.paused.last_mut() {
                    paused.1 = *t_ms;
                }
            }
            Change::Killed | Change::Exited => {
                life.to_ms = *t_ms;
                life.killed = what == Change::Killed;
            }
        }
    }
    lanes
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Started,
    Paused,
    Resumed,
    Killed,
    Exited,
}

/// What an event changes in a process's life, if anything: who, number, process, what.
#[expect(clippy::wildcard_enum_match_arm, reason = "few events are about processes")]
fn change(event: &Event) -> Option<(Who, u32, u32, Change)> {
    let (worker, coordinator) = (Who::Worker, Who::Coordinator);
    match event {
        Event::WorkerStarted { worker: number, pid } => Some((worker, *number, *pid, Change::Started)),
        Event::CoordinatorStarted { coordinator: number, pid } => {
            Some((coordinator, *number, *pid, Change::Started))
        }
        Event::Kill { who, worker: number, pid, .. } => Some((*who, *number, *pid, Change::Killed)),
        Event::WorkerExited { worker: number, pid, .. } => Some((worker, *number, *pid, Change::Exited)),
        Event::CoordinatorExited { coordinator: number, pid, .. } => {
            Some((coordinator, *number, *pid, Change::Exited))
        }
        Event::Paused { who, number, pid, .. } => Some((*who, *number, *pid, Change::Paused)),
        Event::Resumed { who, number, pid } => Some((*who, *number, *pid, Change::Resumed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::KillAt;

    fn history(events: &[(u64, Event)]) -> History {
        let entries =
            events.iter().map(|(t_ms, event)| Entry { t_ms: *t_ms, event: event.clone() }).collect();
        History { entries, torn: false }
    }

    #[test]
    fn a_worker_lives_from_its_start_to_its_kill_and_again() {
        let exited = Event::WorkerExited { worker: 0, pid: 7, status: "signal 9".into() };
        let (ordinal, who, worker, at) = (1, Who::Worker, 0, KillAt::Random);
        let lanes = lanes(
            &history(&[
                (1, Event::WorkerStarted { worker: 0, pid: 7 }),
                (20, Event::Kill { ordinal, who, worker, pid: 7, at, confirmed: true }),
                (21, exited.clone()),
                (30, Event::WorkerStarted { worker: 0, pid: 8 }),
                // Told again: the process that lives now is another one.
                (35, exited),
            ]),
            50,
        );
        let want = [
            Life { pid: 7, from_ms: 1, to_ms: 20, killed: true, paused: vec![] },
            Life { pid: 8, from_ms: 30, to_ms: 50, killed: false, paused: vec![] },
        ];
        assert_eq!(lanes[&lane_of(Who::Worker, 0)], want);
    }

    #[test]
    fn coordinators_share_the_first_lane_and_a_paused_one_overlaps_its_successor() {
        let (who, number, pid) = (Who::Coordinator, 1, 5);
        let lanes = lanes(
            &history(&[
                (1, Event::CoordinatorStarted { coordinator: 1, pid }),
                (2, Event::WorkerStarted { worker: 0, pid: 7 }),
                (10, Event::Paused { who, number, pid, at: KillAt::Random }),
                (12, Event::CoordinatorStarted { coordinator: 2, pid: 6 }),
                (30, Event::Resumed { who, number, pid }),
                (33, Event::CoordinatorExited { coordinator: 1, pid, status: "exit code 4".into() }),
            ]),
            50,
        );
        let (lane, lives) = lanes.first_key_value().unwrap();
        let want = [
            Life { pid: 5, from_ms: 1, to_ms: 33, killed: false, paused: vec![(10, 30)] },
            Life { pid: 6, from_ms: 12, to_ms: 50, killed: false, paused: vec![] },
        ];
        assert_eq!((*lane, lives.as_slice()), (lane_of(who, 2), want.as_slice()));
    }
}
