//! The checkpoint coordinator (Flink's JobMaster): attempts and checkpoints of one job.
//!
//! The order that everything hangs on: all acknowledgements -> data durable -> head swapped (complete) -> notify.

mod attempt;
mod checkpoint;
mod lingering;
mod pending;
mod store;

use alloc::collections::{BTreeMap, VecDeque};

use crate::alphabet::{Effect, Input, Message, Op, Peer, Request, Timer};
use crate::id::{Attempt, CheckpointId, CheckpointName, HeadVersion, NextOffset, Partition, Token, WorkerId};
use crate::job::{Exchange, Job};
use crate::role::{Effects, Role};
use crate::snapshot::{Checkpoint, Head};
use attempt::Deployed;
use lingering::Lingering;
use pending::Pending;
use store::Store;

/// What the coordinator is at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase<S> {
    /// The head is being read, or the first attempt of this coordinator swapped in.
    Opening,
    /// The next attempt is being swapped in, or waits for the store to be free.
    Claiming,
    /// The latest checkpoint is being read, or the first one is being made.
    Loading,
    /// This checkpoint waits for slots.
    Placing(Checkpoint<S>),
    /// The attempt is deployed.
    Deployed(Deployed),
    /// The attempt failed; the restart timer runs.
    Backoff,
    /// It ended.
    Halted,
}

/// The coordinator of one job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinator<S> {
    job: Job,
    token: Token,
    /// Begin anew, whatever is complete; until an attempt is claimed.
    fresh: bool,
    phase: Phase<S>,
    /// The durable head, as this coordinator last read or wrote it, and its version.
    head: Option<Head>,
    version: HeadVersion,
    store: Store,
    /// Whole checkpoints that wait for the store. Invariant: all are pending.
    whole: VecDeque<Checkpoint<S>>,
    /// The next checkpoint id. Invariant: above every id that was given out.
    next: CheckpointId,
    /// Triggered and not complete. Invariant: empty unless deployed; at most as many as may be under way.
    pending: BTreeMap<CheckpointId, Pending<S>>,
    /// Of each completed checkpoint that is kept, oldest first: the oldest one whose data restoring it needs.
    retained: VecDeque<CheckpointId>,
    /// The history that the restored checkpoint belongs to.
    origin: Token,
    /// What the consumer group committed, while a job that begins there asks for the rest.
    group: Option<BTreeMap<Partition, NextOffset>>,
    /// Registered workers and their slots.
    workers: BTreeMap<WorkerId, u16>,
    lingering: Lingering,
    /// The interval passed while no checkpoint could begin.
    wanted: bool,
    /// The shortest pause after a checkpoint is not over.
    pausing: bool,
    /// The job is to end with a last checkpoint.
    stopping: bool,
    /// The last checkpoint, when it is complete.
    ended: Option<CheckpointName>,
    /// Failed checkpoints in a row.
    failures: u32,
    /// Restarts since the last completed checkpoint.
    restarts: u32,
}

impl<S: Clone> Coordinator<S> {
    /// A coordinator. `token` tells it from every other one; `fresh` begins anew, and completed checkpoints are deleted once newer ones are complete.
    pub fn new(job: Job, token: Token, fresh: bool) -> Self {
        let forwards = matches!(job.exchange, Exchange::Forward);
        assert!(!forwards || job.sources == job.operators, "forwarding is from one source to one operator");
        assert!(
            job.sources > 0 && job.operators > 0 && job.partitions > 0,
            "a job has subtasks and partitions"
        );
        let lingering = Lingering::idle(job.transaction_timeout_ms);
        Self {
            job,
            token,
            fresh,
            phase: Phase::Opening,
            head: None,
            version: Self::ABSENT,
            store: Store::Idle,
            whole: VecDeque::new(),
            next: CheckpointId::new(1),
            pending: BTreeMap::new(),
            retained: VecDeque::new(),
            origin: token,
            group: None,
            workers: BTreeMap::new(),
            lingering,
            wanted: false,
            pausing: false,
            stopping: false,
            ended: None,
            failures: 0,
            restarts: 0,
        }
    }

    /// The latest completed checkpoint.
    pub fn latest(&self) -> Option<CheckpointName> {
        self.head.and_then(|head| head.latest)
    }

    /// The attempt in force, 0 before the first.
    pub fn attempt(&self) -> Attempt {
        self.head.map_or(Attempt::new(0), |head| head.attempt)
    }

    /// Whether every subtask of the deployed attempt is ready, and the job goes on.
    pub fn is_running(&self) -> bool {
        let all = self.job.subtasks().count();
        matches!(&self.phase, Phase::Deployed(deployed) if deployed.ready.len() == all && !deployed.after_last)
    }

    fn message<B>(&mut self, worker: WorkerId, message: Message<S>, out: &mut impl Effects<B, S>) {
        if !self.workers.contains_key(&worker) {
            return; // given up for lost
        }
        match message {
            Message::Pulse => out.push(Effect::Arm(Timer::Silence(worker))),
            Message::FromSubtask { attempt, subtask, report } => {
                self.subtask_says(attempt, subtask, report, out)
            }
            Message::Deploy(_)
            | Message::Cancel(_)
            | Message::Heartbeat { .. }
            | Message::ToSubtask { .. } => {
                unreachable!("no message of a worker")
            }
        }
    }

    fn fired<B>(&mut self, timer: Timer, out: &mut impl Effects<B, S>) {
        match timer {
            Timer::Interval => self.interval(out),
            Timer::MinPause => self.min_pause_over(out),
            Timer::Expiry(id) => self.checkpoint_failed(id, crate::alphabet::Reason::Expired(id), out),
            Timer::Heartbeat => self.heartbeat(out),
            Timer::Silence(worker) => self.silent(worker, out),
            Timer::Restart => self.restart(out),
            Timer::Retry(Op::SwapHead) => self.send_swap(out),
            Timer::Retry(Op::ReadHead) => {
                out.push(Effect::Start { op: Op::ReadHead, request: Request::ReadHead })
            }
            Timer::Retry(Op::ReadCheckpoint) => {
                let latest = self.latest().expect("it was asked for");
                self.read(latest, out);
            }
            Timer::Retry(Op::ResolveStart) => self.resolve_start(out),
            Timer::Retry(op) => self.lingering.retry_fired(op, out),
        }
    }

    fn done<B>(&mut self, op: Op, outcome: crate::alphabet::Outcome<S>, out: &mut impl Effects<B, S>) {
        match op {
            Op::ReadHead => self.head_read(outcome, out),
            Op::SwapHead => self.swapped(outcome, out),
            Op::ReadCheckpoint => self.loaded(outcome, out),
            Op::WriteCheckpoint(id) => self.written(id, outcome, out),
            Op::Discard(_) | Op::DiscardBelow(_) => {}
            Op::ResolveStart => self.start_resolved(outcome, out),
            Op::ListTransactions => {
                let never = self.lingering.listed(&self.job.prefix, outcome, out);
                self.not_cleaned(never, out);
                self.finish_if_done(out);
            }
            Op::Fence(id) => {
                let never = self.lingering.fenced(id, outcome, out);
                self.not_cleaned(never, out);
            }
            Op::CommitOffsets
            | Op::Restore
            | Op::Snapshot(_)
            | Op::InitProducer(_)
            | Op::Flush(_)
            | Op::Commit(_)
            | Op::Describe(_)
            | Op::Upload(_)
            | Op::ReadMarker
            | Op::Rewrite(_) => unreachable!("no operation of a coordinator"),
        }
    }

    fn not_cleaned<B>(&mut self, reason: Option<crate::alphabet::Reason>, out: &mut impl Effects<B, S>) {
        if let Some(reason) = reason {
            let resume = self.latest();
            self.halt(crate::alphabet::Halt::Failed { reason, resume }, out);
        }
    }

    /// What must hold after every step.
    fn assert_invariants(&self) {
        assert!(
            self.pending.len() <= usize::from(self.job.settings.max_concurrent),
            "at most as many as may be under way"
        );
        assert!(self.pending.keys().all(|id| *id < self.next), "ids are given out once");
        assert!(
            self.pending.keys().all(|id| Some(*id) > self.latest().map(|name| name.id)),
            "completion is monotone"
        );
        assert!(
            self.whole.iter().all(|checkpoint| self.pending.contains_key(&checkpoint.name.id)),
            "what waits is pending"
        );
        assert!(
            self.pending.is_empty() || matches!(self.phase, Phase::Deployed(_)),
            "checkpoints are under way in a deployed attempt only"
        );
    }
}

impl<B, S: Clone> Role<B, S> for Coordinator<S> {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        if matches!(self.phase, Phase::Halted) {
            return;
        }
        match input {
            Input::Begin => {
                out.push(Effect::Arm(Timer::Heartbeat));
                out.push(Effect::Start { op: Op::ReadHead, request: Request::ReadHead });
            }
            Input::WorkerJoined { worker, slots } => self.worker_joined(worker, slots, out),
            Input::WorkerLost(worker) => self.worker_lost(worker, out),
            Input::Message { from: Peer::Worker(worker), message } => self.message(worker, message, out),
            Input::Done { op, outcome } => self.done(op, outcome, out),
            Input::Fired(timer) => self.fired(timer, out),
            Input::StopRequested => {
                self.stopping = true;
                self.trigger_if_due(out);
            }
            Input::Element { .. }
            | Input::Fetched { .. }
            | Input::EndOfPartition(_)
            | Input::FetchFailed { .. }
            | Input::LaunchFailed { .. }
            | Input::CoordinatorLost
            | Input::Message { .. }
            | Input::ChannelOffered { .. }
            | Input::ChannelBroken { .. }
            | Input::TaskFailed { .. } => unreachable!("no input of a coordinator"),
        }
        self.assert_invariants();
    }
}
