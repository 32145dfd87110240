//! Every metric: its name, kind and meaning. The only such table; the documentation is compared with it.

/// Kind of a metric, in Prometheus's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, as long as its process lives.
    Counter,
    /// As it is at the moment.
    Gauge,
}

/// What is told about a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Which.
    pub metric: Metric,
    /// Its name; it ends with its unit, as Prometheus wants it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What it says, in a sentence.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($metric:ident $kind:ident $name:literal $meaning:literal)*) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric { $(#[doc = $meaning] $metric,)* }

        /// Every metric, in the order in which they are served.
        pub const METRICS: &[MetricInfo] = &[
            $(MetricInfo { metric: Metric::$metric, name: $name, kind: Kind::$kind, meaning: $meaning },)*
        ];
    };
}

metrics! {
    Attempt Gauge "truecut_attempt" "The attempt in force."
    Restarts Counter "truecut_restarts_total" "Attempts that this coordinator deployed after its first."
    Workers Gauge "truecut_workers" "Workers that are connected."
    Triggered Counter "truecut_checkpoints_triggered_total" "Checkpoints that this coordinator triggered."
    Completed Counter "truecut_checkpoints_completed_total" "Checkpoints that became complete."
    Aborted Counter "truecut_checkpoints_aborted_total" "Checkpoints that were given up."
    Duration Gauge "truecut_checkpoint_duration_seconds" "Trigger to completion of the latest complete checkpoint."
    DurationTotal Counter "truecut_checkpoint_duration_seconds_total" "The same of all complete checkpoints, added up."
    StateSize Gauge "truecut_checkpoint_state_bytes" "Files that hold the state of all operators in the latest complete checkpoint."
    InputEnd Gauge "truecut_input_end_offset" "Where the input partition ends, for a reader of committed records."
    CheckpointedOffset Gauge "truecut_checkpointed_offset" "Next offset of the partition in the latest complete checkpoint."
    Lag Gauge "truecut_lag_records" "From there to the end of the input partition: what a restart would still have to read."
    SourceOffset Gauge "truecut_source_offset" "Next offset of the partition that its source will process."
    RecordsIn Counter "truecut_records_in_total" "Records that the worker's sources took."
    BytesIn Counter "truecut_bytes_in_total" "Keys and values of these."
    RecordsOut Counter "truecut_records_out_total" "Records that the worker's sinks produced."
    BytesOut Counter "truecut_bytes_out_total" "Keys and values of these."
    OpenTransactions Gauge "truecut_transactions_open" "Transactions with records that are not flushed yet."
    PreCommitted Gauge "truecut_transactions_pre_committed" "Flushed transactions whose commit is not confirmed."
    Committed Counter "truecut_transactions_committed_total" "Transactions whose commit Kafka confirmed."
    ProducerQueue Gauge "truecut_producer_queue_records" "Records that the producer that reported last holds unacknowledged (librdkafka's msg_cnt)."
    ProducerRoundTrip Gauge "truecut_producer_round_trip_seconds" "Round trip of its last request; of librdkafka the 99th percentile of its slowest broker (rtt)."
}

impl Metric {
    /// Its place in [`METRICS`].
    #[must_use]
    pub fn place(self) -> u16 {
        let place = METRICS.iter().position(|info| info.metric == self);
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
    }
}
