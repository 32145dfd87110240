//! Feeds records at a steady rate, and remembers when each was handed over. Runs in a thread of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use crate::bench::input::{Recipe, Records, producer_config};
use crate::failure::Failure;

/// Records are handed over in slices of this time: short beside any latency that is measured, and few enough a second that the feeding
/// leaves the processors to those who are measured.
const SLICE: Duration = Duration::from_millis(5);
/// So long of each slice deliveries are heard. librdkafka waits in whole milliseconds: what is left of one it spends in a loop.
const HEAR: Duration = Duration::from_micros(100);
/// How long the last deliveries may take.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);

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
    pub(super) fn start(bootstrap: &str, topic: &str, recipe: Recipe, rate: u64) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let producer: BaseProducer<Deliveries> = producer_config(bootstrap)
            // What is handed over in one slice leaves at once, in few requests. To wait for more, librdkafka would spin.
            .set("linger.ms", "0")
            .create_with_context(Deliveries(Arc::clone(&shared)))
            .map_err(|error| Failure::internal(format!("the feeding producer can't be made: {error}")))?;
        let (worker, topic) = (Arc::clone(&shared), topic.to_owned());
        let body = move || worker.run(&producer, &topic, recipe, rate);
        let thread = std::thread::Builder::new().name("feed".into()).spawn(body);
        let thread =
            thread.map_err(|error| Failure::environment(format!("can't start a thread: {error}")))?;
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
    fn run(&self, producer: &BaseProducer<Deliveries>, topic: &str, recipe: Recipe, rate: u64) {
        let mut records = Records::of(recipe);
        let (started, mut sent) = (Instant::now(), 0_u64);
        while !self.stop.load(Ordering::Relaxed) {
            let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            // A thread that was kept waiting makes up for it: what was due then is handed over now, and counts from now.
            let due = elapsed_us.saturating_mul(rate) / 1_000_000;
            while sent < due {
                let (key, value) = records.next();
                let record = BaseRecord::with_opaque_to(topic, Box::new(Instant::now()));
                if let Err((error, _)) = producer.send(record.key(key).payload(value)) {
                    return self.fail(&error.to_string());
                }
                sent += 1;
            }
            producer.poll(HEAR);
            std::thread::sleep(SLICE);
        }
        let since = Instant::now();
        while producer.in_flight_count() > 0 && since.elapsed() < DELIVERY_LIMIT {
            producer.poll(SLICE);
        }
        if producer.in_flight_count() > 0 {
            self.fail("Kafka does not acknowledge the last records");
        }
    }

    fn fail(&self, why: &str) {
        locked(&self.failure).get_or_insert_with(|| format!("the input can't be fed: {why}"));
    }
}

/// Notes where each record landed. The opaque is when it was handed over.
struct Deliveries(Arc<Shared>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Instant>;

    fn delivery(&self, result: &DeliveryResult<'_>, handed_over: Box<Instant>) {
        match result {
            Ok(message) => {
                let place = (message.partition(), message.offset());
                locked(&self.0.fed).0.insert(place, *handed_over);
            }
            Err((error, _)) => self.0.fail(&error.to_string()),
        }
    }
}
