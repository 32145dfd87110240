//! Source data: assigned partitions read from explicit offsets, as batches per partition.
//!
//! Decides how messages are gathered into batches, and that a slow receiver slows the fetch: the channel is bounded,
//! and so is librdkafka's queue behind it. Where to start, what an error means and whether an end is *the* end are
//! decided by others: no offset is ever reset, stored or committed here.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as sync_mpsc;
use std::thread;
use std::time::Duration;

use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::native::{Message, NativeConsumer};
use super::raw::{Isolation, isolation_name};
use super::settings::{client_config, failure};
use super::{Cluster, Failure};
use crate::batch::{BatchPool, RecordBatch, RecordRef};

/// librdkafka's code for "nothing more at the moment".
const PARTITION_EOF: i16 = -191;
/// How long an idle consumer sleeps before it looks for commands.
const IDLE: Duration = Duration::from_millis(20);
/// Messages taken from librdkafka at a time.
pub(crate) const TAKEN_MAX: usize = 4096;

/// How to read.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// The cluster.
    pub cluster: Cluster,
    /// A name that librdkafka insists on; the group is never joined and nothing is committed to it.
    pub group_id: String,
    /// Which records are seen.
    pub isolation: Isolation,
    /// A batch is delivered at the latest with so many records,
    pub batch_records_max: usize,
    /// or once its keys and values have so many bytes.
    pub batch_bytes_max: usize,
    /// Batches that may wait for the receiver.
    pub channel_batches: usize,
    /// Megabytes that librdkafka may hold ahead, of all partitions together.
    pub prefetch_mb: u32,
    /// Further settings in librdkafka's words.
    pub properties: Vec<(String, String)>,
}

/// A partition to read, and where from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its number.
    pub partition: i32,
    /// The offset of the first record wanted; never a negative placeholder.
    pub next_offset: i64,
}

/// What a consumer delivers. `index` is the partition's place in the assignment.
#[derive(Debug)]
pub enum Delivery {
    /// Records, each at or after the offset asked for, in offset order per partition.
    Batch(FetchedBatch),
    /// Everything readable up to here was delivered; more may come later.
    EndOfPartition {
        /// The partition.
        index: usize,
        /// The offset at which the log goes on: control markers and aborted records lie behind it.
        next_offset: i64,
    },
    /// librdkafka or a broker refused; the partition is read no further when the error is its own.
    Failed {
        /// The partition it is about, if any.
        index: Option<usize>,
        /// The raw code. -140: the offset asked for is not in the log. 3: the topic is not, or no more, there.
        failure: Failure,
    },
}

/// Records of one partition.
#[derive(Debug)]
pub struct FetchedBatch {
    /// The partition's place in the assignment.
    pub index: usize,
    /// The records; give the batch back to the pool once empty.
    pub records: RecordBatch,
    /// Offset of the first record.
    pub first: i64,
    /// Offset of the last record.
    pub last: i64,
}

/// A running consumer; ends when dropped.
pub struct Consumer {
    deliveries: mpsc::Receiver<Delivery>,
    commands: sync_mpsc::Sender<Command>,
    stop: Arc<AtomicBool>,
}

enum Command {
    Pause(Vec<usize>),
    Resume(Vec<usize>),
}

impl ConsumerSettings {
    /// Committed records of a cluster, in batches of at most 4096 records or 512 KiB.
    #[must_use]
    pub fn new(cluster: Cluster, group_id: &str) -> Self {
        Self {
            cluster,
            group_id: group_id.to_owned(),
            isolation: Isolation::ReadCommitted,
            batch_records_max: 4096,
            batch_bytes_max: 512 << 10,
            channel_batches: 4,
            prefetch_mb: 16,
            properties: Vec::new(),
        }
    }

    fn create(&self) -> Result<NativeConsumer, Failure> {
        let prefetch_kb = (self.prefetch_mb.saturating_mul(1024)).to_string();
        let fixed = [
            ("group.id", self.group_id.as_str()),
            ("isolation.level", isolation_name(self.isolation)),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("allow.auto.create.topics", "false"),
            ("queued.max.messages.kbytes", &prefetch_kb),
        ];
        let preferred = [
            ("check.crcs", "true"),
            // The defaults (1 s, 500 ms) stall a fast reader for that long.
            ("fetch.queue.backoff.ms", "2"),
            ("fetch.error.backoff.ms", "50"),
            ("reconnect.backoff.ms", "20"),
            ("reconnect.backoff.max.ms", "1000"),
            ("topic.metadata.refresh.fast.interval.ms", "20"),
            // A topic that is missing for so long is reported, at the next refresh.
            ("topic.metadata.propagation.max.ms", "10000"),
            ("topic.metadata.refresh.interval.ms", "10000"),
        ];
        let config = client_config(&self.cluster, &fixed, &preferred, &self.properties)?;
        NativeConsumer::new(&config, TAKEN_MAX)
    }
}

impl Consumer {
    /// Begins to read; batches are taken from the pool.
    ///
    /// # Errors
    /// If librdkafka refuses the settings or the assignment. Unreachable brokers are no error: it goes on trying. A topic
    /// that does not exist is a delivery (code 3), but only after many seconds; [`super::raw::RawClient::metadata`] tells
    /// before.
    pub fn start(
        settings: &ConsumerSettings,
        assignment: &[Assigned],
        pool: BatchPool,
    ) -> Result<Self, Failure> {
        let consumer = settings.create()?;
        consumer.assign(&partition_list(assignment)?).map_err(|code| refused("the assignment", code))?;
        let (sender, deliveries) = mpsc::channel(settings.channel_batches.max(1));
        let (commands, orders) = sync_mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let gatherer = Gatherer::new(settings, assignment, pool, sender);
        let (assignment, stopped) = (assignment.to_vec(), Arc::clone(&stop));
        let body = move || read(consumer, &assignment, gatherer, &orders, &stopped);
        thread::Builder::new().name("truecut-consumer".to_owned()).spawn(body).map_err(|error| Failure {
            code: -1,
            reason: format!("cannot start the consumer's thread: {error}; is there a limit of threads?"),
        })?;
        Ok(Self { deliveries, commands, stop })
    }

    /// The next delivery; `None` only after an end of the thread, which nothing but a panic causes.
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }

    /// Fetches no more of these partitions; what was fetched before is still delivered.
    pub fn pause(&self, indexes: &[usize]) {
        // Without thread there is nothing to pause; `next` says so.
        let _ = self.commands.send(Command::Pause(indexes.to_vec()));
    }

    /// Fetches these partitions again, from where they were paused.
    pub fn resume(&self, indexes: &[usize]) {
        let _ = self.commands.send(Command::Resume(indexes.to_vec()));
    }

    /// Stops reading and waits until librdkafka's client is gone.
    pub async fn close(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.deliveries.recv().await.is_some() {}
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn partition_list(assignment: &[Assigned]) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::with_capacity(assignment.len());
    for Assigned { topic, partition, next_offset } in assignment {
        list.add_partition_offset(topic, *partition, Offset::Offset(*next_offset))
            .map_err(|e| failure(&e))?;
    }
    Ok(list)
}

fn refused(what: &str, code: i16) -> Failure {
    Failure { code, reason: format!("librdkafka refuses {what}") }
}

/// The thread: takes messages, gathers them, obeys. The channel closes after the client is gone.
fn read(
    mut consumer: NativeConsumer,
    assignment: &[Assigned],
    mut gatherer: Gatherer,
    orders: &sync_mpsc::Receiver<Command>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) && !gatherer.closed {
        for order in orders.try_iter() {
            if let Err(failure) = obey(&consumer, assignment, &order) {
                gatherer.send(Delivery::Failed { index: None, failure });
            }
        }
        let taken = consumer.take(Duration::ZERO, |message| gatherer.add(message));
        let waiting = gatherer.deliver_without_waiting();
        if taken == 0 && waiting {
            gatherer.deliver_one();
        } else if taken == 0 {
            consumer.take(IDLE, |message| gatherer.add(message));
        }
        for failure in consumer.errors() {
            gatherer.send(Delivery::Failed { index: None, failure });
        }
    }
    drop(consumer);
}

fn obey(consumer: &NativeConsumer, assignment: &[Assigned], order: &Command) -> Result<(), Failure> {
    let list = |indexes: &[usize]| {
        let mut list = TopicPartitionList::with_capacity(indexes.len());
        for Assigned { topic, partition, .. } in indexes.iter().filter_map(|index| assignment.get(*index)) {
            list.add_partition(topic, *partition);
        }
        list
    };
    match order {
        Command::Pause(indexes) => consumer.pause(&list(indexes)).map_err(|code| refused("to pause", code)),
        Command::Resume(indexes) => {
            consumer.resume(&list(indexes)).map_err(|code| refused("to resume", code))
        }
    }
}

/// Batches being filled, one per partition.
struct Gatherer {
    partitions: HashMap<(Box<str>, i32), usize>,
    filling: Vec<Option<RecordBatch>>,
    /// Indexes of `filling` that hold records, oldest first.
    pending: Vec<usize>,
    records_max: usize,
    bytes_max: usize,
    pool: BatchPool,
    out: mpsc::Sender<Delivery>,
    closed: bool,
    /// The partition of the message before; runs of one partition are long.
    last: (*const c_void, i32, usize),
}

// SAFETY: the pointer in `last` is compared, never followed.
unsafe impl Send for Gatherer {}

impl Gatherer {
    fn new(
        settings: &ConsumerSettings,
        assignment: &[Assigned],
        pool: BatchPool,
        out: mpsc::Sender<Delivery>,
    ) -> Self {
        let key = |assigned: &Assigned| (Box::from(&*assigned.topic), assigned.partition);
        Self {
            partitions: assignment.iter().map(key).zip(0..).collect(),
            filling: assignment.iter().map(|_| None).collect(),
            pending: Vec::with_capacity(assignment.len()),
            records_max: settings.batch_records_max,
            bytes_max: settings.batch_bytes_max,
            pool,
            out,
            closed: false,
            last: (ptr::null(), -1, 0),
        }
    }

    fn add(&mut self, message: Message<'_>) {
        let index = self.index(message);
        match (message.code(), index) {
            (0, Some(index)) => self.add_record(index, message),
            (PARTITION_EOF, Some(index)) => {
                self.deliver(index);
                self.send(Delivery::EndOfPartition { index, next_offset: message.offset() });
            }
            (code, index) => {
                if let Some(index) = index {
                    self.deliver(index);
                }
                let said = message.value().map(String::from_utf8_lossy).unwrap_or_default();
                let (topic, partition) = (message.topic(), message.partition());
                let reason = format!("{topic}-{partition} at offset {}: {said}", message.offset());
                self.send(Delivery::Failed { index, failure: Failure { code, reason } });
            }
        }
    }

    fn index(&mut self, message: Message<'_>) -> Option<usize> {
        let (topic, partition) = (message.topic_handle(), message.partition());
        if (topic, partition) == (self.last.0, self.last.1) {
            return Some(self.last.2);
        }
        let index = *self.partitions.get(&(Box::from(message.topic()), partition))?;
        self.last = (topic, partition, index);
        Some(index)
    }

    fn add_record(&mut self, index: usize, message: Message<'_>) {
        if self.filling[index].is_none() {
            self.pending.push(index);
        }
        let batch = self.filling[index].get_or_insert_with(|| self.pool.take());
        batch.push(RecordRef {
            key: message.key(),
            value: message.value(),
            timestamp_ms: message.timestamp_ms(),
            partition: message.partition(),
            offset: message.offset(),
        });
        if batch.len() >= self.records_max || batch.byte_len() >= self.bytes_max {
            self.deliver(index);
        }
    }

    /// Sends a partition's batch, waiting for room: here a slow receiver stops the fetch.
    fn deliver(&mut self, index: usize) {
        self.pending.retain(|pending| *pending != index);
        if let Some(batch) = self.filling[index].take() {
            self.send(delivery(index, batch));
        }
    }

    fn deliver_one(&mut self) {
        if let Some(index) = self.pending.first() {
            self.deliver(*index);
        }
    }

    /// Sends what there is room for. What stays, grows meanwhile; says whether anything stays.
    fn deliver_without_waiting(&mut self) -> bool {
        while let Some(index) = self.pending.first().copied() {
            match self.out.try_reserve() {
                Ok(room) => {
                    if let Some(batch) = self.filling[index].take() {
                        room.send(delivery(index, batch));
                    }
                    self.pending.remove(0);
                }
                Err(mpsc::error::TrySendError::Full(())) => return true,
                Err(mpsc::error::TrySendError::Closed(())) => {
                    self.closed = true;
                    return false;
                }
            }
        }
        false
    }

    fn send(&mut self, delivery: Delivery) {
        self.closed |= self.out.blocking_send(delivery).is_err();
    }
}

fn delivery(index: usize, records: RecordBatch) -> Delivery {
    let offset = |place: usize| records.get(place).expect("a batch that is delivered has records").offset;
    let (first, last) = (offset(0), offset(records.len() - 1));
    Delivery::Batch(FetchedBatch { index, records, first, last })
}
