//! Watches a running subject: where its output ends for readers of what is committed, and what it has used. It counts no records: which
//! offsets are records and which are markers of transactions is known once the output has been read.

use std::time::{Duration, Instant};

use truecut_runtime::kafka::raw::Isolation;

use super::kafka::{Ends, Kafka, Topic};
use super::processes::{Tree, Used};
use super::statistics::{Part, Visible, real};
use super::subject::Running;
use crate::failure::Failure;

/// How often Kafka is asked where the output ends: one small request.
const ENDS_EVERY: Duration = Duration::from_millis(20);
/// How often the processes are looked at.
const PROCESSES_EVERY: Duration = Duration::from_millis(250);
/// How long a subject may take until its first output.
const START_LIMIT: Duration = Duration::from_secs(90);
/// A subject whose output does not grow for so long will not go on.
const STALLED: Duration = Duration::from_secs(20);
/// Output that does not grow for so long, and for two intervals, once there may be enough of it, is complete.
const AT_REST: Duration = Duration::from_millis(700);

/// What was seen of a run.
#[derive(Debug)]
pub(super) struct Watched {
    /// Seconds since the start, and where the output ended; only where something had changed.
    pub(super) ends: Vec<(f64, Ends)>,
    /// Seconds since the start, and what was used.
    pub(super) used: Vec<(f64, Used)>,
    pub(super) tree: Tree,
    /// The same of the broker, if it is on this machine.
    broker_used: Vec<(f64, Used)>,
    broker: Option<Tree>,
    /// Why the run is over before its output may be complete.
    pub(super) gave_up: Option<String>,
}

/// Watches until the output may be complete, or the subject will not complete it.
pub(super) async fn watch(
    kafka: &Kafka,
    topic: &Topic,
    records: u64,
    interval: Duration,
    running: &mut Running,
) -> Result<Watched, Failure> {
    let started = running.started();
    let mut watched = Watched::of(running.pid(), kafka.broker());
    let (mut changed, mut looked) = (Instant::now(), None::<Instant>);
    let mut tick = tokio::time::interval(ENDS_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if looked.is_none_or(|at| at.elapsed() >= PROCESSES_EVERY) {
            looked = Some(Instant::now());
            watched.look(started);
        }
        if let Some(ends) = kafka.ends(topic, Isolation::ReadCommitted).await
            && watched.ends.last().is_none_or(|(_, last)| *last != ends)
        {
            // A topic that nobody has written to yet is no progress.
            if ends.iter().any(|end| *end > 0) {
                watched.ends.push((started.elapsed().as_secs_f64(), ends));
            }
            changed = Instant::now();
        }
        let enough = watched.total() >= records;
        if enough && changed.elapsed() >= AT_REST.max(interval * 2) {
            watched.look(started);
            return Ok(watched);
        }
        watched.gave_up = running.ended()?.or_else(|| watched.stalled(changed, started));
        if watched.gave_up.is_some() {
            watched.look(started);
            return Ok(watched);
        }
    }
}

impl Watched {
    /// Nothing yet of these processes.
    pub(super) fn of(subject: u32, broker: Option<u32>) -> Self {
        Self {
            ends: Vec::new(),
            used: Vec::new(),
            tree: Tree::of(subject),
            broker_used: Vec::new(),
            broker: broker.map(Tree::of),
            gave_up: None,
        }
    }

    fn look(&mut self, started: Instant) {
        let used = self.tree.look();
        let at = started.elapsed().as_secs_f64();
        self.used.push((at, used));
        self.broker_used.extend(self.broker.as_mut().map(|broker| (at, broker.look())));
    }

    /// Offsets of the output, markers among them.
    fn total(&self) -> u64 {
        let ends = self.ends.last().map(|(_, ends)| ends.iter().sum::<i64>());
        ends.and_then(|sum| u64::try_from(sum).ok()).unwrap_or(0)
    }

    fn stalled(&self, changed: Instant, started: Instant) -> Option<String> {
        if self.ends.is_empty() {
            let limit = START_LIMIT.as_secs();
            return (started.elapsed() > START_LIMIT).then(|| format!("no output within {limit} s"));
        }
        let limit = STALLED.as_secs();
        (changed.elapsed() > STALLED).then(|| format!("no new output for {limit} s"))
    }

    /// Records that were visible at each moment; `offsets` are those of all visible records, by partition, ascending.
    pub(super) fn visible(&self, offsets: &[Vec<i64>]) -> Vec<Visible> {
        let before = |(place, end): (usize, &i64)| {
            offsets.get(place).map_or(0, |of_one| of_one.partition_point(|offset| offset < end))
        };
        let at_moment = |(at, ends): &(f64, Ends)| {
            let records: usize = ends.iter().enumerate().map(before).sum();
            Visible { at: *at, records: u64::try_from(records).unwrap_or(u64::MAX) }
        };
        self.ends.iter().map(at_moment).collect()
    }

    /// All processor time, start included, s.
    pub(super) fn cpu_total(&self) -> f64 {
        self.used.iter().map(|(_, used)| used.cpu_seconds).fold(0.0, f64::max)
    }

    /// The most memory at a time, bytes.
    pub(super) fn peak_memory(&self) -> u64 {
        self.used.iter().map(|(_, used)| used.peak_memory).max().unwrap_or(0)
    }

    /// Processor time per million records in a part of the run, s.
    pub(super) fn cpu_per_million(&self, part: &Part) -> Option<f64> {
        per_million(&self.used, part)
    }

    /// The broker's processor time per million records in a part of the run, s.
    pub(super) fn broker_cpu_per_million(&self, part: &Part) -> Option<f64> {
        per_million(&self.broker_used, part)
    }
}

fn per_million(used: &[(f64, Used)], part: &Part) -> Option<f64> {
    let seconds = cpu_between(used, part.from.at, part.to.at)?;
    (part.records() > 0).then(|| seconds / real(part.records()) * 1e6)
}

/// Processor time used between two moments, s: what was seen, and a straight line between.
fn cpu_between(used: &[(f64, Used)], from: f64, to: f64) -> Option<f64> {
    Some(cpu_at(used, to)? - cpu_at(used, from)?)
}

fn cpu_at(used: &[(f64, Used)], at: f64) -> Option<f64> {
    let after = used.iter().position(|(seen, _)| *seen >= at)?;
    let (end, end_used) = used[after];
    let Some((start, start_used)) = after.checked_sub(1).map(|before| used[before]) else {
        return Some(end_used.cpu_seconds);
    };
    let share = if end > start { (at - start) / (end - start) } else { 1.0 };
    Some(start_used.cpu_seconds + share * (end_used.cpu_seconds - start_used.cpu_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(ends: Vec<(f64, Ends)>, used: &[(f64, f64)]) -> Watched {
        let used = used.iter().map(|&(at, cpu_seconds)| (at, Used { cpu_seconds, peak_memory: 0 }));
        Watched { ends, used: used.collect(), ..Watched::of(1, None) }
    }

    #[test]
    fn markers_are_no_progress() {
        // Offset 2 of the first partition and 1 of the second are markers.
        let offsets = [vec![0, 1, 3, 4], vec![0, 2]];
        let seen = watched(vec![(1.0, vec![3, 0]), (2.0, vec![3, 2]), (3.0, vec![6, 4])], &[]);
        let records: Vec<u64> = seen.visible(&offsets).iter().map(|visible| visible.records).collect();
        assert_eq!(records, [2, 3, 6]);
    }

    #[test]
    fn processor_time_is_taken_between_the_moments_that_count() {
        let seen = watched(Vec::new(), &[(0.0, 0.0), (1.0, 3.0), (2.0, 4.0), (3.0, 6.0)]);
        assert_eq!(cpu_between(&seen.used, 1.5, 2.5), Some(1.5));
        assert_eq!(cpu_between(&seen.used, 1.5, 9.0), None, "nobody looked then");
        let [from, to] = [(1.5, 0), (2.5, 500_000)].map(|(at, records)| Visible { at, records });
        let part = Part { from, to };
        assert_eq!(seen.cpu_per_million(&part), Some(3.0));
        assert_eq!(seen.broker_cpu_per_million(&part), None, "it is not on this machine");
        let beside = Watched { broker_used: seen.used.clone(), ..Watched::of(1, Some(2)) };
        assert_eq!((beside.cpu_per_million(&part), beside.broker_cpu_per_million(&part)), (None, Some(3.0)));
        assert_eq!(seen.cpu_total(), 6.0);
    }
}
