//! The run as lanes over time: kills and other faults through all of them, the job's attempts, what each process did, checkpoints.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::bands;
use super::chart::{Frame, both, px, span, spans};
use super::job::{self, Stretch};
use super::lives::{Lane, Life, lanes};
use super::protocol::{Doings, Span};
use super::run::Run;
use super::text::{duration, moment};
use crate::history::{Event, FaultSpan, History, Recovery};

/// The numbers of kills stand in two rows, so that two kills close together keep both.
const KILL_ROWS: [f64; 2] = [30.0, 10.0];
const KILLS_HEIGHT: f64 = 46.0;
const KILL_RADIUS: f64 = 8.5;
const FAULTS_HEIGHT: f64 = 24.0;
const JOB_HEIGHT: f64 = 24.0;
/// A process's lane, without and with what the traces tell.
const LANE_HEIGHT: f64 = 20.0;
const FULL_LANE_HEIGHT: f64 = 36.0;
const GAP: f64 = 8.0;
/// With more kills than this, those without room for their number are not drawn one by one.
const KILLS_TITLED_MAX: usize = 400;
/// A lane with more processes than this has no words for each.
const LIVES_TITLED_MAX: usize = 60;

pub(super) fn section(run: &Run) -> Markup {
    let told = Told {
        job: job::lane(&run.history, run.end_ms()),
        lanes: lanes(&run.history, run.end_ms()),
        checkpoints: Checkpoints::of(&run.history, run.end_ms()),
    };
    let lives = || told.lanes.values().flatten();
    html! {
        section {
            h2 { "Timeline" }
            (both(run.end_ms(), "Timeline of faults, attempts, processes and checkpoints", |frame| draw(frame, run, &told)))
            ul.legend {
                li { i.running {} "attempt runs" }
                li { i.restoring {} "restores" }
                li { i.down {} "killed, not yet noticed" }
                li { i.alive {} "process" }
                @if lives().any(|life| !life.paused.is_empty()) { li { i.paused {} "paused" } }
                @if !run.doing.is_empty() {
                    li { i.acknowledged {} "first barrier to last acknowledgement" }
                    li { i.unheard {} "never acknowledged" }
                    li { i.open {} "transaction open" }
                    li { i.pre-committed {} "pre-committed, commit not confirmed" }
                }
                li { i.checkpoint {} "checkpoint, triggered to completed" }
                li { i.aborted {} "not completed" }
                li { i.outage-key {} "kill to first newly committed output" }
                @if !run.faults.is_empty() { li { i.fault-key {} "another fault in force" } }
            }
        }
    }
}

/// What is drawn, at any width.
struct Told {
    job: Vec<Stretch>,
    lanes: BTreeMap<Lane, Vec<Life>>,
    checkpoints: Checkpoints,
}

/// Checkpoints from their trigger to their end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Checkpoints {
    completed: Vec<Span>,
    aborted: Vec<Span>,
}

impl Checkpoints {
    fn of(history: &History, end_ms: u64) -> Self {
        let mut triggered: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        let mut all = Self::default();
        for entry in &history.entries {
            if let Event::CheckpointTriggered { attempt, id } = entry.event {
                triggered.insert((attempt, id), entry.t_ms);
            } else if let Event::CheckpointCompleted { attempt, id } = entry.event {
                let from = triggered.remove(&(attempt, id)).unwrap_or(entry.t_ms);
                all.completed.push((from, entry.t_ms));
            } else if let Event::CheckpointAborted { attempt, id, .. } = entry.event {
                let from = triggered.remove(&(attempt, id)).unwrap_or(entry.t_ms);
                all.aborted.push((from, entry.t_ms));
            } else if matches!(entry.event, Event::Attempt { .. }) {
                // Its coordinator died: nobody was there to give it up.
                all.aborted
                    .extend(std::mem::take(&mut triggered).into_values().map(|from| (from, entry.t_ms)));
            }
        }
        all.aborted.extend(triggered.into_values().map(|from| (from, end_ms)));
        all
    }
}

fn draw(frame: Frame, run: &Run, told: &Told) -> (Markup, f64) {
    let faults_y = if run.recoveries.is_empty() { 6.0 } else { KILLS_HEIGHT };
    let job_y = faults_y + if run.faults.is_empty() { 0.0 } else { FAULTS_HEIGHT };
    let lanes_y = job_y + JOB_HEIGHT + GAP;
    let tops: Vec<f64> = told
        .lanes
        .keys()
        .scan(lanes_y, |y, lane| {
            let top = *y;
            *y += lane_height(run, *lane);
            Some(top)
        })
        .collect();
    let checkpoints_y = lanes_y + told.lanes.keys().map(|lane| lane_height(run, *lane)).sum::<f64>() + GAP;
    let bottom = checkpoints_y + LANE_HEIGHT + 2.0;
    let Checkpoints { completed, aborted } = &told.checkpoints;
    let content = html! {
        (frame.time_axis(faults_y - 4.0, bottom))
        (bands::draw(frame, run, faults_y, bottom))
        @if !run.faults.is_empty() {
            (name(frame, faults_y + FAULTS_HEIGHT / 2.0 - 3.0, "other faults", "faults"))
            (fault_marks(frame, &run.faults, faults_y))
        }
        (name(frame, job_y + JOB_HEIGHT / 2.0, "attempts", "job"))
        (job::draw(frame, &told.job, job_y, JOB_HEIGHT))
        @for (((who, number), lives), y) in told.lanes.iter().zip(tops) {
            // What is left of a full lane keeps it apart from the next.
            @let drawn = if is_full(run, (*who, *number)) { FULL_LANE_HEIGHT - 6.0 } else { LANE_HEIGHT };
            @let middle = y + drawn / 2.0;
            @if who.0.is_worker() {
                (name(frame, middle, &format!("worker {number}"), &format!("w{number}")))
            } @else {
                (name(frame, middle, "coordinator", "co"))
            }
            (draw_lives(frame, run, lives, y, who.0.is_worker()))
        }
        (name(frame, checkpoints_y + LANE_HEIGHT / 2.0, "checkpoints", "cps"))
        (spans(frame, "checkpoint", completed, checkpoints_y + 5.0, LANE_HEIGHT - 10.0))
        (spans(frame, "aborted", aborted, checkpoints_y + 2.0, LANE_HEIGHT - 4.0))
        (kill_marks(frame, &run.recoveries, bottom))
    };
    (content, bottom + 22.0)
}

fn lane_height(run: &Run, lane: Lane) -> f64 {
    if is_full(run, lane) { FULL_LANE_HEIGHT } else { LANE_HEIGHT }
}

/// Whether the traces have something to tell in this lane.
fn is_full(run: &Run, (who, _): Lane) -> bool {
    who.0.is_worker() && !run.doing.is_empty()
}

fn name(frame: Frame, middle: f64, wide: &str, narrow: &str) -> Markup {
    let name = if frame.narrow { narrow } else { wide };
    html! {
        text.name x=(px(frame.gutter - 8.0)) y=(px(middle)) text-anchor="end" dominant-baseline="central" { (name) }
    }
}

/// A lane: the processes above, and beneath them their parts of checkpoints, and their transactions.
fn draw_lives(frame: Frame, run: &Run, lives: &[Life], y: f64, is_worker: bool) -> Markup {
    let full = is_worker && !run.doing.is_empty();
    let bar_y = if full { y + 2.0 } else { y + LANE_HEIGHT / 2.0 - 4.0 };
    let all = |of: fn(&Doings) -> &Vec<Span>| -> Vec<Span> {
        lives.iter().filter_map(|life| run.doing.get(&life.pid)).flat_map(of).copied().collect()
    };
    html! {
        @if lives.len() <= LIVES_TITLED_MAX {
            @for life in lives { (draw_life(frame, life, bar_y)) }
        } @else {
            (spans(frame, "alive", &lives.iter().map(|life| (life.from_ms, life.to_ms)).collect::<Vec<_>>(), bar_y, 8.0))
            (spans(frame, "paused", &lives.iter().flat_map(|life| life.paused.clone()).collect::<Vec<_>>(), bar_y, 8.0))
        }
        @if full {
            (spans(frame, "unheard", &all(|doings| &doings.unacknowledged), y + 12.0, 7.0))
            (spans(frame, "acknowledged", &all(|doings| &doings.acknowledged), y + 12.0, 7.0))
            (spans(frame, "open", &all(|doings| &doings.open), y + 21.0, 6.0))
            (spans(frame, "pre-committed", &all(|doings| &doings.pre_committed), y + 21.0, 6.0))
        }
    }
}

fn draw_life(frame: Frame, life: &Life, y: f64) -> Markup {
    let (from, to) = (frame.x(life.from_ms), frame.x(life.to_ms));
    let end = if life.killed { "killed" } else { "to" };
    let title = format!("process {}, from {} {end} {}", life.pid, moment(life.from_ms), moment(life.to_ms));
    html! {
        (span("alive", from, to, y, 8.0, &title))
        @for (from_ms, to_ms) in &life.paused {
            @let title = format!("process {} was paused at {} for {}", life.pid, moment(*from_ms), duration(to_ms - from_ms));
            (span("paused", frame.x(*from_ms), frame.x(*to_ms), y, 8.0, &title))
        }
        @if life.killed {
            path.cross d=(format!("M{x0:.1} {y:.1}l8 8m0 -8l-8 8", x0 = to - 4.0)) {}
        }
    }
}

/// A line through all lanes for each kill; its number above, where there is room.
fn kill_marks(frame: Frame, recoveries: &[Recovery], bottom: f64) -> Markup {
    let mut taken = KILL_ROWS.map(|_| f64::NEG_INFINITY);
    let all = recoveries.len() <= KILLS_TITLED_MAX;
    html! {
        @for recovery in recoveries {
            @let x = frame.x(recovery.killed_ms);
            @let free = taken.iter().position(|last| x - last > 2.0 * KILL_RADIUS + 1.0);
            @if all || free.is_some() {
                (kill_mark(recovery, x, free.map(|row| { taken[row] = x; KILL_ROWS[row] }), bottom))
            }
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
            (super::chart::line("", x, number_y.unwrap_or(KILL_ROWS[0]) + KILL_RADIUS, x, bottom))
            @if let Some(y) = number_y {
                circle cx=(px(x)) cy=(px(y)) r=(px(KILL_RADIUS)) {}
                text x=(px(x)) y=(px(y)) text-anchor="middle" dominant-baseline="central" { (recovery.ordinal) }
            }
        }
    }
}

/// A diamond where each fault struck, hollow where it missed, and its name where there is room.
fn fault_marks(frame: Frame, faults: &[FaultSpan], y: f64) -> Markup {
    let mut free_from = f64::NEG_INFINITY;
    let middle = y + FAULTS_HEIGHT / 2.0 - 3.0;
    let marked = faults.iter().filter_map(|fault| {
        let x = frame.x(fault.struck_ms.unwrap_or(fault.from_ms));
        if x < free_from {
            return None;
        }
        let label = fault.fault.replace('_', " ");
        let width = 6.2 * f64::from(u16::try_from(label.len()).unwrap_or(u16::MAX));
        let fits = !frame.narrow && x + 12.0 + width < frame.right();
        let next = faults.iter().map(|other| frame.x(other.struck_ms.unwrap_or(other.from_ms)));
        let next = next.filter(|other| *other > x).fold(f64::INFINITY, f64::min);
        let fits = fits && x + 18.0 + width < next;
        free_from = x + 4.0;
        Some((fault, x, fits.then_some(label)))
    });
    html! {
        @for (fault, x, label) in marked {
            g.fault.missed[fault.missed] {
                title { (bands::title(fault)) }
                path d=(format!("M{x:.1} {:.1}l5 5l-5 5l-5 -5Z", middle - 5.0)) {}
                @if let Some(label) = label {
                    text x=(px(x + 9.0)) y=(px(middle)) dominant-baseline="central" { (label) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Entry;

    #[test]
    fn a_checkpoint_whose_coordinator_died_ends_with_the_next_attempt() {
        let (attempt, id) = (1, 1);
        let events = [
            (10, Event::CheckpointTriggered { attempt, id }),
            (15, Event::CheckpointCompleted { attempt, id }),
            (20, Event::CheckpointTriggered { attempt, id: 2 }),
            (30, Event::Attempt { attempt: 2 }),
            (40, Event::CheckpointTriggered { attempt: 2, id: 3 }),
        ];
        let entries = events.map(|(t_ms, event)| Entry { t_ms, event }).to_vec();
        let told = Checkpoints::of(&History { entries, torn: false }, 50);
        assert_eq!(told, Checkpoints { completed: vec![(10, 15)], aborted: vec![(20, 30), (40, 50)] });
    }
}
