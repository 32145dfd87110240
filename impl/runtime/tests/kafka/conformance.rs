//! The same records through our own producer and through librdkafka's give the same topic, as another client reads it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use truecut_runtime::batch::{ANY_PARTITION, RecordBatch, RecordRef};
use truecut_runtime::kafka::consumer::{Assigned, Consumer, ConsumerSettings, Delivery};
use truecut_runtime::kafka::producer::{
    Compression, Flushed, ProducerKind, ProducerSettings, TransactionalProducers,
};

use crate::support::{cluster, commit, initialised, new_topic, pool, raw, settings, unique};

const LONG: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 5;

/// A record as it was read: key, value, timestamp.
type Read = (Option<Vec<u8>>, Option<Vec<u8>>, i64);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_producers_write_the_same_topic() {
    let batches = stream();
    let own = write_and_read(settings(ProducerKind::BuiltIn), &batches).await;
    let other = write_and_read(settings(ProducerKind::Librdkafka), &batches).await;
    let small = ProducerSettings { batch_bytes: 500, buffer_mb: 1, ..settings(ProducerKind::BuiltIn) };
    assert_same(&own, &other);
    assert_same(&write_and_read(small, &batches).await, &other);
    assert!(own.iter().all(|partition| partition.len() > 100), "there is something in each partition");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_is_read_by_another_client() {
    let batches = stream();
    let plain = write_and_read(settings(ProducerKind::BuiltIn), &batches).await;
    let lz4 = ProducerSettings { compression: Compression::Lz4, ..settings(ProducerKind::BuiltIn) };
    assert_same(&write_and_read(lz4, &batches).await, &plain);
    let lz4 = ProducerSettings { compression: Compression::Lz4, ..settings(ProducerKind::Librdkafka) };
    assert_same(&write_and_read(lz4, &batches).await, &plain);
}

/// Keys and values that are null, empty, short and long; given and open partitions. Timestamps are given, and not in order.
fn stream() -> Vec<RecordBatch> {
    let long = vec![b'l'; 30_000];
    let mut batches = Vec::new();
    for part in 0..20_u64 {
        let mut batch = RecordBatch::default();
        for number in part * 200..(part + 1) * 200 {
            let (name, filler) = (number.to_string(), number.wrapping_mul(0x9e37_79b9) % 97);
            let value: Vec<u8> = (0..filler).map(|n| n.to_le_bytes()[0]).collect();
            let key = match number % 11 {
                0 => None,
                1 => Some(&b""[..]),
                _ => Some(name.as_bytes()),
            };
            let value = match number % 13 {
                0 => None,
                1 => Some(&b""[..]),
                2 if number % 7 == 0 => Some(&long[..]),
                _ => Some(&value[..]),
            };
            let given = i32::try_from(number % 5).expect("small");
            let partition = if number % 3 == 0 { given } else { ANY_PARTITION };
            let timestamp_ms = 1_700_000_000_000 + i64::try_from(number ^ 0x55).expect("small");
            batch.push(RecordRef { key, value, timestamp_ms, partition, offset: 0 });
        }
        batches.push(batch);
    }
    batches
}

/// Records of each partition as another client reads them once they are committed.
async fn write_and_read(settings: ProducerSettings, batches: &[RecordBatch]) -> Vec<Vec<Read>> {
    let (topic, id) = (new_topic(PARTITIONS).await, unique("conformance"));
    let producers = TransactionalProducers::new(settings, raw(), pool());
    let (producer, description) = initialised(&producers, &id).await;
    for batch in batches {
        producer.produce(&topic, batch.clone()).await;
    }
    let records: usize = batches.iter().map(RecordBatch::len).sum();
    let flushed = u64::try_from(records).expect("few");
    assert_eq!(producer.flush().await, Ok(Flushed { records: flushed }));
    assert_eq!(commit(&id, description.identity, producer.protocol()).await, 0);
    read(&topic, records).await
}

async fn read(topic: &Arc<str>, records: usize) -> Vec<Vec<Read>> {
    let from = |partition| Assigned { topic: Arc::clone(topic), partition, next_offset: 0 };
    let assignment: Vec<_> = (0..PARTITIONS).map(from).collect();
    let settings = ConsumerSettings::new(cluster(), &unique("group"));
    let mut consumer = Consumer::start(&settings, &assignment, pool()).expect("a consumer");
    let (mut found, mut count) = (vec![Vec::new(); assignment.len()], 0);
    while count < records {
        match timeout(LONG, consumer.next()).await.expect("in time").expect("the thread lives") {
            Delivery::Batch(batch) => {
                count += batch.records.len();
                let owned = |record: RecordRef<'_>| {
                    (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), record.timestamp_ms)
                };
                found[batch.index].extend(batch.records.iter().map(owned));
            }
            Delivery::EndOfPartition { .. } => {}
            Delivery::Failed { failure, .. } => panic!("{failure}"),
        }
    }
    assert_eq!(count, records, "no more than was written");
    found
}

/// Records with a key, or with a given partition, lie in the same partitions in the same order; the others somewhere.
fn assert_same(one: &[Vec<Read>], other: &[Vec<Read>]) {
    let anywhere = |read: &&Read| {
        let number = (read.2 - 1_700_000_000_000) ^ 0x55;
        read.0.is_none() && number % 3 != 0
    };
    for (partition, (one, other)) in one.iter().zip(other).enumerate() {
        let placed =
            |reads: &[Read]| reads.iter().filter(|read| !anywhere(read)).cloned().collect::<Vec<_>>();
        assert_eq!(placed(one), placed(other), "partition {partition}");
    }
    let loose = |partitions: &[Vec<Read>]| {
        let mut all: Vec<Read> = partitions.iter().flatten().filter(anywhere).cloned().collect();
        all.sort();
        all
    };
    assert_eq!(loose(one), loose(other));
    assert!(loose(one).len() > 100, "some are free to lie anywhere");
}
