//! A whole job in memory: every role steps the real core and writes its trace; the world answers at once or later, in an
//! order that a seed draws. One worker is killed on the way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use truecut_core::{
    AnyRole, Attempt, Channel, Checkpoint, CheckpointName, CommitBy, Deployment, Described, Effect, Element,
    Exchange, Guarantee, Head, HeadVersion, Input, Isolation, Job, Message, NextOffset, Offset, Op, Outcome,
    Partition, Peer, Producer, Request, Role, Settings, StartPosition, Subtask, Timer, Token,
    TransactionProtocol, TransactionState, Vertex, WorkerId,
};

use super::random::Random;
use crate::store::{StateFile, StateHandle};
use crate::trace::{BatchDigest, Construction, Header, RoleId, Stamp, Writer};

type In = Input<BatchDigest, StateHandle>;

const INSTANCE: u64 = 77;
const PARTITIONS: u32 = 3;
const SUBTASKS: u16 = 2;
/// Inputs in all before the job is asked to stop, and the one at which a worker is killed.
const STOP_AT: u32 = 1_400;
const KILL_AT: u32 = 600;

/// A data channel.
type Queue = VecDeque<(Element<BatchDigest>, Option<Stamp>)>;

/// What a run left.
pub(super) struct Recorded {
    /// All traces.
    pub(super) paths: Vec<PathBuf>,
    /// Checkpoints that were completed.
    pub(super) completed: u64,
    /// Traces of the worker that was killed.
    pub(super) killed: usize,
}

/// Runs a job to its end and records it.
pub(super) fn record(directory: &Path, seed: u64) -> Recorded {
    let mut world = World::new(directory, seed);
    world.start(
        RoleId::Coordinator,
        &Construction::Coordinator { job: job(), token: Token::new(INSTANCE), fresh: false },
        None,
    );
    (0..2).for_each(|_| world.join());
    let mut inputs = 0;
    while !world.ended {
        inputs += 1;
        assert!(inputs < 20_000, "the job ends");
        match inputs {
            KILL_AT => world.kill(),
            STOP_AT => world.give(RoleId::Coordinator, Input::StopRequested, None),
            _ => world.step_something(),
        }
    }
    world.end()
}

fn job() -> Job {
    Job {
        topic: "bids".into(),
        partitions: PARTITIONS,
        sources: SUBTASKS,
        operators: SUBTASKS,
        exchange: Exchange::Key,
        guarantee: Guarantee::ExactlyOnce,
        commit_by: CommitBy::Resume,
        prefix: "count".into(),
        start: StartPosition::Earliest,
        isolation: Isolation::ReadCommitted,
        bounded: false,
        transaction_timeout_ms: 60_000,
        accept_loss: false,
        settings: Settings { min_pause: true, ..Settings::default() },
    }
}

/// A role that runs, and what waits for it.
struct Hosted {
    role: AnyRole<StateHandle>,
    writer: Writer,
    worker: Option<WorkerId>,
    control: VecDeque<(In, Option<Stamp>)>,
    answers: Vec<In>,
    armed: BTreeSet<Timer>,
    held: BTreeSet<Channel>,
    consuming: BTreeMap<Partition, NextOffset>,
}

struct World {
    directory: PathBuf,
    paths: Vec<PathBuf>,
    random: Random,
    roles: BTreeMap<RoleId, Hosted>,
    /// Data channels, also of subtasks that are not launched yet.
    data: BTreeMap<(RoleId, Channel), Queue>,
    workers: u32,
    version: HeadVersion,
    head: Option<Head>,
    checkpoints: BTreeMap<CheckpointName, Checkpoint<StateHandle>>,
    completed: u64,
    killed: usize,
    producers: i64,
    ended: bool,
}

/// Something that may happen to a role next.
enum Next {
    Control,
    Answer(usize),
    Fire(Timer),
    Data(Channel),
    Fetch(Partition),
}

impl World {
    fn new(directory: &Path, seed: u64) -> Self {
        Self {
            directory: directory.to_path_buf(),
            paths: Vec::new(),
            random: Random(seed),
            roles: BTreeMap::new(),
            data: BTreeMap::new(),
            workers: 0,
            version: HeadVersion::new(0),
            head: None,
            checkpoints: BTreeMap::new(),
            completed: 0,
            killed: 0,
            producers: 0,
            ended: false,
        }
    }

    fn start(&mut self, id: RoleId, construction: &Construction, worker: Option<WorkerId>) {
        let path = self.directory.join(format!("{}.trace", id.to_string().replace(' ', "-")));
        let header =
            Header { role: id, instance: INSTANCE, construction: construction.clone(), mutant: None };
        let writer = Writer::create(&path, &header).unwrap();
        self.paths.push(path);
        let hosted = Hosted {
            role: construction.build(),
            writer,
            worker,
            control: VecDeque::new(),
            answers: Vec::new(),
            armed: BTreeSet::new(),
            held: BTreeSet::new(),
            consuming: BTreeMap::new(),
        };
        assert!(self.roles.insert(id, hosted).is_none(), "{id} runs once");
        self.give(id, Input::Begin, None);
    }

    fn join(&mut self) {
        let worker = WorkerId::new(self.workers);
        self.workers += 1;
        self.start(RoleId::Worker(worker), &Construction::Worker, None);
        self.give(RoleId::Coordinator, Input::WorkerJoined { worker, slots: 1 }, None);
    }

    /// Kills the oldest worker with all its subtasks; another one joins.
    fn kill(&mut self) {
        let id = *self.roles.keys().find(|id| matches!(id, RoleId::Worker(_))).unwrap();
        let RoleId::Worker(worker) = id else { unreachable!() };
        let before = self.roles.len();
        self.roles.retain(|other, hosted| *other != id && hosted.worker != Some(worker)); // dropped, not finished
        self.killed = before - self.roles.len();
        self.give(RoleId::Coordinator, Input::WorkerLost(worker), None);
        self.join();
    }

    fn end(self) -> Recorded {
        self.roles.into_values().for_each(|hosted| hosted.writer.finish().unwrap());
        Recorded { paths: self.paths, completed: self.completed, killed: self.killed }
    }

    /// Lets one thing happen that may happen.
    fn step_something(&mut self) {
        let waiting: usize = self
            .data
            .iter()
            .filter(|((id, _), _)| self.roles.contains_key(id))
            .map(|(_, queue)| queue.len())
            .sum();
        let timers = self.random.below(12) == 0;
        let is_harmless = |timer: &Timer| !matches!(timer, Timer::Expiry(_) | Timer::Silence(_));
        let mut possible = Vec::new();
        for (id, hosted) in &self.roles {
            let control = hosted.control.front().map(|_| Next::Control);
            let answers = (0..hosted.answers.len()).map(Next::Answer);
            let timers =
                hosted.armed.iter().copied().filter(|timer| timers && is_harmless(timer)).map(Next::Fire);
            let may_come = |channel: &Channel| !hosted.held.contains(channel);
            let channels = (0..SUBTASKS)
                .filter(|channel| self.data.get(&(*id, *channel)).is_some_and(|queue| !queue.is_empty()));
            let fetches = hosted.consuming.keys().copied().filter(|_| waiting < 6).map(Next::Fetch);
            let all = control
                .into_iter()
                .chain(answers)
                .chain(timers)
                .chain(channels.filter(may_come).map(Next::Data))
                .chain(fetches);
            possible.extend(all.map(|next| (*id, next)));
        }
        if possible.is_empty() {
            return;
        }
        let index = self.random.below(possible.len());
        let (id, next) = possible.swap_remove(index);
        let batch = BatchDigest {
            records: 1 + self.random.next() % 9,
            crc: u32::try_from(self.random.next() >> 40).unwrap(),
        };
        let hosted = self.roles.get_mut(&id).unwrap();
        let (input, stamp) = match next {
            Next::Control => hosted.control.pop_front().unwrap(),
            Next::Answer(place) => (hosted.answers.swap_remove(place), None),
            Next::Fire(timer) => {
                hosted.armed.remove(&timer);
                (Input::Fired(timer), None)
            }
            Next::Data(channel) => {
                let (element, stamp) = self.data.get_mut(&(id, channel)).unwrap().pop_front().unwrap();
                (Input::Element { channel, element }, stamp)
            }
            Next::Fetch(partition) => {
                let next = hosted.consuming.get_mut(&partition).unwrap();
                let first = Offset::new(next.get());
                *next = NextOffset::new(next.get() + batch.records.cast_signed());
                (Input::Fetched { partition, batch, first, last: Offset::new(next.get() - 1) }, None)
            }
        };
        self.give(id, input, stamp);
    }

    /// Steps a role and performs its effects.
    fn give(&mut self, id: RoleId, input: In, stamp: Option<Stamp>) {
        let Some(hosted) = self.roles.get_mut(&id) else { return };
        hosted.writer.input(&input, stamp).unwrap();
        let mut effects = Vec::new();
        hosted.role.step(input, &mut effects);
        for effect in effects {
            let Some(hosted) = self.roles.get_mut(&id) else { return };
            let sequence = hosted.writer.effect(&effect).unwrap();
            self.perform(id, effect, Stamp { role: id, instance: INSTANCE, sequence });
        }
    }

    fn perform(&mut self, id: RoleId, effect: Effect<BatchDigest, StateHandle>, stamp: Stamp) {
        let hosted = self.roles.get_mut(&id).unwrap();
        match effect {
            Effect::Arm(timer) => drop(hosted.armed.insert(timer)),
            Effect::Disarm(timer) => drop(hosted.armed.remove(&timer)),
            Effect::Hold(channel) => drop(hosted.held.insert(channel)),
            Effect::Release(channel) => drop(hosted.held.remove(&channel)),
            Effect::Consume { offsets, .. } => hosted.consuming = offsets,
            Effect::Start { op, request } => {
                let outcome = self.answer(id, op, request);
                self.roles.get_mut(&id).unwrap().answers.push(Input::Done { op, outcome });
            }
            Effect::Send { to, message } => self.send(id, to, message, stamp),
            Effect::Emit(Element::Batch(batch)) => self.emit_batch(id, batch),
            Effect::Emit(element) => {
                for (to, channel) in downstream(id) {
                    self.data.entry((to, channel)).or_default().push_back((element.clone(), Some(stamp)));
                }
            }
            Effect::Process(batch) => {
                let (to, channel) = downstream(id)[0];
                self.data.entry((to, channel)).or_default().push_back((Element::Batch(batch), None));
            }
            Effect::Launch(deployment) => self.launch(id, deployment),
            Effect::Stop(attempt) => self.stop(id, attempt),
            Effect::Halt(_) => self.ended = true,
            Effect::Produce { .. }
            | Effect::CloseProducer(_)
            | Effect::Mark { .. }
            | Effect::Accept { .. }
            | Effect::Refuse { .. }
            | Effect::Disconnect(_) => {}
        }
    }

    fn send(&mut self, from: RoleId, to: Peer, message: Message<StateHandle>, stamp: Stamp) {
        let of_worker = self.roles[&from].worker;
        let attempt =
            if let Message::ToSubtask { attempt, .. } = &message { *attempt } else { Attempt::new(0) };
        let (peer, id) = match (from, to) {
            (RoleId::Coordinator, Peer::Worker(worker)) => (Peer::Coordinator, RoleId::Worker(worker)),
            (RoleId::Worker(worker), Peer::Coordinator) => (Peer::Worker(worker), RoleId::Coordinator),
            (RoleId::Worker(_), Peer::Subtask(subtask)) => {
                (Peer::Coordinator, RoleId::Subtask { attempt, subtask })
            }
            (RoleId::Subtask { subtask, .. }, Peer::Coordinator) => {
                (Peer::Subtask(subtask), RoleId::Worker(of_worker.unwrap()))
            }
            other => panic!("{other:?}"),
        };
        if let Some(receiver) = self.roles.get_mut(&id) {
            receiver.control.push_back((Input::Message { from: peer, message }, Some(stamp)));
        }
    }

    /// Partitions a batch over the operators.
    fn emit_batch(&mut self, id: RoleId, batch: BatchDigest) {
        let mut left = batch.records;
        let downstream = downstream(id);
        for (place, (to, channel)) in downstream.iter().copied().enumerate() {
            let records = if place + 1 == downstream.len() { left } else { self.random.next() % (left + 1) };
            left -= records;
            if records > 0 {
                let part = BatchDigest { records, ..batch };
                self.data.entry((to, channel)).or_default().push_back((Element::Batch(part), None));
            }
        }
    }

    fn launch(&mut self, id: RoleId, deployment: Deployment<StateHandle>) {
        let RoleId::Worker(worker) = id else { unreachable!() };
        let Deployment { attempt, restored, origin, drained, tasks, .. } = deployment;
        for task in tasks {
            let subtask = RoleId::Subtask { attempt, subtask: task.subtask };
            let drained_at = drained.then_some(restored.id);
            self.start(
                subtask,
                &Construction::Subtask { job: job(), attempt, origin, task, drained_at },
                Some(worker),
            );
        }
    }

    fn stop(&mut self, id: RoleId, attempt: Attempt) {
        let RoleId::Worker(worker) = id else { unreachable!() };
        let of = |other: &RoleId, hosted: &Hosted| {
            matches!(other, RoleId::Subtask { attempt: a, .. } if *a == attempt)
                && hosted.worker == Some(worker)
        };
        let stopped: Vec<RoleId> =
            self.roles.iter().filter(|(id, hosted)| of(id, hosted)).map(|(id, _)| *id).collect();
        for subtask in stopped {
            self.roles.remove(&subtask).unwrap().writer.finish().unwrap();
        }
    }

    fn answer(&mut self, id: RoleId, op: Op, request: Request<StateHandle>) -> Outcome<StateHandle> {
        match request {
            Request::ReadHead => Outcome::Head { version: self.version, head: self.head },
            Request::SwapHead { expected, .. } if expected != self.version => Outcome::Conflict,
            Request::SwapHead { head, .. } => {
                self.completed += u64::from(self.head.is_some_and(|before| before.latest < head.latest));
                self.version = self.version.next();
                self.head = Some(head);
                Outcome::Swapped
            }
            Request::ReadCheckpoint(name) => Outcome::Checkpoint(self.checkpoints[&name].clone()),
            Request::WriteCheckpoint(checkpoint) => {
                self.checkpoints.insert(checkpoint.name, checkpoint);
                Outcome::Written
            }
            Request::Discard(name) => {
                self.checkpoints.remove(&name);
                Outcome::Written
            }
            Request::DiscardBelow(id) => {
                self.checkpoints.retain(|name, _| name.id >= id);
                Outcome::Written
            }
            Request::ResolveStart { .. } => {
                let offsets =
                    (0..PARTITIONS).map(|partition| (Partition::new(partition), NextOffset::new(0)));
                Outcome::Offsets(offsets.collect())
            }
            Request::ListTransactions(_) => {
                let loading = self.random.below(2) == 0;
                let brokers = vec![Some(if loading { 14 } else { 0 })];
                Outcome::Listed { topic: Some(0), leaderless: 0, brokers, names: Vec::new() }
            }
            Request::CommitOffsets(_) | Request::Commit(_) | Request::Fence { .. } => {
                match self.random.below(5) {
                    0 if !matches!(op, Op::CommitOffsets) => Outcome::Unknown,
                    _ => Outcome::Answer(0),
                }
            }
            Request::Restore(_) => Outcome::Restored,
            Request::Snapshot(name) => {
                let path = format!("{id} {name}");
                let file = StateFile { path, length: name.id.get(), crc32c: 9, entries: 2 };
                Outcome::Snapshotted(StateHandle { files: vec![file] })
            }
            Request::InitProducer { .. } => {
                self.producers += 1;
                Outcome::Initialised {
                    described: Described {
                        state: TransactionState::Empty,
                        producer: Producer { id: self.producers, epoch: 0 },
                    },
                    protocol: TransactionProtocol::V1,
                }
            }
            Request::OpenProducer(_) => Outcome::Opened,
            Request::Upload { .. } => Outcome::Uploaded,
            Request::ReadMarker(_) => Outcome::Markers(Vec::new()),
            Request::Rewrite { .. } => Outcome::Flushed,
            Request::Flush(_) => Outcome::Flushed,
            Request::Describe(_) => Outcome::Unknown,
        }
    }
}

/// Where elements of a subtask go.
fn downstream(id: RoleId) -> Vec<(RoleId, Channel)> {
    let RoleId::Subtask { attempt, subtask: Subtask { vertex, index } } = id else {
        panic!("{id} emits nothing")
    };
    let to = |subtask, channel| (RoleId::Subtask { attempt, subtask }, channel);
    match vertex {
        Vertex::Source => (0..SUBTASKS).map(|operator| to(Subtask::operator(operator), index)).collect(),
        Vertex::Operator => vec![to(Subtask::sink(index), 0)],
        Vertex::Sink => Vec::new(),
    }
}
