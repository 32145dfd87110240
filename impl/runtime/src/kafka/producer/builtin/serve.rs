//! The task that serves one producer: takes records, gathers and sends them, and steps its [`Delivery`] with what comes back.

mod answers;
mod send;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use truecut_core::delivery::{Delivery, Effect, IN_FLIGHT_MAX, Input};

use super::encode::OpenBatch;
use super::gather::{Gathering, Place};
use super::requests::{self, Event, Parcel};
use super::{Compression, Factory, Writer};
use crate::batch::{BatchPool, RecordBatch};
use crate::kafka::Failure;
use crate::kafka::producer::{Command, Flushed, ProducerSettings};
use crate::metrics;

/// UNKNOWN_TOPIC_OR_PARTITION
const NO_PARTITION: i16 = 3;
/// The pause before something is tried again, at first.
const PAUSE: Duration = Duration::from_millis(5);
/// It doubles with each failure in a row, so often.
const DOUBLINGS_MAX: u32 = 4;

/// A batch that can be sent, and sent again.
pub(super) struct Encoded {
    pub(super) bytes: Bytes,
    records: u32,
    /// Bytes of all such batches of the producer.
    held: Arc<AtomicUsize>,
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// Records that can't be gathered before it is known where their topic's partitions are.
struct Stalled {
    topic: usize,
    batch: RecordBatch,
    /// Those before it are gathered.
    from: usize,
    /// It was looked up for their sake: what is not there now is not there.
    looked_up: bool,
}

/// One producer.
pub(super) struct Serving {
    factory: Arc<Factory>,
    writer: Writer,
    pool: BatchPool,
    compression: Compression,
    linger: Duration,
    linger_bytes: usize,
    request_bytes: usize,
    buffer_bytes: usize,
    acknowledge_within: Duration,
    delivery: Delivery<Place, Arc<Encoded>>,
    gathering: Gathering,
    stalled: Option<Stalled>,
    /// When open batches are closed, if there are any.
    closes_at: Option<Instant>,
    held: Arc<AtomicUsize>,
    /// Batches without a way yet, in order.
    outbox: VecDeque<Parcel>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    locating: BTreeSet<usize>,
    connecting: BTreeSet<i32>,
    under_way: HashMap<i32, usize>,
    flushes: VecDeque<oneshot::Sender<Result<Flushed, Failure>>>,
    failures: u32,
    failed: Option<Failure>,
    /// Records that are not acknowledged.
    unacknowledged: u64,
}

impl Serving {
    pub(super) fn new(
        factory: Arc<Factory>,
        settings: &ProducerSettings,
        pool: BatchPool,
        writer: Writer,
    ) -> Self {
        let megabytes = usize::try_from(settings.buffer_mb.max(1)).unwrap_or(usize::MAX);
        Self {
            delivery: Delivery::new(writer.protocol, IN_FLIGHT_MAX),
            factory,
            writer,
            pool,
            compression: settings.compression,
            linger: settings.linger,
            linger_bytes: settings.linger_bytes,
            request_bytes: settings.request_bytes,
            buffer_bytes: megabytes.saturating_mul(1 << 20),
            acknowledge_within: settings.cluster.request_timeout / 2,
            gathering: Gathering::new(settings.batch_bytes.min(settings.request_bytes)),
            stalled: None,
            closes_at: None,
            held: Arc::default(),
            outbox: VecDeque::new(),
            events: FuturesUnordered::new(),
            locating: BTreeSet::new(),
            connecting: BTreeSet::new(),
            under_way: HashMap::new(),
            flushes: VecDeque::new(),
            failures: 0,
            failed: None,
            unacknowledged: 0,
        }
    }

    /// Serves until the handle is dropped; what was not flushed by then is sent or not.
    pub(super) async fn serve(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let takes = self.takes();
            let closes_at = self.closes_at;
            tokio::select! {
                command = commands.recv(), if takes => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                Some(event) = self.events.next(), if !self.events.is_empty() => self.happened(event),
                () = async { sleep_until(closes_at.unwrap_or_else(Instant::now)).await }, if closes_at.is_some() => {
                    self.close();
                }
            }
            self.gather_stalled();
            while self.send() {}
            if metrics::is_enabled() {
                metrics::of_queue(self.unacknowledged);
            }
            if !takes && commands.is_closed() {
                return;
            }
        }
    }

    /// Whether there is room for more.
    fn takes(&self) -> bool {
        let bytes = self.held.load(Ordering::Relaxed) + self.gathering.bytes();
        self.stalled.is_none() && bytes < self.buffer_bytes
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Produce { topic, batch } => {
                let topic = self.gathering.topic(&topic);
                self.gather(Stalled { topic, batch, from: 0, looked_up: false });
            }
            Command::Flush(done) => {
                self.close();
                self.flushes.push_back(done);
                self.step(Input::Flush);
            }
            Command::Next => self.step(Input::Ended),
        }
    }

    fn gather(&mut self, stalled: Stalled) {
        let Stalled { topic, batch, from, looked_up } = stalled;
        if self.delivery.failed().is_some() {
            return self.pool.give(batch);
        }
        if self.gathering.topics[topic].known.is_none() {
            self.stalled = Some(Stalled { topic, batch, from, looked_up });
            return self.locate(topic);
        }
        let now_ms = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis());
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        let mut full = Vec::new();
        let added = self.gathering.add(topic, &batch, from, now_ms, |to, open| full.push((to, open)));
        full.into_iter().for_each(|(to, open)| self.deliver(to, open));
        if self.gathering.bytes() >= self.linger_bytes {
            self.close();
        } else if self.gathering.bytes() > 0 {
            self.closes_at.get_or_insert_with(|| Instant::now() + self.linger);
        }
        match added {
            Ok(()) => self.pool.give(batch),
            Err(at) if looked_up => {
                let partition = batch.get(at).map_or(-1, |record| record.partition);
                let name = &self.gathering.topics[topic].name;
                let reason = format!("there is no partition {partition} in topic {name}");
                self.refuse(Failure { code: NO_PARTITION, reason });
            }
            // It may have been added since.
            Err(at) => {
                self.forget(topic);
                self.stalled = Some(Stalled { topic, batch, from: at, looked_up: true });
                self.locate(topic);
            }
        }
    }

    /// What waits only for knowledge that has come is gathered.
    fn gather_stalled(&mut self) {
        while let Some(stalled) =
            self.stalled.take_if(|stalled| self.gathering.topics[stalled.topic].known.is_some())
        {
            self.gather(stalled);
        }
    }

    /// Closes all open batches.
    fn close(&mut self) {
        self.closes_at = None;
        let mut closed = Vec::new();
        self.gathering.close(|to, open| closed.push((to, open)));
        closed.into_iter().for_each(|(to, open)| self.deliver(to, open));
    }

    fn deliver(&mut self, to: Place, open: OpenBatch) {
        if self.delivery.failed().is_some() {
            return;
        }
        let records = open.records();
        let first = self.delivery.next_sequence(to);
        match open.seal(self.writer.author(), first, self.compression) {
            Ok(bytes) => {
                self.held.fetch_add(bytes.len(), Ordering::Relaxed);
                self.unacknowledged += u64::from(records);
                let batch = Arc::new(Encoded { bytes, records, held: Arc::clone(&self.held) });
                self.step(Input::Batch { to, records, batch });
            }
            Err(failure) => self.refuse(failure),
        }
    }

    fn refuse(&mut self, failure: Failure) {
        let code = failure.code;
        self.step_told(Input::Refused(code), Some(failure));
    }

    fn step(&mut self, input: Input<Place, Arc<Encoded>>) {
        self.step_told(input, None);
    }

    /// Steps the delivery; `said` is what a person should know if it fails by this.
    fn step_told(&mut self, input: Input<Place, Arc<Encoded>>, said: Option<Failure>) {
        let mut effects = Vec::new();
        self.delivery.step(input, &mut effects);
        if let Some(code) = self.delivery.failed()
            && self.failed.is_none()
        {
            let told = said.filter(|said| said.code == code);
            let reason = || format!("Kafka answered {code}");
            self.failed = Some(told.unwrap_or_else(|| Failure { code, reason: reason() }));
            self.outbox.clear();
            self.unacknowledged = 0;
        }
        effects.into_iter().for_each(|effect| self.perform(effect));
    }

    fn perform(&mut self, effect: Effect<Place, Arc<Encoded>>) {
        match effect {
            Effect::Add(partitions) => {
                let topics = &self.gathering.topics;
                self.events.push(requests::add(&self.factory, &self.writer, topics, partitions));
            }
            Effect::Produce { to, first, batch } => self.outbox.push_back(Parcel { to, first, batch }),
            Effect::Arm(timer) => {
                let pause = PAUSE * 2_u32.pow(self.failures.min(DOUBLINGS_MAX));
                self.events.push(Box::pin(async move {
                    sleep(pause).await;
                    Event::Fired(timer)
                }));
            }
            Effect::Flushed { records } => self.answer_flush(Ok(Flushed { records })),
            Effect::Failed(code) => {
                let unknown = || Failure { code, reason: "not delivered".to_owned() };
                self.answer_flush(Err(self.failed.clone().unwrap_or_else(unknown)));
            }
        }
    }

    fn answer_flush(&mut self, result: Result<Flushed, Failure>) {
        if let Some(done) = self.flushes.pop_front() {
            // Whoever asked may have gone; then nobody needs the answer.
            let _ = done.send(result);
        }
    }

    /// What was known of the topic is no longer so.
    fn forget(&mut self, topic: usize) {
        let topic = &mut self.gathering.topics[topic];
        if let Some(stale) = topic.known.take() {
            self.factory.topics.forget(&topic.name, &stale);
        }
    }

    fn locate(&mut self, topic: usize) {
        let name = &self.gathering.topics[topic].name;
        if let Some(known) = self.factory.topics.remembered(name) {
            self.gathering.topics[topic].known = Some(known);
        } else if self.locating.insert(topic) {
            self.events.push(requests::locate(&self.factory, topic, name));
        }
    }
}
