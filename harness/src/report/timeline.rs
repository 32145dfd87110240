//! The run as lanes over time: the job's attempts, the lives of coordinators and workers, kills through all of them, checkpoints.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::{Frame, both, line, px, span};
use super::run::Run;
use super::text::{duration, moment};
use crate::history::{Entry, Event, History, Recovery, Who};

/// The numbers of kills stand in two rows, so that two kills close together keep both.
const KILL_ROWS: [f64; 2] = [30.0, 10.0];
const KILLS_HEIGHT: f64 = 46.0;
const KILL_RADIUS: f64 = 8.5;
const JOB_HEIGHT: f64 = 24.0;
const LANE_HEIGHT: f64 = 20.0;
const GAP: f64 = 8.0;

pub(super) fn section(run: &Run) -> Markup {
    let job = job_lane(&run.history, run.end_ms());
    let lanes = lanes(&run.history, run.end_ms());
    html! {
        section {
            h2 { "Timeline" }
            (both(run.end_ms(), "Timeline of kills, attempts, processes and checkpoints", |frame| draw(frame, run, &job, &lanes)))
            ul.legend {
                li { i.running {} "attempt runs" }
                li { i.restoring {} "restores" }
                li { i.down {} "killed, not yet noticed" }
                li { i.alive {} "process" }
                @if lanes.values().flatten().any(|life| !life.paused.is_empty()) { li { i.paused {} "paused" } }
                li { i.checkpoint {} "checkpoint completed" }
                li { i.aborted {} "given up" }
            }
        }
    }
}

/// What the job was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Restoring,
    Running,
    Down,
}

/// A stretch of time in the job's lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    attempt: u64,
    phase: Phase,
    from_ms: u64,
    to_ms: u64,
}

fn job_lane(history: &History, end_ms: u64) -> Vec<Stretch> {
    let mut lane: Vec<Stretch> = Vec::new();
    for (position, Entry { t_ms, event }) in history.entries.iter().enumerate() {
        let now = lane.last().map_or(0, |stretch| stretch.attempt);
        let (attempt, phase) = if let Event::Attempt { attempt } = event {
            (*attempt, Phase::Restoring)
        } else if let Event::JobRunning { attempt } = event {
            (*attempt, Phase::Running)
        } else if matches!(event, Event::Kill { .. }) && replaced_later(&history.entries[position..], now) {
            (now, Phase::Down)
        } else {
            continue;
        };
        if let Some(last) = lane.last_mut() {
            last.to_ms = *t_ms;
        }
        lane.push(Stretch { attempt, phase, from_ms: *t_ms, to_ms: end_ms });
    }
    lane
}

/// A kill only stops the job if a newer attempt follows: an idle worker's death does not.
fn replaced_later(entries: &[Entry], attempt_now: u64) -> bool {
    entries.iter().any(|entry| {
        matches!(entry.event, Event::Attempt { attempt } | Event::JobRunning { attempt } if attempt > attempt_now)
    })
}

/// A process's life.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Life {
    pid: u32,
    from_ms: u64,
    to_ms: u64,
    killed: bool,
    /// From and to.
    paused: Vec<(u64, u64)>,
}

/// A lane's name: the coordinators share one, in front; each worker's successors keep its own.
type Lane = (std::cmp::Reverse<Who>, u32);

fn lane_of(who: Who, number: u32) -> Lane {
    (std::cmp::Reverse(who), if who.is_worker() { number } else { 0 })
}

fn lanes(history: &History, end_ms: u64) -> BTreeMap<Lane, Vec<Life>> {
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
        Event::RunStarted { .. }
        | Event::Fault { .. }
        | Event::Fed { .. }
        | Event::Attempt { .. }
        | Event::JobRunning { .. }
        | Event::CheckpointTriggered { .. }
        | Event::CheckpointCompleted { .. }
        | Event::CheckpointAborted { .. }
        | Event::Visible { .. }
        | Event::JobEnded { .. }
        | Event::LeftOpen { .. }
        | Event::GaveUp { .. }
        | Event::Drained
        | Event::Note { .. } => None,
    }
}

fn draw(frame: Frame, run: &Run, job: &[Stretch], lanes: &BTreeMap<Lane, Vec<Life>>) -> (Markup, f64) {
    let job_y = KILLS_HEIGHT;
    let lanes_y = job_y + JOB_HEIGHT + GAP;
    let checkpoints_y = lanes.values().fold(lanes_y, |y, _| y + LANE_HEIGHT) + GAP;
    let bottom = checkpoints_y + LANE_HEIGHT + 2.0;
    let content = html! {
        (frame.time_axis(job_y - 4.0, bottom))
        (recovery_spans(frame, &run.recoveries, job_y, bottom))
        (name(frame, job_y + JOB_HEIGHT / 2.0, "attempts", "job"))
        @for stretch in job { (draw_stretch(frame, stretch, job_y)) }
        @for (((who, number), lives), y) in lanes.iter().zip(lane_tops(lanes_y)) {
            @if who.0.is_worker() {
                (name(frame, y + LANE_HEIGHT / 2.0, &format!("worker {number}"), &format!("w{number}")))
            } @else {
                (name(frame, y + LANE_HEIGHT / 2.0, "coordinator", "co"))
            }
            @for life in lives { (draw_life(frame, life, y)) }
        }
        (name(frame, checkpoints_y + LANE_HEIGHT / 2.0, "checkpoints", "cps"))
        (checkpoints(frame, &run.history, checkpoints_y))
        (kill_marks(frame, &run.recoveries, bottom))
    };
    (content, bottom + 22.0)
}

fn lane_tops(first: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(first), |y| Some(y + LANE_HEIGHT))
}

fn name(frame: Frame, middle: f64, wide: &str, narrow: &str) -> Markup {
    let name = if frame.narrow { narrow } else { wide };
    html! {
        text.name x=(px(frame.gutter - 8.0)) y=(px(middle)) text-anchor="end" dominant-baseline="central" { (name) }
    }
}

fn draw_stretch(frame: Frame, stretch: &Stretch, y: f64) -> Markup {
    let Stretch { attempt, phase, from_ms, to_ms } = *stretch;
    let (class, what) = match phase {
        Phase::Running => ("running", "runs"),
        Phase::Restoring => ("restoring", "restores"),
        Phase::Down => ("down", "has lost a process and has not noticed"),
    };
    let (from, to) = (frame.x(from_ms), frame.x(to_ms));
    let title = format!("attempt {attempt} {what}, {} from {}", duration(to_ms - from_ms), moment(from_ms));
    html! {
        (span(class, from, to, y, JOB_HEIGHT, &title))
        @if phase == Phase::Running && to - from > 14.0 {
            text.on-band x=(px((from + to) / 2.0)) y=(px(y + JOB_HEIGHT / 2.0)) text-anchor="middle" dominant-baseline="central" { (attempt) }
        }
    }
}

fn draw_life(frame: Frame, life: &Life, lane_y: f64) -> Markup {
    let (from, to) = (frame.x(life.from_ms), frame.x(life.to_ms));
    let end = if life.killed { "was killed" } else { "ended" };
    let title = format!(
        "process {} started at {} and {end} at {}",
        life.pid,
        moment(life.from_ms),
        moment(life.to_ms)
    );
    let middle = lane_y + LANE_HEIGHT / 2.0;
    html! {
        (span("alive", from, to, middle - 4.0, 8.0, &title))
        @for (from_ms, to_ms) in &life.paused {
            @let title = format!("process {} was paused at {} for {}", life.pid, moment(*from_ms), duration(to_ms - from_ms));
            (span("paused", frame.x(*from_ms), frame.x(*to_ms), middle - 4.0, 8.0, &title))
        }
        @if life.killed {
            path.cross d=(format!("M{x0:.1} {y0:.1}l8 8m0 -8l-8 8", x0 = to - 4.0, y0 = middle - 4.0)) {}
        }
    }
}

fn recovery_spans(frame: Frame, recoveries: &[Recovery], top: f64, bottom: f64) -> Markup {
    html! {
        @for recovery in recoveries {
            @if let Some(visible_ms) = recovery.visible_ms {
                @let total = duration(visible_ms - recovery.killed_ms);
                @let title = format!("kill {}: {total} to the first newly committed output", recovery.ordinal);
                (span("outage", frame.x(recovery.killed_ms), frame.x(visible_ms), top, bottom - top, &title))
            }
        }
    }
}

/// One tick per checkpoint, at most one per pixel and kind: a page need not hold what a screen cannot show.
fn checkpoints(frame: Frame, history: &History, y: f64) -> Markup {
    let mut drawn: BTreeMap<(bool, String), f64> = BTreeMap::new();
    for Entry { t_ms, event } in &history.entries {
        let aborted = matches!(event, Event::CheckpointAborted { .. });
        if aborted || matches!(event, Event::CheckpointCompleted { .. }) {
            let x = frame.x(*t_ms);
            drawn.insert((aborted, format!("{x:.0}")), x);
        }
    }
    html! {
        @for ((aborted, _), x) in drawn {
            @if aborted {
                (line("aborted", x, y + 1.0, x, y + LANE_HEIGHT - 1.0))
            } @else {
                (line("checkpoint", x, y + 4.0, x, y + LANE_HEIGHT - 4.0))
            }
        }
    }
}

/// A line through all lanes for each kill; its number above, where there is room.
fn kill_marks(frame: Frame, recoveries: &[Recovery], bottom: f64) -> Markup {
    let mut taken = KILL_ROWS.map(|_| f64::NEG_INFINITY);
    html! {
        @for recovery in recoveries {
            @let x = frame.x(recovery.killed_ms);
            @let free = taken.iter().position(|last| x - last > 2.0 * KILL_RADIUS + 1.0);
            (kill_mark(recovery, x, free.map(|row| { taken[row] = x; KILL_ROWS[row] }), bottom))
        }
    }
}

fn kill_mark(recovery: &Recovery, x: f64, number_y: Option<f64>, bottom: f64) -> Markup {
    let class = if recovery.confirmed { "kill" } else { "kill unconfirmed" };
    html! {
        g class=(class) {
            title {
                "kill " (recovery.ordinal) " of " (recovery.who) " " (recovery.worker) " at " (moment(recovery.killed_ms)) ", " (recovery.at)
                @if !recovery.confirmed { ", not confirmed" }
            }
            (line("", x, number_y.unwrap_or(KILL_ROWS[0]) + KILL_RADIUS, x, bottom))
            @if let Some(y) = number_y {
                circle cx=(px(x)) cy=(px(y)) r=(px(KILL_RADIUS)) {}
                text x=(px(x)) y=(px(y)) text-anchor="middle" dominant-baseline="central" { (recovery.ordinal) }
            }
        }
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

    fn kill(pid: u32) -> Event {
        Event::Kill { ordinal: 1, who: Who::Worker, worker: 0, pid, at: KillAt::Random, confirmed: true }
    }

    #[test]
    fn an_attempt_restores_runs_is_down_and_is_replaced() {
        let lane = job_lane(
            &history(&[
                (1, Event::Attempt { attempt: 1 }),
                (5, Event::JobRunning { attempt: 1 }),
                (20, kill(7)),
                (25, Event::Attempt { attempt: 2 }),
                // An idle worker dies: this attempt comes up nevertheless, and no other follows.
                (26, kill(9)),
                (28, Event::JobRunning { attempt: 2 }),
                (40, kill(8)),
            ]),
            50,
        );
        let told: Vec<_> = lane.iter().map(|s| (s.attempt, s.phase, s.from_ms, s.to_ms)).collect();
        let want = [
            (1, Phase::Restoring, 1, 5),
            (1, Phase::Running, 5, 20),
            (1, Phase::Down, 20, 25),
            (2, Phase::Restoring, 25, 28),
            // The last kill is not followed by another attempt: the job went on.
            (2, Phase::Running, 28, 50),
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn a_worker_lives_from_its_start_to_its_kill_and_again() {
        let exited = Event::WorkerExited { worker: 0, pid: 7, status: "signal 9".into() };
        let lanes = lanes(
            &history(&[
                (1, Event::WorkerStarted { worker: 0, pid: 7 }),
                (20, kill(7)),
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
                (10, Event::Paused { who, number, pid, at: crate::history::KillAt::Random }),
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
