//! The bound of a worker's memory: what it may hold while Kafka takes nothing from its sinks. `docs/memory.md` says what enforces each term.
//!
//! Adds up what others enforce, by the constants and settings that they enforce it with, and enforces nothing itself. Leaves out what
//! is the job's own: the state of its function, and the outputs that the log sink keeps for a checkpoint.

use crate::batch::ENTRY_BYTES;
use crate::config::JobConfig;
use crate::credit::CREDITS;
use crate::exchange::{BATCH_BYTES, BATCH_RECORDS};
use crate::kafka::Cluster;
use crate::kafka::consumer::{ConsumerSettings, TAKEN_MAX};
use crate::kafka::producer::REQUESTS_MAX;
use crate::task::DELIVERIES;
use crate::trace::WINDOW_MAX;
use crate::worker::{POOLED_BATCHES, POOLED_BYTES};

/// librdkafka's `queued.min.messages`, which is left at its default: with so many records it fetches no more.
const QUEUED_RECORDS: u64 = 100_000;
/// librdkafka's `fetch.message.max.bytes` and `fetch.max.bytes`, at their defaults: what one answer may add to a queue that had room.
const FETCHED_OF_PARTITION: u64 = 1 << 20;
const FETCHED_AT_ONCE: u64 = 50 << 20;
/// What librdkafka allocates for each record beside its bytes.
const NOTE_BYTES: u64 = 400;
/// A vector that grew has room for at most twice of what is in it.
const GROWN: u64 = 2;
/// What mimalloc keeps of what was freed, to use it again or because something else is still in the same page: so much in a hundred of all
/// that is bounded here. Measured: in `harness/tests/it/memory.rs` a worker has 60 to 70 MiB more than with the allocator of glibc.
const KEPT_PERCENT: u64 = 30;
/// Code, stacks and clients of Kafka: an idle worker has 40 to 50 MiB.
const PROGRAM_BYTES: u64 = 64 << 20;

/// What a worker is given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Source subtasks on this worker.
    pub sources: u64,
    /// Operator subtasks on this worker, and as many sinks.
    pub operators: u64,
    /// Partitions of one source.
    pub partitions: u64,
    /// Brokers of the Kafka cluster.
    pub brokers: u64,
    /// Bytes of key and value, of most records.
    pub record_bytes: u64,
    /// Bytes of key and value, of the largest one.
    pub record_bytes_max: u64,
    /// Traces are recorded.
    pub traced: bool,
}

/// One part of the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// What is held.
    pub what: &'static str,
    /// At most so many bytes.
    pub bytes: u64,
}

/// The parts of the bound, for one attempt whose function returns no more bytes than it takes, and truecut's own producer.
#[must_use]
pub fn terms(config: &JobConfig, load: &Load) -> Vec<Term> {
    let cluster = Cluster::new(&config.bootstrap, "");
    let consumer = ConsumerSettings::new(cluster.clone(), config.group());
    let producer = config.sink.producer_settings(cluster);
    let job = config.job(1, false);
    let outputs = wide(job.outputs_of_source(0).len());
    let inputs = u64::from(job.operator_channels());

    // librdkafka counts a kilobyte as 1000 bytes.
    let prefetch = u64::from(consumer.prefetch_mb) * 1_024_000;
    let of_partition = FETCHED_OF_PARTITION.max(load.record_bytes_max);
    let answered = load.brokers * (load.partitions * of_partition).min(FETCHED_AT_ONCE.max(of_partition));
    let queued = prefetch + answered;
    let of_records = |bytes: u64| bytes / load.record_bytes.max(1);
    let taken = queued.min(wide(TAKEN_MAX) * load.record_bytes_max);
    let noted = of_records(prefetch).min(QUEUED_RECORDS) + of_records(answered) + wide(TAKEN_MAX);

    let batch = |bytes: usize, records: usize| {
        GROWN * (wide(bytes) + load.record_bytes_max + wide(records) * wide(ENTRY_BYTES))
    };
    let read = batch(consumer.batch_bytes_max, consumer.batch_records_max);
    let filled = batch(BATCH_BYTES, BATCH_RECORDS);
    // A source with one channel passes on what it read as it is.
    let passed = if outputs == 1 { read.max(filled) } else { filled };

    // One is at the reader, and one at the source.
    let at_source = load.partitions + wide(consumer.channel_batches) + u64::from(DELIVERIES) + 2;
    // What was taken, what came of it, what the producer gathers from.
    let at_sink = 3 + wide(producer.queue_batches);
    let (sent, received) = (load.sources * outputs, load.operators * inputs);
    // A channel between workers has its elements at one end or the other, and a frame of one at each.
    let elements = u64::from(CREDITS);
    let in_channels =
        if config.workers.count == 1 { received * elements } else { (sent + received) * (elements + 1) };

    let buffer = u64::from(producer.buffer_mb) << 20;
    let request = wide(producer.request_bytes).max(GROWN * load.record_bytes_max);
    let kept = wide(POOLED_BYTES) + GROWN * wide(BATCH_RECORDS) * wide(ENTRY_BYTES);
    let traces = if load.traced { load.sources + 2 * load.operators + 1 } else { 0 };
    let mut terms = vec![
        Term { what: "records that librdkafka read ahead", bytes: load.sources * (queued + taken) },
        Term { what: "what librdkafka notes of each", bytes: load.sources * noted * NOTE_BYTES },
        Term { what: "batches in sources", bytes: load.sources * at_source * read },
        Term { what: "batches being filled for channels", bytes: sent * filled },
        Term { what: "batches in channels", bytes: in_channels * passed },
        Term { what: "batches in operators and sinks", bytes: load.operators * at_sink * passed },
        Term { what: "what Kafka has not acknowledged", bytes: load.operators * GROWN * (buffer + passed) },
        Term {
            what: "requests being sent",
            bytes: load.operators * load.brokers * wide(REQUESTS_MAX) * request,
        },
        Term { what: "batches kept to be used again", bytes: wide(POOLED_BATCHES) * kept },
        Term { what: "windows of traces", bytes: GROWN * traces * wide(WINDOW_MAX) },
    ];
    let all: u64 = terms.iter().map(|term| term.bytes).sum();
    terms.push(Term { what: "what the allocator keeps", bytes: all * KEPT_PERCENT / 100 });
    terms.push(Term { what: "the program", bytes: PROGRAM_BYTES });
    terms
}

/// The bound: all parts together.
#[must_use]
pub fn bound(config: &JobConfig, load: &Load) -> u64 {
    terms(config, load).iter().map(|term| term.bytes).sum()
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).expect("usize has at most 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/memory.md");
    const SMALLEST: &str = r#"
        name = "orders"
        bootstrap = "127.0.0.1:9092"
        source = { topic = "in" }
        sink = { topic = "out" }
        checkpoints = { directory = "checkpoints" }
    "#;
    const LOAD: Load = Load {
        sources: 1,
        operators: 1,
        partitions: 4,
        brokers: 1,
        record_bytes: 1 << 10,
        record_bytes_max: 1 << 10,
        traced: false,
    };

    fn job(text: &str) -> JobConfig {
        toml::from_str(text).unwrap()
    }

    /// With one decimal.
    fn mebibytes(bytes: u64) -> String {
        let tenths = (bytes * 10 + (1 << 19)) >> 20;
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    #[test]
    fn the_page_tells_each_term_of_the_default_job() {
        let config = job(SMALLEST);
        let all = Term { what: "all", bytes: bound(&config, &LOAD) };
        for Term { what, bytes } in terms(&config, &LOAD).into_iter().chain([all]) {
            let row = format!("| {what} | {} |", mebibytes(bytes));
            assert!(PAGE.contains(&row), "docs/memory.md has no row {row}");
        }
    }

    #[test]
    fn more_of_anything_takes_more() {
        let config = job(SMALLEST);
        let more = [
            Load { sources: 2, ..LOAD },
            Load { operators: 2, ..LOAD },
            Load { partitions: 8, ..LOAD },
            Load { brokers: 3, ..LOAD },
            Load { record_bytes_max: 1 << 20, ..LOAD },
            Load { record_bytes: 1 << 7, ..LOAD },
            Load { traced: true, ..LOAD },
        ];
        assert!(more.iter().all(|load| bound(&config, load) > bound(&config, &LOAD)));
        let apart = job(&format!("{SMALLEST}\nworkers = {{ count = 2 }}"));
        assert!(bound(&apart, &LOAD) > bound(&config, &LOAD));
    }
}
