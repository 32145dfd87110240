//! Where the time of a checkpoint goes: of each completed checkpoint of a traced run, how long after its trigger it had come how far.
//!
//! Times are those of the machine's monotonic clock, which all processes of a run share: an input counts from when its role took it, an
//! effect from when it was performed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use truecut_core::{
    Attempt, CheckpointId, Effect, Element, Input, Message, Op, Order, Outcome, Report, Request, Slot,
    TransactionalId, Vertex,
};
use truecut_runtime::trace::{Event, Frame, Reader, RoleId};

use crate::bench::page::markdown;
use crate::chaos::{TRACES, list_traces};
use crate::coverage::save;
use crate::failure::Failure;

const PAGE: &str = "checkpoint-timing.md";
const DATA: &str = "checkpoint-timing.json";

/// How far a checkpoint has come, in the usual order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// Every source has sent its barrier on.
    BarrierSent,
    /// Every sink has its barriers from all channels, and flushes.
    FlushBegun,
    /// The state of every operator is durable.
    StateDurable,
    /// Kafka has acknowledged all records of every sink.
    Flushed,
    /// The coordinator has the acknowledgement of every subtask.
    Acknowledged,
    /// The checkpoint's own file is durable.
    Written,
    /// The head names it: it is complete, and the first subtask is told.
    Completed,
    /// Every sink has asked Kafka to commit.
    CommitAsked,
    /// Kafka has answered every commit.
    Committed,
}

impl Milestone {
    /// What a person is told.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::BarrierSent => "all sources have sent the barrier on",
            Self::FlushBegun => "all sinks have it from every channel, and flush",
            Self::StateDurable => "the state of all operators is durable",
            Self::Flushed => "Kafka has acknowledged all records",
            Self::Acknowledged => "the coordinator has all acknowledgements",
            Self::Written => "the checkpoint is written",
            Self::Completed => "the head names it: complete",
            Self::CommitAsked => "all commits are asked for",
            Self::Committed => "Kafka has answered all commits",
        }
    }
}

/// How long after the trigger, ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Half of the checkpoints took no longer.
    pub p50_ms: f64,
    /// 90 of 100.
    pub p90_ms: f64,
    /// 99 of 100; of fewer than 100 it is the longest.
    pub p99_ms: f64,
    /// The longest.
    pub longest_ms: f64,
}

impl Times {
    /// Of these, in us; none of none.
    fn of(mut us: Vec<u64>) -> Option<Self> {
        us.sort_unstable();
        let ms = |us: u64| Duration::from_micros(us).as_secs_f64() * 1e3;
        let longest_ms = ms(*us.last()?);
        let rank = |percent: usize| ms(us[(us.len() * percent).div_ceil(100) - 1]);
        Some(Self { p50_ms: rank(50), p90_ms: rank(90), p99_ms: rank(99), longest_ms })
    }
}

/// A milestone, and when it was reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// Which.
    pub milestone: Milestone,
    /// Checkpoints that reached it.
    pub checkpoints: usize,
    /// How long after the trigger.
    #[serde(flatten)]
    pub times: Times,
}

/// Where the time of the checkpoints of a run went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Completed checkpoints that count.
    pub completed: usize,
    /// What they went through, in the usual order.
    pub milestones: Vec<Reached>,
}

impl Timing {
    /// From the traces of a run: in a run directory, or in a directory of their own. Checkpoints that were triggered within `skipped`
    /// after the first one do not count.
    ///
    /// # Errors
    /// A trace can't be read.
    pub fn read(directory: &Path, skipped: Duration) -> Result<Self, Failure> {
        Ok(Checkpoints::read(directory)?.conclude(skipped))
    }

    /// As a table with its head.
    #[must_use]
    pub fn table(&self) -> Vec<Vec<String>> {
        let head = ["since the trigger, ms", "p50", "p90", "p99", "longest"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for Reached { milestone, times, .. } in &self.milestones {
            let Times { p50_ms, p90_ms, p99_ms, longest_ms } = times;
            let numbers = [p50_ms, p90_ms, p99_ms, longest_ms].map(|ms| format!("{ms:.1}"));
            rows.push(std::iter::once(milestone.told().to_owned()).chain(numbers).collect());
        }
        rows
    }

    /// Writes page and data into a directory. `command` is how it was made.
    ///
    /// # Errors
    /// They can't be written.
    pub fn write(&self, directory: &Path, command: &str) -> Result<(), Failure> {
        std::fs::create_dir_all(directory).map_err(Failure::at("make", directory))?;
        save(&directory.join(DATA), self)?;
        let text = format!(
            "# Where the time of a checkpoint goes\n\nGenerated by `{command}` from the traces of a run with {} completed checkpoints. \
             How to make such a run: [docs/benchmarks.md](../docs/benchmarks.md).\n\n{}",
            self.completed,
            markdown(&self.table())
        );
        let path = directory.join(PAGE);
        std::fs::write(&path, text).map_err(Failure::at("write", &path))
    }
}

/// A checkpoint's name; an id alone may have been given out by two coordinators.
type Name = (Attempt, CheckpointId);

/// What a role has under way: to which checkpoint an answer belongs.
#[derive(Debug, Default)]
struct UnderWay {
    /// Of the barrier that came last.
    barrier: Option<CheckpointId>,
    flushing: BTreeMap<Slot, CheckpointId>,
    committing: BTreeMap<TransactionalId, CheckpointId>,
}

/// When checkpoints had come how far, us.
#[derive(Debug, Default)]
struct Checkpoints {
    triggered: BTreeMap<Name, u64>,
    /// By all who had to reach it: the latest.
    reached: BTreeMap<Name, BTreeMap<Milestone, u64>>,
}

impl Checkpoints {
    fn read(directory: &Path) -> Result<Self, Failure> {
        let within = directory.join(TRACES);
        let directory = if within.is_dir() { within.as_path() } else { directory };
        let paths = list_traces(directory)?;
        if paths.is_empty() {
            let text =
                format!("there is no trace in {}: `run --traces DIR` writes some", directory.display());
            return Err(Failure::bad_data(text));
        }
        let bad = |error: truecut_runtime::trace::TraceError| Failure::bad_data(error.to_string());
        let mut checkpoints = Self::default();
        for path in paths {
            let reader = Reader::open(&path).map_err(bad)?;
            let mut subtask = UnderWay::default();
            let role = reader.header().role;
            for frame in reader {
                checkpoints.visit(role, &mut subtask, &frame.map_err(bad)?);
            }
        }
        Ok(checkpoints)
    }

    fn visit(&mut self, role: RoleId, under_way: &mut UnderWay, frame: &Frame) {
        match role {
            RoleId::Coordinator => self.coordinator(frame),
            RoleId::Subtask { attempt, subtask } => self.subtask(attempt, subtask.vertex, under_way, frame),
            RoleId::Worker(_) => {}
        }
    }

    fn reach(&mut self, name: Name, milestone: Milestone, at: u64) {
        let latest = self.reached.entry(name).or_default().entry(milestone).or_insert(at);
        *latest = at.max(*latest);
    }

    /// What comes later may say the same again.
    fn reach_once(&mut self, name: Name, milestone: Milestone, at: u64) {
        self.reached.entry(name).or_default().entry(milestone).or_insert(at);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no milestone")]
    fn coordinator(&mut self, frame: &Frame) {
        let at = frame.monotonic_us;
        match &frame.event {
            Event::Effect(Effect::Send { message: Message::ToSubtask { attempt, order, .. }, .. }) => {
                match order {
                    Order::Trigger { checkpoint, .. } => {
                        self.triggered.entry((*attempt, *checkpoint)).or_insert(at);
                    }
                    Order::Completed(checkpoint) => {
                        self.reach_once((*attempt, *checkpoint), Milestone::Completed, at);
                    }
                    Order::Aborted(_) => {}
                }
            }
            Event::Input {
                input:
                    Input::Message {
                        message:
                            Message::FromSubtask {
                                attempt, report: Report::Acknowledged { checkpoint, .. }, ..
                            },
                        ..
                    },
                ..
            } => self.reach((*attempt, *checkpoint), Milestone::Acknowledged, at),
            // The head that names it comes after it was written.
            Event::Effect(Effect::Start { request: Request::SwapHead { head, .. }, .. }) => {
                if let Some(latest) = head.latest {
                    self.reach_once((latest.attempt, latest.id), Milestone::Written, at);
                }
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no milestone")]
    fn subtask(&mut self, attempt: Attempt, vertex: Vertex, under_way: &mut UnderWay, frame: &Frame) {
        let at = frame.monotonic_us;
        let (checkpoint, milestone) = match &frame.event {
            Event::Effect(Effect::Emit(Element::Barrier { checkpoint, .. })) if vertex == Vertex::Source => {
                (Some(*checkpoint), Milestone::BarrierSent)
            }
            Event::Input {
                input: Input::Element { element: Element::Barrier { checkpoint, .. }, .. },
                ..
            } => {
                under_way.barrier = Some(*checkpoint);
                return;
            }
            Event::Effect(Effect::Start { request: Request::Flush(slot), .. }) => {
                under_way.flushing.extend(under_way.barrier.map(|checkpoint| (*slot, checkpoint)));
                (under_way.barrier, Milestone::FlushBegun)
            }
            Event::Effect(Effect::Start { request: Request::Commit(committable), .. }) => {
                under_way.committing.insert(committable.id, committable.checkpoint);
                (Some(committable.checkpoint), Milestone::CommitAsked)
            }
            Event::Input { input: Input::Done { op, outcome }, .. } => match (op, outcome) {
                (Op::Snapshot(checkpoint), Outcome::Snapshotted(_)) => {
                    (Some(*checkpoint), Milestone::StateDurable)
                }
                (Op::Flush(slot), Outcome::Flushed) => (under_way.flushing.remove(slot), Milestone::Flushed),
                (Op::Commit(id), Outcome::Answer(0)) => {
                    (under_way.committing.remove(id), Milestone::Committed)
                }
                _ => return,
            },
            _ => return,
        };
        if let Some(checkpoint) = checkpoint {
            self.reach((attempt, checkpoint), milestone, at);
        }
    }

    /// Only what was triggered and completed within an attempt counts: what another attempt commits is no part of its time.
    fn conclude(self, skipped: Duration) -> Timing {
        let Some(first) = self.triggered.values().min() else { return Timing::default() };
        let from = first + u64::try_from(skipped.as_micros()).unwrap_or(u64::MAX);
        let mut times: BTreeMap<Milestone, Vec<u64>> = BTreeMap::new();
        let mut completed = 0;
        for (name, triggered) in self.triggered.iter().filter(|(_, at)| **at >= from) {
            let Some(reached) =
                self.reached.get(name).filter(|reached| reached.contains_key(&Milestone::Completed))
            else {
                continue;
            };
            completed += 1;
            for (milestone, at) in reached {
                times.entry(*milestone).or_default().push(at.saturating_sub(*triggered));
            }
        }
        let milestones = times.into_iter().filter_map(|(milestone, times)| {
            Some(Reached { milestone, checkpoints: times.len(), times: Times::of(times)? })
        });
        Timing { completed, milestones: milestones.collect() }
    }
}

#[cfg(test)]
mod tests;
