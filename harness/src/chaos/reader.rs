//! Reads topics as any consumer of committed records does: live, to see when output becomes visible, and once more at the
//! end, from the first record to the last, for the oracle.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::kafka_log::checksum;
use super::records::{Kept, Writer};
use crate::failure::Failure;
use crate::history;

/// How often the visible records are told.
const SAMPLE: Duration = Duration::from_millis(50);
/// A read back that gets nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// A consumer of all partitions, from their first records.
fn consumer(bootstrap: &str, topic: &str, partitions: u16) -> Result<BaseConsumer, Failure> {
    let failed =
        |error: KafkaError| Failure::internal(format!("a consumer of {topic} can't be made: {error}"));
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "truecut-reader")
        .set("group.id", "truecut-reader")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.max.messages.kbytes", "16384");
    let consumer: BaseConsumer = config.create().map_err(failed)?;
    let mut all = TopicPartitionList::new();
    for partition in 0..i32::from(partitions) {
        all.add_partition_offset(topic, partition, Offset::Beginning).map_err(failed)?;
    }
    consumer.assign(&all).map_err(failed)?;
    Ok(consumer)
}

/// Counts visible output records as they come, and keeps their checksums in a file. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Sampler {
    visible: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    pub(super) fn start(
        bootstrap: &str,
        topic: &str,
        partitions: u16,
        history: history::Writer,
        path: &Path,
    ) -> Result<Self, Failure> {
        let consumer = consumer(bootstrap, topic, partitions)?;
        let file = Writer::create(path)?;
        let (visible, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over) = (Arc::clone(&visible), Arc::clone(&stop));
        let body = move || sample(&consumer, &count, &over, &history, file);
        let thread = std::thread::Builder::new().name("sampler".into()).spawn(body);
        let thread =
            thread.map_err(|error| Failure::environment(format!("can't start a thread: {error}")))?;
        Ok(Self { visible, stop, thread: Some(thread) })
    }

    /// Output records seen so far.
    pub(super) fn visible(&self) -> u64 {
        self.visible.load(Ordering::Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed, and shows as output that was not seen.
            drop(thread.join());
        }
    }
}

fn sample(
    consumer: &BaseConsumer,
    visible: &AtomicU64,
    stop: &AtomicBool,
    history: &history::Writer,
    mut file: Writer,
) {
    let (mut seen, mut told, mut next) = (0_u64, 0, Instant::now() + SAMPLE);
    let mut kept = Ok(());
    while !stop.load(Ordering::Relaxed) {
        // Errors pass or show as missing output; another reading is compared with the input.
        if let Some(Ok(message)) = consumer.poll(next.saturating_duration_since(Instant::now())) {
            seen += 1;
            let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
            let checksum = checksum(key, value).to_le_bytes();
            let (partition, offset) = (message.partition(), message.offset());
            kept = kept.and_then(|()| file.push(Kept { partition, offset, key: &[], value: &checksum }));
        }
        if Instant::now() >= next {
            next = Instant::now() + SAMPLE;
            visible.store(seen, Ordering::Relaxed);
            if seen != told && history.record(history::Event::Visible { records_total: seen }).is_ok() {
                told = seen;
            }
        }
    }
    // Without its name the file is no evidence, and the oracle that wants it says so.
    drop(kept.and_then(|()| file.finish()));
}

/// What is kept of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of it.
    Value,
    /// Its CRC-32C.
    Checksum,
}

/// Reads a topic from its first committed record to the end at which it rests, into a file. Blocks.
pub(super) fn read_back(
    bootstrap: &str,
    topic: &str,
    partitions: u16,
    keep: Keep,
    path: &Path,
) -> Result<u64, Failure> {
    let consumer = consumer(bootstrap, topic, partitions)?;
    let mut file = Writer::create(path)?;
    let (mut ended, mut records, mut last) = (BTreeSet::new(), 0, Instant::now());
    while ended.len() < usize::from(partitions) {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let value = message.payload().unwrap_or_default();
                let checksum = crc32c::crc32c(value).to_le_bytes();
                let value = if keep == Keep::Value { value } else { &checksum };
                let (partition, offset) = (message.partition(), message.offset());
                file.push(Kept { partition, offset, key: message.key().unwrap_or_default(), value })?;
                (records, last) = (records + 1, Instant::now());
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
                last = Instant::now();
            }
            Some(Err(error)) if last.elapsed() > SILENCE => {
                return Err(Failure::environment(format!(
                    "{topic} can't be read back from Kafka at {bootstrap}: {error}"
                )));
            }
            None if last.elapsed() > SILENCE => {
                let seconds = SILENCE.as_secs();
                let text =
                    format!("{topic} can't be read back: Kafka at {bootstrap} gave nothing for {seconds} s");
                return Err(Failure::environment(text));
            }
            Some(Err(_)) | None => {}
        }
    }
    file.finish()?;
    Ok(records)
}
