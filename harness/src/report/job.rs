//! What the job was doing: which attempt restored, ran, or had lost a process.

use maud::{Markup, html};

use super::chart::{Frame, px, span, spans};
use super::text::{duration, moment};
use crate::history::{Entry, Event, History};

/// What the job was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Restoring,
    Running,
    Down,
}

/// More stretches than this have no words of their own.
const TITLED_MAX: usize = 300;

/// A stretch of time in the job's lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    attempt: u64,
    phase: Phase,
    from_ms: u64,
    to_ms: u64,
}

pub(super) fn lane(history: &History, end_ms: u64) -> Vec<Stretch> {
    let last = history.entries.iter().filter_map(|entry| attempt_of(&entry.event)).max().unwrap_or(0);
    let mut lane: Vec<Stretch> = Vec::new();
    for Entry { t_ms, event } in &history.entries {
        let now = lane.last().map_or(0, |stretch| stretch.attempt);
        let (attempt, phase) = if let Event::Attempt { attempt } = event {
            (*attempt, Phase::Restoring)
        } else if let Event::JobRunning { attempt } = event {
            (*attempt, Phase::Running)
        } else if matches!(event, Event::Kill { .. }) && last > now {
            // A kill only stops the job if a newer attempt follows: an idle worker's death does not.
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

fn attempt_of(event: &Event) -> Option<u64> {
    if let Event::Attempt { attempt } | Event::JobRunning { attempt } = event { Some(*attempt) } else { None }
}

pub(super) fn draw(frame: Frame, lane: &[Stretch], y: f64, height: f64) -> Markup {
    let of = |phase| -> Vec<(u64, u64)> {
        let of_phase = lane.iter().filter(|stretch| stretch.phase == phase);
        of_phase.map(|stretch| (stretch.from_ms, stretch.to_ms)).collect()
    };
    html! {
        @if lane.len() <= TITLED_MAX {
            @for stretch in lane { (one(frame, stretch, y, height)) }
        } @else {
            (spans(frame, "running", &of(Phase::Running), y, height))
            (spans(frame, "restoring", &of(Phase::Restoring), y, height))
            (spans(frame, "down", &of(Phase::Down), y, height))
        }
    }
}

fn one(frame: Frame, stretch: &Stretch, y: f64, height: f64) -> Markup {
    let Stretch { attempt, phase, from_ms, to_ms } = *stretch;
    let (class, what) = match phase {
        Phase::Running => ("running", "runs"),
        Phase::Restoring => ("restoring", "restores"),
        Phase::Down => ("down", "has lost a process and has not noticed"),
    };
    let (from, to) = (frame.x(from_ms), frame.x(to_ms));
    let title = format!("attempt {attempt} {what}, {} from {}", duration(to_ms - from_ms), moment(from_ms));
    html! {
        (span(class, from, to, y, height, &title))
        @if phase == Phase::Running && to - from > 18.0 {
            text.on-band x=(px((from + to) / 2.0)) y=(px(y + height / 2.0)) text-anchor="middle" dominant-baseline="central" { (attempt) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{KillAt, Who};

    fn kill(pid: u32) -> Event {
        Event::Kill { ordinal: 1, who: Who::Worker, worker: 0, pid, at: KillAt::Random, confirmed: true }
    }

    #[test]
    fn an_attempt_restores_runs_is_down_and_is_replaced() {
        let events = [
            (1, Event::Attempt { attempt: 1 }),
            (5, Event::JobRunning { attempt: 1 }),
            (20, kill(7)),
            (25, Event::Attempt { attempt: 2 }),
            // An idle worker dies: this attempt comes up nevertheless, and no other follows.
            (26, kill(9)),
            (28, Event::JobRunning { attempt: 2 }),
            (40, kill(8)),
        ];
        let entries = events.map(|(t_ms, event)| Entry { t_ms, event }).to_vec();
        let lane = lane(&History { entries, torn: false }, 50);
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
}
