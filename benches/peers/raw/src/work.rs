//! One thread: its partitions, its producer, one transaction after another.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::Failure;
use crate::function::Task;
use crate::native::{Queue, Topic};
use crate::properties::{Guarantee, Properties};

/// Messages taken at a time.
const BATCH: usize = 2_000;
/// How long to wait for room in a full queue; waiting for 1 ms instead costs switches between threads.
const ROOM: Duration = Duration::from_millis(10);
/// How long Kafka may take for anything.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest wait for input.
const WAIT: Duration = Duration::from_millis(50);

/// Makes clients one at a time: many at once find the group's coordinator still being elected.
static STARTING: Mutex<()> = Mutex::new(());

/// Works until it is to stop.
pub(crate) fn run(properties: &Properties, thread: u16, stop: &AtomicBool) -> Result<(), Failure> {
    let consumer = consumer(properties, thread)?;
    let producer = producer(properties, thread)?;
    let exactly_once = properties.guarantee == Guarantee::ExactlyOnce;
    if exactly_once {
        producer.init_transactions(LIMIT)?;
        producer.begin_transaction()?;
    }
    let topic = Topic::of(&producer, &properties.output)?;
    let mut queue = Queue::of(&consumer, BATCH)?;
    let mut task = Task::new(properties.function);
    let mut next = BTreeMap::<i32, i64>::new();
    let mut due = Instant::now() + properties.interval;
    while !stop.load(Ordering::Relaxed) {
        let wait = due.saturating_duration_since(Instant::now()).min(WAIT);
        queue.take(wait, |record| {
            next.insert(record.partition, record.offset + 1);
            let value = task.process(record)?;
            while !topic.send(record.key, value)? {
                producer.poll(ROOM);
            }
            Ok(())
        })?;
        if Instant::now() >= due {
            end(properties, &consumer, &producer, &topic, &mut next)?;
            if let Some((_, why)) = producer.client().fatal_error() {
                return Err(why.into());
            }
            due = Instant::now() + properties.interval;
        }
    }
    end(properties, &consumer, &producer, &topic, &mut next)?;
    if exactly_once {
        // The last one is empty.
        producer.abort_transaction(LIMIT)?;
    } else if !topic.flush(LIMIT) {
        return Err("Kafka does not acknowledge the last records".into());
    }
    Ok(())
}

/// Ends an interval: what was read in it is done with.
fn end(
    properties: &Properties,
    consumer: &BaseConsumer,
    producer: &BaseProducer,
    topic: &Topic<'_>,
    next: &mut BTreeMap<i32, i64>,
) -> Result<(), Failure> {
    if next.is_empty() {
        return Ok(());
    }
    let mut offsets = TopicPartitionList::new();
    for (partition, offset) in std::mem::take(next) {
        offsets.add_partition_offset(&properties.input, partition, Offset::Offset(offset))?;
    }
    if properties.guarantee == Guarantee::None {
        consumer.commit(&offsets, CommitMode::Async)?;
        return Ok(());
    }
    if !topic.flush(LIMIT) {
        return Err("Kafka does not acknowledge records".into());
    }
    if properties.guarantee == Guarantee::AtLeastOnce {
        consumer.commit(&offsets, CommitMode::Sync)?;
        return Ok(());
    }
    let group = consumer.group_metadata().ok_or("the consumer has no group")?;
    producer.send_offsets_to_transaction(&offsets, &group, LIMIT)?;
    producer.commit_transaction(LIMIT)?;
    producer.begin_transaction()?;
    Ok(())
}

/// A consumer of every partition whose turn is this thread's, from the first record.
fn consumer(properties: &Properties, thread: u16) -> Result<BaseConsumer, Failure> {
    let _one_at_a_time = STARTING.lock();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &properties.bootstrap)
        .set("client.id", format!("{}-{thread}", properties.name))
        .set("group.id", &properties.name)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("queued.max.messages.kbytes", "65536")
        // A full queue is looked at again soon, not after a second.
        .set("fetch.queue.backoff.ms", "2")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(&properties.input), LIMIT)?;
    let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
    if partitions.is_empty() {
        return Err(format!("the topic {} does not exist", properties.input).into());
    }
    let mut mine = TopicPartitionList::new();
    for partition in partitions.iter().map(|partition| partition.id()) {
        if partition % i32::from(properties.parallelism) == i32::from(thread) {
            mine.add_partition_offset(&properties.input, partition, Offset::Beginning)?;
        }
    }
    consumer.assign(&mine)?;
    Ok(consumer)
}

fn producer(properties: &Properties, thread: u16) -> Result<BaseProducer, Failure> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &properties.bootstrap)
        .set("client.id", format!("{}-{thread}", properties.name))
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("delivery.report.only.error", "true")
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "131072")
        .set("topic.metadata.refresh.fast.interval.ms", "10")
        .set("retry.backoff.ms", "5")
        .set("reconnect.backoff.ms", "5");
    if properties.guarantee == Guarantee::ExactlyOnce {
        config
            .set("transactional.id", format!("{}-{thread}", properties.name))
            .set("transaction.timeout.ms", "60000");
    }
    Ok(config.create()?)
}
