//! Numbers about a running job, as Prometheus reads them. Off unless the job's description names an address.
//!
//! Every process counts for itself; workers send what they have over their control connection, and the coordinator serves all of it.
//! Nothing here takes part in the protocol: [`Observer`] looks at what roles are given and give, and no role hears of it.

mod list;
mod observer;
mod serve;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use truecut_core::{Decode, Encode, Malformed, Reader};

pub use list::{Kind, METRICS, Metric, MetricInfo};
pub(crate) use observer::Observer;
pub(crate) use serve::{Board, follow_input, serve};

/// How often workers send what they have counted.
pub(crate) const INTERVAL: Duration = Duration::from_millis(500);

/// What a number is about: the metric, and the partition if it is about one.
type Key = (Metric, Option<u32>);

static ENABLED: AtomicBool = AtomicBool::new(false);
static VALUES: Mutex<BTreeMap<Key, u64>> = Mutex::new(BTreeMap::new());

/// Counts from now on.
pub(crate) fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// Whether this process counts.
pub(crate) fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

fn values() -> MutexGuard<'static, BTreeMap<Key, u64>> {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(metric: Metric, partition: Option<u32>, value: u64) {
    values().insert((metric, partition), value);
}

fn change(metric: Metric, by: impl FnOnce(u64) -> u64) {
    let mut values = values();
    let value = values.entry((metric, None)).or_default();
    *value = by(*value);
}

fn add(metric: Metric, more: u64) {
    change(metric, |value| value.saturating_add(more));
}

fn take(metric: Metric, less: u64) {
    change(metric, |value| value.saturating_sub(less));
}

/// What a librdkafka producer says of itself.
pub(crate) fn of_producer(statistics: &rdkafka::Statistics) {
    set(Metric::ProducerQueue, None, statistics.msg_cnt);
    let trips = statistics.brokers.values().filter_map(|broker| broker.rtt.as_ref());
    if let Some(slowest_us) = trips.filter_map(|trip| u64::try_from(trip.p99).ok()).max() {
        set(Metric::ProducerRoundTrip, None, slowest_us.div_ceil(1_000));
    }
}

/// Records of a producer of our own that are not acknowledged.
pub(crate) fn of_queue(records: u64) {
    set(Metric::ProducerQueue, None, records);
}

/// How long a request of a producer of our own took.
pub(crate) fn of_round_trip(took: Duration) {
    if is_enabled() {
        let millis = u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        set(Metric::ProducerRoundTrip, None, millis);
    }
}

/// One number of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Place of the metric in [`METRICS`].
    pub metric: u16,
    /// The partition that it is about, if it is about one.
    pub partition: Option<u32>,
    /// The number; milliseconds where the metric is of seconds.
    pub value: u64,
}

impl Encode for Sample {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { metric, partition, value } = self;
        metric.encode(out);
        partition.encode(out);
        value.encode(out);
    }
}

impl Decode for Sample {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let metric = Decode::decode(from)?;
        let partition = Decode::decode(from)?;
        let value = Decode::decode(from)?;
        Ok(Self { metric, partition, value })
    }
}

/// All that this process has counted.
pub(crate) fn samples() -> Vec<Sample> {
    let of =
        |(&(metric, partition), &value): (&Key, &u64)| Sample { metric: metric.place(), partition, value };
    values().iter().map(of).collect()
}
