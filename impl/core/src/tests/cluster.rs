//! A job in memory for one test to read: one worker at a time, two sources, one operator that counts letters, its chained
//! sink, a little Kafka and a little store. Records move only when the test says so; control messages and answers settle.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use expect_test::Expect;

use super::{In, Out, Words, job, offsets, step, text};
use crate::{
    AnyRole, Channel, Checkpoint, CheckpointName, Deployment, Described, Effect, Element, Head, HeadVersion,
    Input, Message, NextOffset, Offset, Op, Outcome, Partition, Peer, Producer, Request, Subtask, Timer,
    Token, TransactionProtocol, TransactionState, TransactionalId, Worker, WorkerId,
};

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Coordinator,
    Worker,
    Task(Subtask),
}

/// A transaction that is open or pre-committed.
struct Transaction {
    producer: Producer,
    words: Vec<String>,
}

/// The job and its world.
pub(super) struct Cluster {
    roles: BTreeMap<Who, AnyRole<String>>,
    worker: WorkerId,
    mail: VecDeque<(Who, In)>,
    channels: BTreeMap<Channel, VecDeque<Element<Words>>>,
    held: BTreeSet<(Subtask, Channel)>,
    partitions: [Vec<&'static str>; 2],
    consumers: BTreeMap<Partition, NextOffset>,
    /// The operator's state.
    counts: BTreeMap<String, u32>,
    head: Option<Head>,
    version: HeadVersion,
    checkpoints: BTreeMap<CheckpointName, Checkpoint<String>>,
    transactions: BTreeMap<TransactionalId, Transaction>,
    producers: i64,
    visible: Vec<String>,
    log: String,
}

impl Cluster {
    /// Nothing runs yet. Each partition of the input holds these letters.
    pub(super) fn new(letters: [&'static str; 2]) -> Self {
        let coordinator = crate::Coordinator::new(job(), Token::new(9), false);
        Self {
            roles: BTreeMap::from([(Who::Coordinator, AnyRole::Coordinator(coordinator))]),
            worker: WorkerId::new(0),
            mail: VecDeque::from([(Who::Coordinator, Input::Begin)]),
            channels: BTreeMap::new(),
            held: BTreeSet::new(),
            partitions: letters.map(|letters| letters.split_whitespace().collect()),
            consumers: BTreeMap::new(),
            counts: BTreeMap::new(),
            head: None,
            version: HeadVersion::new(0),
            checkpoints: BTreeMap::new(),
            transactions: BTreeMap::new(),
            producers: 0,
            visible: Vec::new(),
            log: String::new(),
        }
    }

    /// A worker with two slots registers.
    pub(super) fn join(&mut self, worker: u32) {
        self.worker = WorkerId::new(worker);
        self.roles.insert(Who::Worker, AnyRole::Worker(Worker::new()));
        self.give(Who::Coordinator, Input::WorkerJoined { worker: self.worker, slots: 2 });
    }

    /// The worker dies, with its subtasks, what they hold in memory and what is on the way.
    pub(super) fn kill(&mut self) {
        self.roles.retain(|who, _| *who == Who::Coordinator);
        self.mail.clear();
        self.channels.clear();
        self.held.clear();
        self.consumers.clear();
        self.counts.clear();
        self.give(Who::Coordinator, Input::WorkerLost(self.worker));
    }

    /// A timer of the coordinator fires.
    pub(super) fn fire(&mut self, timer: Timer) {
        self.give(Who::Coordinator, Input::Fired(timer));
    }

    /// A source reads its next letter.
    pub(super) fn fetch(&mut self, source: u16) {
        let partition = Partition::new(u32::from(source));
        let at = self.consumers.get_mut(&partition).expect("it consumes");
        let place = usize::try_from(at.get()).unwrap();
        let letter = self.partitions[usize::from(source)][place];
        let first = Offset::new(at.get());
        *at = at.next();
        let batch = Words(letter.into());
        self.give(
            Who::Task(Subtask::source(source)),
            Input::Fetched { partition, batch, first, last: first },
        );
    }

    /// A source is at the end of its bounded input.
    pub(super) fn at_end(&mut self, source: u16) {
        self.give(
            Who::Task(Subtask::source(source)),
            Input::EndOfPartition(Partition::new(u32::from(source))),
        );
    }

    /// The operator takes what is next on a channel.
    pub(super) fn take(&mut self, channel: Channel) {
        let held = [(Subtask::operator(0), channel), (Subtask::sink(0), 0)];
        assert!(held.iter().all(|held| !self.held.contains(held)), "nothing is taken from a held channel");
        let element =
            self.channels.get_mut(&channel).and_then(VecDeque::pop_front).expect("something is there");
        self.give(Who::Task(Subtask::operator(0)), Input::Element { channel, element });
    }

    /// Whether the operator holds a channel.
    pub(super) fn holds(&self, channel: Channel) -> bool {
        self.held.contains(&(Subtask::operator(0), channel))
    }

    /// Everything that is not records happens until nothing is left to happen. Checks what the roles did since last time.
    #[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
    pub(super) fn settle(&mut self, expected: Expect) {
        while let Some((who, input)) = self.mail.pop_front() {
            self.give(who, input);
        }
        expected.assert_eq(&core::mem::take(&mut self.log));
    }

    /// What a `read_committed` reader sees.
    pub(super) fn visible(&self) -> String {
        self.visible.join(" ")
    }

    fn give(&mut self, who: Who, input: In) {
        let Some(role) = self.roles.get_mut(&who) else { return };
        for effect in step(role, input) {
            self.tell(who, &effect);
            self.perform(who, effect);
        }
    }

    /// Notes an effect. Timers and what the worker passes on are left out.
    fn tell(&mut self, who: Who, effect: &Out) {
        let who = match who {
            Who::Coordinator => "coordinator".to_string(),
            Who::Worker => return,
            Who::Task(subtask) => subtask.to_string(),
        };
        if !matches!(effect, Effect::Arm(_) | Effect::Disarm(_)) {
            self.log += &format!("{who}: {}\n", text::effect(effect));
        }
    }

    fn perform(&mut self, who: Who, effect: Out) {
        match effect {
            Effect::Emit(element) => self.emit(who, element),
            Effect::Process(Words(words)) => {
                words.split_whitespace().for_each(|word| *self.counts.entry(word.into()).or_default() += 1);
                self.emit(who, Element::Batch(Words(words)));
            }
            Effect::Produce { slot, batch: Words(words), keep: _ } => {
                let mut ids = self.transactions.iter_mut().rev();
                let (_, open) = ids.find(|(id, _)| id.slot == slot).expect("its producer is initialised");
                open.words.extend(words.split_whitespace().map(String::from));
            }
            Effect::Hold(channel) => drop(self.held.insert((task(who), channel))),
            Effect::Release(channel) => drop(self.held.remove(&(task(who), channel))),
            Effect::Consume { offsets, .. } => self.consumers.extend(offsets),
            Effect::Send { to, message } => self.send(who, to, message),
            Effect::Start { op, request } => {
                let outcome = self.answer(request);
                self.mail.push_back((who, Input::Done { op, outcome }));
            }
            Effect::Launch(deployment) => self.launch(deployment),
            Effect::Stop(_) => self.roles.retain(|who, _| !matches!(who, Who::Task(_))),
            Effect::Arm(Timer::Retry(op @ Op::ListTransactions)) => {
                self.mail.push_back((who, Input::Fired(Timer::Retry(op))));
            }
            Effect::Arm(_)
            | Effect::Disarm(_)
            | Effect::CloseProducer(_)
            | Effect::Mark { .. }
            | Effect::Accept { .. }
            | Effect::Refuse { .. }
            | Effect::Disconnect(_)
            | Effect::Halt(_) => {}
        }
    }

    /// Sources feed the operator by channels, the operator its sink directly.
    fn emit(&mut self, who: Who, element: Element<Words>) {
        let from = task(who);
        if from == Subtask::operator(0) {
            self.give(Who::Task(Subtask::sink(0)), Input::Element { channel: 0, element });
        } else {
            self.channels.entry(from.index).or_default().push_back(element);
        }
    }

    fn send(&mut self, who: Who, to: Peer, message: Message<String>) {
        let (from, to) = match (who, to) {
            (_, Peer::Worker(worker)) if worker != self.worker => return, // a dead one
            (_, Peer::Worker(_)) => (Peer::Coordinator, Who::Worker),
            (_, Peer::Subtask(subtask)) => (Peer::Coordinator, Who::Task(subtask)),
            (Who::Task(subtask), Peer::Coordinator) => (Peer::Subtask(subtask), Who::Worker),
            (Who::Worker | Who::Coordinator, Peer::Coordinator) => {
                (Peer::Worker(self.worker), Who::Coordinator)
            }
        };
        self.mail.push_back((to, Input::Message { from, message }));
    }

    fn launch(&mut self, deployment: Deployment<String>) {
        let drained_at = deployment.drained_at();
        for task in deployment.tasks {
            let who = Who::Task(task.subtask);
            self.roles.insert(
                who,
                AnyRole::of_task(&job(), deployment.attempt, deployment.origin, drained_at, task),
            );
            self.mail.push_back((who, Input::Begin));
        }
    }

    fn answer(&mut self, request: Request<String>) -> Outcome<String> {
        match request {
            Request::ReadHead => Outcome::Head { version: self.version, head: self.head },
            Request::SwapHead { expected, head } => {
                assert_eq!(expected, self.version, "there is no other coordinator");
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
            Request::ResolveStart { .. } => Outcome::Offsets(offsets(&[0, 0])),
            Request::CommitOffsets(_) => Outcome::Answer(0),
            Request::Restore(state) => {
                self.counts = state.iter().flat_map(|state| state.split(' ')).map(count).collect();
                Outcome::Restored
            }
            Request::Snapshot(_) => {
                let counts: Vec<String> =
                    self.counts.iter().map(|(letter, count)| format!("{letter}:{count}")).collect();
                Outcome::Snapshotted(counts.join(" "))
            }
            Request::Flush(_) => Outcome::Flushed,
            Request::InitProducer { id, .. } => Outcome::Initialised {
                described: Described { state: TransactionState::Empty, producer: self.init(id) },
                protocol: TransactionProtocol::V1,
            },
            Request::Fence { id, .. } => {
                self.init(id);
                Outcome::Answer(0)
            }
            Request::Commit(committable) => {
                let done = self
                    .transactions
                    .get_mut(&committable.id)
                    .filter(|open| open.producer == committable.producer);
                self.visible.append(&mut done.expect("nobody fenced it").words);
                Outcome::Answer(0)
            }
            Request::ListTransactions(_) => {
                let open = self.transactions.iter().filter(|(_, transaction)| !transaction.words.is_empty());
                Outcome::Listed {
                    topic: Some(0),
                    leaderless: 0,
                    brokers: Vec::from([Some(0)]),
                    names: open.map(|(id, _)| id.render("job")).collect(),
                }
            }
            Request::Describe(_) => unreachable!("every commit is answered"),
            Request::OpenProducer(_)
            | Request::Upload { .. }
            | Request::ReadMarker(_)
            | Request::Rewrite { .. } => unreachable!("the job is exactly once, by resume"),
        }
    }

    /// InitProducerId: aborts what is open under this id.
    fn init(&mut self, id: TransactionalId) -> Producer {
        self.producers += 1;
        let producer = Producer { id: self.producers, epoch: 0 };
        self.transactions.insert(id, Transaction { producer, words: Vec::new() });
        producer
    }
}

/// Such as `A:2`.
fn count(text: &str) -> (String, u32) {
    let (letter, count) = text.split_once(':').expect("LETTER:COUNT");
    (letter.into(), count.parse().unwrap())
}

fn task(who: Who) -> Subtask {
    match who {
        Who::Task(subtask) => subtask,
        Who::Coordinator | Who::Worker => panic!("{who:?} has no channels"),
    }
}
