//! Feeds records at a steady rate, and remembers when each was handed over. Runs in a thread of its own.
//!
//! It writes raw batches, one request under way to each partition, since librdkafka's producer would take a third of a processor: while its
//! five requests to a partition are under way and more is due, its thread asks again and again without waiting
//! (`rd_kafka_toppar_producer_serve` of rdkafka_broker.c, with `linger.ms=0`).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::producer::partition_of_key;
use truecut_runtime::kafka::raw::{NewRecord, NewRecords, ProducerIdentity, RawClient};

use crate::bench::input::{Recipe, Records};
use crate::bench::kafka::Topic;
use crate::failure::Failure;
use crate::wall_clock::now_ms;

/// Records are handed over in slices of this time: short beside any latency that is measured, and few enough a second that the feeding
/// leaves the processors to those who are measured.
const SLICE: Duration = Duration::from_millis(5);
/// How long Kafka may take for a record, or until it lets the feeding begin.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);
/// The pause before something is sent again.
const PAUSE: Duration = Duration::from_millis(50);
/// A batch is no longer than this, unless it is one record: after a pause of Kafka's much may wait, and topics take a batch of 1 MB.
const BATCH_BYTES_MAX: usize = 256 << 10;
/// Of Produce; brokers speak it since Kafka 2.4.
const PRODUCE_VERSION: i16 = 8;

/// A running feed. Dropping it ends it.
pub(super) struct Feed {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// When what was fed was handed over, by input partition and offset.
#[derive(Debug, Default)]
pub(super) struct Fed(HashMap<(i32, i64), Instant>);

impl Fed {
    #[cfg(test)]
    pub(super) fn of(records: impl IntoIterator<Item = ((i32, i64), Instant)>) -> Self {
        Self(records.into_iter().collect())
    }

    pub(super) fn when(&self, partition: i32, offset: i64) -> Option<Instant> {
        self.0.get(&(partition, offset)).copied()
    }

    pub(super) fn records(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    fed: Mutex<Fed>,
    failure: Mutex<Option<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    pub(super) fn start(bootstrap: &str, topic: &Topic, recipe: Recipe, rate: u64) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let feeding = Feeding {
            raw: RawClient::new(Cluster::new(bootstrap, "truecut-bench-feed")),
            topic: topic.name.as_str().into(),
            shared: Arc::clone(&shared),
        };
        let partitions = topic.partitions;
        let failed = |error| Failure::environment(format!("can't start a thread: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let body = move || {
            if let Err(why) = runtime.block_on(feeding.run(partitions, recipe, rate)) {
                feeding.shared.fail(&why);
            }
        };
        let thread = std::thread::Builder::new().name("feed".into()).spawn(body).map_err(failed)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// When what Kafka has acknowledged at this place was handed over.
    pub(super) fn when(&self, partition: i32, offset: i64) -> Option<Instant> {
        locked(&self.shared.fed).when(partition, offset)
    }

    /// Why feeding can't go on, if it can't.
    pub(super) fn failure(&self) -> Option<String> {
        locked(&self.shared.failure).clone()
    }

    /// Ends the feeding, and gives what Kafka has acknowledged.
    pub(super) fn end(mut self) -> Result<Fed, Failure> {
        self.join();
        match self.failure() {
            Some(why) => Err(Failure::environment(why)),
            None => Ok(std::mem::take(&mut *locked(&self.shared.fed))),
        }
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed, and shows as records that were not fed.
            drop(thread.join());
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn fail(&self, why: &str) {
        locked(&self.failure).get_or_insert_with(|| format!("the input can't be fed: {why}"));
    }
}

/// What the thread has.
#[derive(Clone)]
struct Feeding {
    raw: RawClient,
    topic: Arc<str>,
    shared: Arc<Shared>,
}

/// A record that was handed over.
struct HandedOver {
    key: String,
    value: Vec<u8>,
    at: Instant,
}

/// What is handed over for one partition.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<HandedOver>,
    under_way: bool,
    /// Number of the next record that is sent, as idempotence counts them.
    sequence: i32,
}

impl Lane {
    /// What is sent next, and the number of its first record; none while something is under way, or nothing waits.
    fn next(&mut self) -> Option<(i32, Vec<HandedOver>)> {
        if self.under_way {
            return None;
        }
        let mut bytes = 0;
        let fits = |record: &&HandedOver| {
            bytes += record.key.len() + record.value.len();
            bytes <= BATCH_BYTES_MAX
        };
        let fitting = self.waiting.iter().take_while(fits).count();
        let batch: Vec<_> = self.waiting.drain(..fitting.max(1).min(self.waiting.len())).collect();
        self.under_way = !batch.is_empty();
        let first = self.sequence;
        self.sequence += i32::try_from(batch.len()).expect("a batch has few records");
        self.under_way.then_some((first, batch))
    }
}

impl Feeding {
    async fn run(&self, partitions: u16, recipe: Recipe, rate: u64) -> Result<(), String> {
        let identity = self.identity().await?;
        let mut lanes: Vec<_> = (0..partitions).map(|_| Lane::default()).collect();
        let mut records = Records::of(recipe);
        let mut under_way = JoinSet::new();
        let (started, mut handed_over) = (Instant::now(), 0_u64);
        let mut slices = interval(SLICE);
        slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ending = self.shared.stop.load(Ordering::Relaxed);
            if ending && under_way.is_empty() {
                return Ok(());
            }
            tokio::select! {
                _ = slices.tick(), if !ending => {
                    let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                    // A thread that was kept waiting makes up for it: what was due then is handed over now, and counts from now.
                    let due = elapsed_us.saturating_mul(rate) / 1_000_000;
                    (handed_over..due).for_each(|_| hand_over(&mut records, &mut lanes));
                    handed_over = due;
                }
                Some(appended) = under_way.join_next() => {
                    let partition: usize = appended.map_err(|error| error.to_string())??;
                    lanes[partition].under_way = false;
                }
            }
            for (partition, lane) in lanes.iter_mut().enumerate() {
                if let Some((first, batch)) = lane.next() {
                    let feeding = self.clone();
                    under_way.spawn(async move {
                        feeding.append(partition, identity, first, &batch).await.map(|()| partition)
                    });
                }
            }
        }
    }

    /// What Kafka knows the feeding by, so that it takes a batch once however often it is sent.
    async fn identity(&self) -> Result<ProducerIdentity, String> {
        let since = Instant::now();
        loop {
            let why = match self.raw.init_producer_id(None, 0, ProducerIdentity::NOBODY).await {
                Ok(answer) if answer.error_code == 0 => return Ok(answer.identity),
                Ok(answer) => format!("Kafka answers InitProducerId with code {}", answer.error_code),
                Err(why) => why.to_string(),
            };
            again(since, why).await?;
        }
    }

    /// Sends a batch until Kafka has taken it, and notes when its records were handed over.
    async fn append(
        &self,
        partition: usize,
        identity: ProducerIdentity,
        base_sequence: i32,
        batch: &[HandedOver],
    ) -> Result<(), String> {
        let timestamp_ms = now_ms();
        let records: Vec<_> = batch
            .iter()
            .map(|HandedOver { key, value, .. }| NewRecord {
                key: Some(key.as_bytes()),
                value: Some(value),
                timestamp_ms,
            })
            .collect();
        let partition = i32::try_from(partition).map_err(|error| error.to_string())?;
        let new = NewRecords {
            topic: &self.topic,
            partition,
            identity: Some(identity),
            base_sequence,
            records: &records,
        };
        let since = Instant::now();
        let first = loop {
            let why = match self.raw.produce(None, new, PRODUCE_VERSION).await {
                Ok(appended) if appended.error_code == 0 => break appended.base_offset,
                Ok(appended) => {
                    format!(
                        "Kafka answers Produce to partition {partition} with code {}",
                        appended.error_code
                    )
                }
                Err(why) => why.to_string(),
            };
            again(since, why).await?;
        };
        let places = (first..).map(|offset| (partition, offset));
        locked(&self.shared.fed).0.extend(places.zip(batch.iter().map(|record| record.at)));
        Ok(())
    }
}

fn hand_over(records: &mut Records, lanes: &mut [Lane]) {
    let (key, value) = records.next();
    let partition = partition_of_key(key.as_bytes(), lanes.len());
    let (key, value) = (key.to_owned(), value.to_owned());
    lanes[partition].waiting.push_back(HandedOver { key, value, at: Instant::now() });
}

/// Waits before something is tried again that failed since then; the failure itself, once it took too long.
async fn again(since: Instant, why: String) -> Result<(), String> {
    if since.elapsed() > DELIVERY_LIMIT {
        return Err(why);
    }
    sleep(PAUSE).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(lengths: &[usize]) -> Lane {
        let record =
            |length: &usize| HandedOver { key: "k".into(), value: vec![0; *length], at: Instant::now() };
        Lane { waiting: lengths.iter().map(record).collect(), ..Lane::default() }
    }

    /// The number of the first record, and the length of each.
    fn sent(lane: &mut Lane) -> Option<(i32, Vec<usize>)> {
        let next = lane.next().map(|(first, batch)| (first, batch.iter().map(|r| r.value.len()).collect()));
        assert!(lane.next().is_none(), "one batch is under way at a time");
        lane.under_way = false;
        next
    }

    #[test]
    fn a_batch_is_bounded_and_records_are_numbered_on() {
        let half = BATCH_BYTES_MAX / 2 - 1;
        let mut lane = lane(&[half, half, 1, 2 * BATCH_BYTES_MAX, 3]);
        assert_eq!(sent(&mut lane), Some((0, vec![half, half])));
        assert_eq!(sent(&mut lane), Some((2, vec![1])));
        assert_eq!(sent(&mut lane), Some((3, vec![2 * BATCH_BYTES_MAX])), "one that is longer goes alone");
        assert_eq!(sent(&mut lane), Some((4, vec![3])));
        assert_eq!(sent(&mut lane), None);
    }
}
