//! Feeds the workload: in order, as fast as it is allowed to; each record once, unless a fault made Kafka take it twice. Runs in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

use crate::failure::Failure;
use crate::history::{Event, Writer};
use crate::workload::{Bids, Partitioner};

/// Records are handed over in slices of this time.
const SLICE: Duration = Duration::from_millis(10);
/// Records a second beyond what is allowed, for as long as faults go on: a job without input has nothing to lose.
const TRICKLE: u64 = 1_000;
/// How often the history is told.
const TELL: Duration = Duration::from_millis(100);

/// A running feeder. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Feeder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What is fed.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) bootstrap: String,
    pub(super) topic: String,
    pub(super) seed: u64,
    pub(super) partitions: u16,
    /// At least so many.
    pub(super) records: u64,
    /// At most so many records a second.
    pub(super) rate: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// Records that may be fed by now.
    allowed: AtomicU64,
    acknowledged: AtomicU64,
    /// There is no rate to keep any more, and nothing comes on top.
    hurry: AtomicBool,
    /// All records are fed and acknowledged.
    done: AtomicBool,
    stop: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Feeder {
    /// Starts to feed; nothing is allowed yet.
    pub(super) fn start(feed: Feed, history: Writer) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &feed.bootstrap)
            .set("client.id", "truecut-feeder")
            // Not idempotent: librdkafka's threads spin while records wait behind the five requests that such a producer may
            // have under way, and a fault that holds those back would cost the job its processors. A record that is
            // there twice is two records: what came in is read back, and not what was sent.
            .set("acks", "all")
            .set("linger.ms", "5")
            // A request to a broker that a fault has silenced is soon made again; how long a run may take is said elsewhere.
            .set("socket.timeout.ms", "10000")
            .set("message.timeout.ms", "600000");
        let producer: ThreadedProducer<Deliveries> = config
            .create_with_context(Deliveries(Arc::clone(&shared)))
            .map_err(|error| Failure::internal(format!("the feeding producer can't be made: {error}")))?;
        let worker = Arc::clone(&shared);
        let body = move || worker.run(&feed, &producer, &history);
        let thread = std::thread::Builder::new().name("feeder".into()).spawn(body);
        let thread =
            thread.map_err(|error| Failure::environment(format!("can't start a thread: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Lets so many records in all be fed.
    pub(super) fn allow(&self, records: u64) {
        self.shared.allowed.fetch_max(records, Ordering::Relaxed);
    }

    /// Lets all the rest be fed, as fast as Kafka takes it.
    pub(super) fn finish(&self) {
        self.shared.hurry.store(true, Ordering::Relaxed);
        self.allow(u64::MAX);
    }

    /// Whether all records are fed and acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.shared.done.load(Ordering::Acquire)
    }

    /// Records that Kafka has acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Acquire)
    }

    /// Why feeding can't go on, if it can't.
    pub(super) fn failure(&self) -> Option<Failure> {
        let failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failure.map(Failure::environment)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed, and shows as records that were not fed.
            drop(thread.join());
        }
    }
}

/// Kafka has acknowledged nothing for so long: nothing more is handed over, that it may not queue up.
const SILENT: Duration = Duration::from_millis(250);

impl Shared {
    fn run(&self, feed: &Feed, producer: &ThreadedProducer<Deliveries>, history: &Writer) {
        let partitioner = Partitioner::new(feed.seed, feed.partitions.into());
        let mut bids = Bids::new(feed.seed);
        let (mut sent, mut told, mut last, mut slice) = (0_u64, 0, Instant::now(), Instant::now());
        let (mut answered, mut since) = (0, Instant::now());
        while !self.is_over() {
            let hurry = self.hurry.load(Ordering::Relaxed);
            let allowed = self.allowed.load(Ordering::Relaxed).min(feed.records);
            let silent = sent > answered && since.elapsed() > SILENT;
            let until = match (hurry, sent < allowed) {
                (true, _) => feed.records,
                (false, _) if silent => sent,
                (false, true) => allowed.min(sent + quota(feed.rate, slice.elapsed())),
                (false, false) => sent + quota(TRICKLE, slice.elapsed()) * u64::from(allowed > 0),
            };
            slice = Instant::now();
            while sent < until
                && let Some(bid) = bids.next()
                && self.send(producer, &feed.topic, partitioner.partition(bid.number), &bid.key, &bid.value)
            {
                sent += 1;
            }
            let acknowledged = self.acknowledged.load(Ordering::Acquire);
            if acknowledged > answered || acknowledged == sent {
                (answered, since) = (acknowledged, Instant::now());
            }
            let is_done = hurry && sent >= feed.records && acknowledged == sent;
            if acknowledged > told && (last.elapsed() >= TELL || is_done) {
                (told, last) = (acknowledged, Instant::now());
                self.check(
                    history.record(Event::Fed { records_total: told }).map_err(|error| error.to_string()),
                );
            }
            if is_done {
                self.done.store(true, Ordering::Release);
                return;
            }
            std::thread::sleep(SLICE.saturating_sub(slice.elapsed()));
        }
    }

    /// Hands a record over; waits while the queue is full. Whether it was handed over.
    fn send(
        &self,
        producer: &ThreadedProducer<Deliveries>,
        topic: &str,
        partition: i32,
        key: &str,
        value: &str,
    ) -> bool {
        let mut record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
        while !self.is_over() {
            match producer.send(record) {
                Ok(()) => return true,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    record = unsent;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => {
                    self.check(Err(error.to_string()));
                    return false;
                }
            }
        }
        false
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn check(&self, outcome: Result<(), String>) {
        let Err(why) = outcome else { return };
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| format!("the workload can't be fed: {why}"));
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Records for a slice that came after so long: a thread that was kept waiting makes up for it, up to half a second.
fn quota(rate: u64, waited: Duration) -> u64 {
    let waited_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX).clamp(1_000, 500_000);
    rate.saturating_mul(waited_us).div_ceil(1_000_000)
}

/// Counts what Kafka acknowledged.
struct Deliveries(Arc<Shared>);

impl rdkafka::ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => drop(self.0.acknowledged.fetch_add(1, Ordering::AcqRel)),
            Err((error, _)) => self.0.check(Err(error.to_string())),
        }
    }
}
