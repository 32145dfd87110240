//! Reads topics of benchmarks as any consumer of committed records does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::kafka::Topic;
use crate::failure::Failure;

/// A reading that gets nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// How long one wait for a record is.
const WAIT: Duration = Duration::from_millis(100);

/// A consumer of all partitions of a topic, from their first records.
pub(super) fn consumer(bootstrap: &str, topic: &Topic) -> Result<BaseConsumer, Failure> {
    let failed =
        |error: KafkaError| Failure::internal(format!("a consumer of {} can't be made: {error}", topic.name));
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "truecut-bench")
        .set("group.id", "truecut-bench")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        // An answer comes as soon as there is a record; without one, the broker holds the request for so long.
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "10")
        .create()
        .map_err(failed)?;
    let mut all = TopicPartitionList::new();
    for partition in 0..i32::from(topic.partitions) {
        all.add_partition_offset(&topic.name, partition, Offset::Beginning).map_err(failed)?;
    }
    consumer.assign(&all).map_err(failed)?;
    Ok(consumer)
}

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl<'a> Read<'a> {
    pub(super) fn of(message: &'a BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().unwrap_or_default(),
            value: message.payload().unwrap_or_default(),
        }
    }
}

/// Reads a topic from its first committed record to the end at which it rests. Blocks.
pub(super) fn read_all(
    bootstrap: &str,
    topic: &Topic,
    mut each: impl FnMut(Read<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let consumer = consumer(bootstrap, topic)?;
    let (mut ended, mut last) = (BTreeSet::new(), Instant::now());
    while ended.len() < usize::from(topic.partitions) {
        match consumer.poll(WAIT) {
            Some(Ok(message)) => {
                last = Instant::now();
                each(Read::of(&message))?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
                last = Instant::now();
            }
            Some(Err(_)) | None if last.elapsed() > SILENCE => {
                return Err(Failure::environment(format!(
                    "{} can't be read: Kafka at {bootstrap} gave nothing for {} s",
                    topic.name,
                    SILENCE.as_secs()
                )));
            }
            Some(Err(_)) | None => {}
        }
    }
    Ok(())
}
