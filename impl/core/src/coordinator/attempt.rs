//! Attempts: claimed durably before anything is restored, deployed on worker slots, cancelled as a whole.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use crate::alphabet::{Deployment, Effect, Halt, Message, Op, Outcome, Peer, Reason, Request, Task, Timer};
use crate::coordinator::{Coordinator, Phase};
use crate::id::{Attempt, CheckpointName, HeadVersion, NextOffset, Partition, Subtask, Vertex, WorkerId};
use crate::job::{Position, StartPosition, owner_of_partition};
use crate::kafka::{Meaning, meaning};
use crate::role::Effects;
use crate::snapshot::{Checkpoint, Head, Snapshot};

/// An attempt that is deployed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Deployed {
    /// The worker that hosts each slot.
    pub(super) placement: Vec<WorkerId>,
    /// Subtasks that are ready.
    pub(super) ready: BTreeSet<Subtask>,
    /// Source subtasks that read their bounded input to the end.
    pub(super) at_end: BTreeSet<u16>,
    /// Sink subtasks that confirmed every commit of the last checkpoint.
    pub(super) drained: BTreeSet<u16>,
    /// The job had ended at the restored checkpoint.
    pub(super) after_last: bool,
}

impl<S: Clone> Coordinator<S> {
    /// The head was read: claim the next attempt.
    pub(super) fn opened<B>(
        &mut self,
        version: HeadVersion,
        head: Option<Head>,
        out: &mut impl Effects<B, S>,
    ) {
        assert!(matches!(self.phase, Phase::Opening), "the head is opened until it is claimed");
        if head.is_some_and(|head| head.token > self.token) {
            return self.halt(Halt::Superseded, out); // it began after this one, and took over before this one did anything
        }
        self.learn(version, head);
        self.claim(out);
    }

    /// The head is that of another coordinator. `fresh` leaves the completed checkpoints behind.
    pub(super) fn learn(&mut self, version: HeadVersion, head: Option<Head>) {
        assert!(head.is_some() == (version > Self::ABSENT), "an absent head has version 0");
        self.version = version;
        if head.is_some() {
            self.lingering.haunt(); // the coordinator before may live, and its workers
        }
        self.next = head.map_or(self.next, |head| self.next.max(head.next));
        self.head = head.map(|head| Head { latest: head.latest.filter(|_| !self.fresh), ..head });
    }

    /// Swaps in the next attempt, so that a late or unknown write of an older one fails.
    pub(super) fn claim<B>(&mut self, out: &mut impl Effects<B, S>) {
        let attempt = self.head.map_or(Attempt::new(1), |head| head.attempt.next());
        let latest = self.head.and_then(|head| head.latest);
        self.swap(Head { token: self.token, attempt, latest, next: self.next }, None, out);
    }

    /// The attempt is ours: only now is the latest checkpoint read.
    pub(super) fn claimed<B>(&mut self, head: Head, out: &mut impl Effects<B, S>) {
        let is_none = matches!(self.phase, Phase::Opening | Phase::Claiming);
        assert!(is_none, "an attempt is claimed when there is none");
        self.phase = Phase::Loading;
        self.fresh = false; // what is complete from now on is its own
        match head.latest {
            Some(name) => self.read(name, out),
            None => self.resolve_start(out),
        }
    }

    pub(super) fn read<B>(&self, name: CheckpointName, out: &mut impl Effects<B, S>) {
        out.push(Effect::Start { op: Op::ReadCheckpoint, request: Request::ReadCheckpoint(name) });
    }

    /// Asks where to begin: at the group's offsets first, if the job wants them and they are not known yet.
    pub(super) fn resolve_start<B>(&self, out: &mut impl Effects<B, S>) {
        let position = match self.job.start {
            StartPosition::GroupOrEarliest | StartPosition::GroupOrLatest if self.group.is_none() => {
                Position::Committed
            }
            StartPosition::Earliest | StartPosition::GroupOrEarliest => Position::Earliest,
            StartPosition::Latest | StartPosition::GroupOrLatest => Position::Latest,
        };
        let request = Request::ResolveStart { position, isolation: self.job.isolation };
        out.push(Effect::Start { op: Op::ResolveStart, request });
    }

    /// Where a job begins is its first checkpoint: no later attempt resolves it again (FLINK-28303).
    pub(super) fn start_resolved<B>(&mut self, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        match outcome {
            Outcome::Offsets(offsets) => self.start_known(offsets, out),
            Outcome::Answer(code) if meaning(code) == Meaning::Retry => {
                out.push(Effect::Arm(Timer::Retry(Op::ResolveStart)))
            }
            Outcome::Unknown => out.push(Effect::Arm(Timer::Retry(Op::ResolveStart))),
            other => self.halt_unexpected(Op::ResolveStart, other, out),
        }
    }

    /// The group's offsets go before the fallback, which is asked for where the group has committed nothing.
    fn start_known<B>(&mut self, offsets: BTreeMap<Partition, NextOffset>, out: &mut impl Effects<B, S>) {
        let is_fallback = match self.job.start {
            StartPosition::GroupOrEarliest | StartPosition::GroupOrLatest => self.group.is_some(),
            StartPosition::Earliest | StartPosition::Latest => true,
        };
        let mut known = offsets;
        known.extend(self.group.take().unwrap_or_default());
        if (0..self.job.partitions).map(Partition::new).eq(known.keys().copied()) {
            let checkpoint = self.initial(&known);
            self.store(checkpoint, out);
        } else if is_fallback {
            let detail = format!(
                "topic {} has other partitions than when the job began; run it again",
                self.job.topic
            );
            self.halt_unexpected(Op::ResolveStart, Outcome::Failed { detail }, out);
        } else {
            self.group = Some(known);
            self.resolve_start(out);
        }
    }

    fn initial(&mut self, offsets: &BTreeMap<Partition, NextOffset>) -> Checkpoint<S> {
        let partitions = (0..self.job.partitions).map(Partition::new);
        assert!(partitions.eq(offsets.keys().copied()), "every partition of the topic was resolved");
        let mut owned: BTreeMap<u16, BTreeMap<Partition, NextOffset>> = BTreeMap::new();
        for (partition, next) in offsets {
            let owner = owner_of_partition(&self.job.topic, *partition, self.job.sources);
            owned.entry(owner).or_default().insert(*partition, *next);
        }
        let part = |subtask: Subtask| match subtask.vertex {
            Vertex::Source => Snapshot::Source(owned.get(&subtask.index).cloned().unwrap_or_default()),
            Vertex::Operator => Snapshot::Operator(None),
            Vertex::Sink => Snapshot::Sink(Vec::new()),
        };
        let snapshots = self.job.subtasks().map(|subtask| (subtask, part(subtask))).collect();
        let name = self.give_out_name();
        Checkpoint { name, origin: self.token, last: false, snapshots }
    }

    /// The latest checkpoint was read. One that can't be read stops the job: an older one would repeat output (FLINK-7783).
    pub(super) fn loaded<B>(&mut self, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        let checkpoint = match outcome {
            Outcome::Checkpoint(checkpoint) => checkpoint,
            Outcome::Unknown => return out.push(Effect::Arm(Timer::Retry(Op::ReadCheckpoint))),
            other => return self.halt_unexpected(Op::ReadCheckpoint, other, out),
        };
        let head = self.head.expect("the attempt is claimed");
        assert!(head.latest == Some(checkpoint.name), "the latest checkpoint was asked for");
        if !self.job.subtasks().eq(checkpoint.snapshots.keys().copied()) {
            let detail = format!(
                "checkpoint {} was taken with another parallelism than {} sources and {} operators; run it with the one it was taken with, or start fresh",
                checkpoint.name, self.job.sources, self.job.operators
            );
            let reason = Reason::Environment { op: Op::ReadCheckpoint, detail };
            return self.halt(Halt::Failed { reason, resume: head.latest }, out);
        }
        if self.retained.is_empty() {
            self.retained.push_back(checkpoint.needs());
        }
        self.origin = checkpoint.origin;
        self.lingering.begin(head.attempt, &checkpoint, out);
        self.phase = Phase::Placing(checkpoint);
        self.place(out);
    }

    /// Deploys when the workers have slots enough.
    pub(super) fn place<B>(&mut self, out: &mut impl Effects<B, S>) {
        let Phase::Placing(checkpoint) = &self.phase else { return };
        let Some(placement) = placement(&self.workers, self.job.slots()) else { return };
        let attempt = self.attempt();
        let after_last = self.ended == Some(checkpoint.name);
        let mut tasks: BTreeMap<WorkerId, Vec<Task<S>>> = BTreeMap::new();
        for (slot, worker) in (0..).zip(&placement) {
            for subtask in self.job.subtasks_of_slot(slot) {
                let restore =
                    checkpoint.snapshots.get(&subtask).expect("the checkpoint has every subtask").clone();
                tasks.entry(*worker).or_default().push(Task { subtask, restore });
            }
        }
        for (worker, tasks) in tasks {
            let placement = placement.clone();
            let deployment = Deployment {
                attempt,
                restored: checkpoint.name,
                origin: checkpoint.origin,
                drained: after_last,
                tasks,
                placement,
            };
            out.push(Effect::Send { to: Peer::Worker(worker), message: Message::Deploy(deployment) });
        }
        self.phase = Phase::Deployed(Deployed {
            placement,
            ready: BTreeSet::new(),
            at_end: BTreeSet::new(),
            drained: BTreeSet::new(),
            after_last,
        });
    }

    /// Ends the attempt everywhere; all subtasks restart from the latest completed checkpoint.
    pub(super) fn fail_attempt<B>(&mut self, reason: Reason, out: &mut impl Effects<B, S>) {
        if !matches!(self.phase, Phase::Deployed(_)) {
            return;
        }
        self.restarts += 1;
        if self.restarts > self.job.settings.max_restarts {
            let resume = self.latest();
            return self.halt(Halt::Failed { reason, resume }, out);
        }
        self.cancel(out);
        self.phase = Phase::Backoff;
        out.push(Effect::Arm(Timer::Restart));
    }

    pub(super) fn restart<B>(&mut self, out: &mut impl Effects<B, S>) {
        assert!(matches!(self.phase, Phase::Backoff), "a restart follows a failure");
        self.phase = Phase::Claiming;
        self.idle(out);
    }

    /// Abandons what is under way. A swap that was started is not: its checkpoint may be complete already.
    pub(super) fn cancel<B>(&mut self, out: &mut impl Effects<B, S>) {
        let Phase::Deployed(deployed) = &self.phase else { return };
        let workers: BTreeSet<WorkerId> = deployed.placement.iter().copied().collect();
        let attempt = self.attempt();
        for worker in workers.into_iter().filter(|worker| self.workers.contains_key(worker)) {
            out.push(Effect::Send { to: Peer::Worker(worker), message: Message::Cancel(attempt) });
        }
        for id in core::mem::take(&mut self.pending).into_keys() {
            out.push(Effect::Disarm(Timer::Expiry(id)));
            if !self.store.is_completing(id) {
                self.discard(id, out);
            }
        }
        self.whole.clear();
        self.wanted = false;
        out.push(Effect::Disarm(Timer::Interval));
    }

    pub(super) fn halt<B>(&mut self, halt: Halt, out: &mut impl Effects<B, S>) {
        self.cancel(out);
        self.phase = Phase::Halted;
        out.push(Effect::Halt(halt));
    }

    pub(super) fn halt_unexpected<B>(&mut self, op: Op, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        let reason = crate::operator::unexpected(op, outcome);
        let resume = self.latest();
        self.halt(Halt::Failed { reason, resume }, out);
    }

    pub(super) fn worker_joined<B>(&mut self, worker: WorkerId, slots: u16, out: &mut impl Effects<B, S>) {
        let before = self.workers.insert(worker, slots);
        assert!(before.is_none(), "each incarnation of a worker has its own id");
        out.push(Effect::Arm(Timer::Silence(worker)));
        self.place(out);
    }

    pub(super) fn worker_lost<B>(&mut self, worker: WorkerId, out: &mut impl Effects<B, S>) {
        if self.workers.remove(&worker).is_none() {
            return;
        }
        out.push(Effect::Disarm(Timer::Silence(worker)));
        if matches!(&self.phase, Phase::Deployed(deployed) if deployed.placement.contains(&worker)) {
            self.fail_attempt(Reason::WorkerLost(worker), out);
        }
    }
}

/// Spreads slots: each goes to the worker with most free ones, the lowest id first. `None` if there are too few.
fn placement(workers: &BTreeMap<WorkerId, u16>, slots: u16) -> Option<Vec<WorkerId>> {
    let mut free = workers.clone();
    let mut placement = Vec::new();
    for _ in 0..slots {
        let (worker, left) =
            free.iter_mut().max_by_key(|(worker, left)| (**left, core::cmp::Reverse(**worker)))?;
        *left = left.checked_sub(1)?;
        placement.push(*worker);
    }
    Some(placement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spread_over_the_workers() {
        let workers = |slots: &[u16]| (0..).map(WorkerId::new).zip(slots.iter().copied()).collect();
        let ids = |ids: &[u32]| Some(ids.iter().copied().map(WorkerId::new).collect());
        assert_eq!(placement(&workers(&[2, 2]), 3), ids(&[0, 1, 0]));
        assert_eq!(placement(&workers(&[1, 3]), 4), ids(&[1, 1, 0, 1]));
        assert_eq!(placement(&workers(&[1, 1]), 3), None);
        assert_eq!(placement(&workers(&[]), 1), None);
    }
}
