//! Partitions read by librdkafka.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use truecut_runtime::kafka::consumer::{Assigned, Consumer, ConsumerSettings, Delivery};
use truecut_runtime::kafka::producer::ProducerKind;
use truecut_runtime::kafka::raw::Isolation;

use crate::support::{
    Process, child_arguments, cluster, committed_count, eventually, keyed, new_topic, numbered, pool,
    producers, raw, say, unique,
};

const LONG: Duration = Duration::from_secs(20);

fn settings() -> ConsumerSettings {
    ConsumerSettings::new(cluster(), &unique("group"))
}

fn from(topic: &Arc<str>, partition: i32, next_offset: i64) -> Assigned {
    Assigned { topic: Arc::clone(topic), partition, next_offset }
}

async fn write(topic: &Arc<str>, batches: impl IntoIterator<Item = truecut_runtime::batch::RecordBatch>) {
    let producer = producers(ProducerKind::Auto).idempotent().await.expect("a producer");
    for batch in batches {
        producer.produce(topic, batch).await;
    }
    producer.flush().await.expect("flushed");
}

/// Offsets by partition, until each partition's end; and the offsets of the ends.
async fn read_to_ends(consumer: &mut Consumer, partitions: usize) -> (Vec<Vec<i64>>, BTreeMap<usize, i64>) {
    let (mut offsets, mut ends) = (vec![Vec::new(); partitions], BTreeMap::new());
    while ends.len() < partitions {
        match timeout(LONG, consumer.next()).await.expect("in time").expect("the thread lives") {
            Delivery::Batch(batch) => {
                offsets[batch.index].extend(batch.records.iter().map(|r| r.offset));
                assert_eq!(Some(&batch.last), offsets[batch.index].last());
                ends.remove(&batch.index);
            }
            Delivery::EndOfPartition { index, next_offset } => drop(ends.insert(index, next_offset)),
            Delivery::Failed { index, failure } => panic!("{index:?}: {failure}"),
        }
    }
    (offsets, ends)
}

#[tokio::test]
async fn every_record_from_the_given_offset_comes_once_and_in_order() {
    let topic = new_topic(4).await;
    let parts = (0..10).flat_map(|part| (0..4).map(move |p| numbered(part * 5000, (part + 1) * 5000, p, 20)));
    write(&topic, parts).await;
    let limits = ConsumerSettings { batch_records_max: 700, ..settings() };
    let assignment: Vec<_> = (0..4).map(|p| from(&topic, p, i64::from(p) * 10)).collect();
    let mut consumer = Consumer::start(&limits, &assignment, pool()).expect("a consumer");
    let (offsets, ends) = read_to_ends(&mut consumer, 4).await;
    for (partition, offsets) in (0..).zip(offsets) {
        assert_eq!(offsets, (partition * 10..50_000).collect::<Vec<i64>>());
    }
    assert!(ends.values().all(|end| *end == 50_000));
    timeout(LONG, consumer.close()).await.expect("closes");
}

#[tokio::test]
async fn content_arrives_as_written_and_batches_keep_their_limits() {
    let topic = new_topic(1).await;
    let written = numbered(0, 1000, 0, 100);
    write(&topic, [written.clone()]).await;
    let limits = ConsumerSettings { batch_bytes_max: 4096, ..settings() };
    let mut consumer = Consumer::start(&limits, &[from(&topic, 0, 0)], pool()).expect("a consumer");
    let mut expected = written.iter().zip(0..);
    let mut left = 1000;
    while left > 0 {
        let Some(Delivery::Batch(batch)) = timeout(LONG, consumer.next()).await.expect("in time") else {
            panic!("a batch")
        };
        assert!(batch.records.byte_len() < 4096 + 200);
        for record in batch.records.iter() {
            let (wanted, offset) = expected.next().expect("no more than written");
            assert_eq!((record.key, record.value), (wanted.key, wanted.value));
            assert_eq!((record.partition, record.offset), (0, offset));
            assert!(record.timestamp_ms > 1_600_000_000_000);
        }
        left -= batch.records.len();
    }
}

#[tokio::test]
async fn aborted_records_are_skipped_and_the_end_lies_behind_the_markers() {
    let (raw, topic, id, producers) =
        (raw(), new_topic(1).await, unique("mixed"), producers(ProducerKind::Librdkafka));
    for (commit, from) in [(true, 0), (false, 10), (true, 20), (false, 30)] {
        let (producer, description) = producers.init(&id, LONG).await.expect("initialised");
        let identity = description.identity;
        producer.produce(&topic, keyed(from, from + 10)).await;
        producer.flush().await.expect("flushed");
        assert_eq!(raw.end_txn(&id, identity, commit, 0..=4).await.expect("an answer").error_code, 0);
    }
    eventually("all is ended", || async { committed_count(&topic, 0).await == 20 }).await;
    let mut consumer = Consumer::start(&settings(), &[from(&topic, 0, 0)], pool()).expect("a consumer");
    let (offsets, ends) = read_to_ends(&mut consumer, 1).await;
    assert_eq!(offsets[0], (0..10).chain(22..32).collect::<Vec<i64>>());
    assert_eq!(ends[&0], 44);

    let all = ConsumerSettings { isolation: Isolation::ReadUncommitted, ..settings() };
    let mut consumer = Consumer::start(&all, &[from(&topic, 0, 0)], pool()).expect("a consumer");
    assert_eq!(read_to_ends(&mut consumer, 1).await.0[0].len(), 40);
}

#[tokio::test]
async fn an_open_transaction_ends_the_readable_part() {
    let (topic, id) = (new_topic(1).await, unique("open"));
    write(&topic, [keyed(0, 10)]).await;
    let (producer, _) = producers(ProducerKind::Librdkafka).init(&id, LONG).await.expect("initialised");
    producer.produce(&topic, keyed(10, 20)).await;
    producer.flush().await.expect("flushed");
    write(&topic, [keyed(20, 30)]).await;
    let mut consumer = Consumer::start(&settings(), &[from(&topic, 0, 0)], pool()).expect("a consumer");
    let (offsets, ends) = read_to_ends(&mut consumer, 1).await;
    assert_eq!((offsets[0].len(), ends[&0]), (10, 10));
}

#[tokio::test]
async fn an_offset_that_is_not_in_the_log_is_an_error_and_never_a_reset() {
    let topic = new_topic(2).await;
    write(&topic, [numbered(0, 10, 0, 0), numbered(0, 10, 1, 0)]).await;
    let assignment = [from(&topic, 0, 0), from(&topic, 1, 11)];
    let mut consumer = Consumer::start(&settings(), &assignment, pool()).expect("a consumer");
    loop {
        match timeout(LONG, consumer.next()).await.expect("in time").expect("the thread lives") {
            Delivery::Failed { index, failure } => {
                assert_eq!((index, failure.code), (Some(1), -140), "{failure}");
                break;
            }
            Delivery::Batch(batch) => assert_eq!(batch.index, 0),
            Delivery::EndOfPartition { index, .. } => assert_eq!(index, 0),
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_missing_or_deleted_is_reported() {
    let soon = [("topic.metadata.propagation.max.ms", "100"), ("topic.metadata.refresh.interval.ms", "500")];
    let properties = soon.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let impatient = ConsumerSettings { properties, ..settings() };
    let missing: Arc<str> = unique("missing").into();
    let mut consumer = Consumer::start(&impatient, &[from(&missing, 0, 0)], pool()).expect("a consumer");
    assert_eq!(first_failure(&mut consumer).await, 3);

    let deleted = new_topic(1).await;
    let mut consumer = Consumer::start(&impatient, &[from(&deleted, 0, 0)], pool()).expect("a consumer");
    read_to_ends(&mut consumer, 1).await;
    assert_eq!(raw().delete_topics(&[&deleted], LONG).await.expect("an answer"), [0]);
    let code = first_failure(&mut consumer).await;
    assert!(
        matches!(code, 3 | -190),
        "UNKNOWN_TOPIC_OR_PARTITION, or librdkafka's unknown partition: {code}"
    );
}

async fn first_failure(consumer: &mut Consumer) -> i16 {
    loop {
        match timeout(LONG, consumer.next()).await.expect("in time").expect("the thread lives") {
            Delivery::Failed { failure, .. } => return failure.code,
            Delivery::EndOfPartition { .. } => {}
            Delivery::Batch(batch) => panic!("{batch:?}"),
        }
    }
}

#[tokio::test]
async fn a_paused_partition_rests_until_it_is_resumed() {
    let topic = new_topic(2).await;
    let assignment = [from(&topic, 0, 0), from(&topic, 1, 0)];
    let mut consumer = Consumer::start(&settings(), &assignment, pool()).expect("a consumer");
    read_to_ends(&mut consumer, 2).await;
    consumer.pause(&[0]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    write(&topic, [numbered(0, 10, 0, 0), numbered(0, 10, 1, 0)]).await;
    let mut seen = Vec::new();
    while let Ok(delivery) = timeout(Duration::from_millis(1500), consumer.next()).await {
        if let Some(Delivery::Batch(batch)) = delivery {
            seen.push((batch.index, batch.records.len()));
        }
    }
    assert!(seen.iter().all(|(index, _)| *index == 1), "{seen:?}");
    assert_eq!(seen.iter().map(|(_, count)| count).sum::<usize>(), 10);
    consumer.resume(&[0]);
    loop {
        match timeout(LONG, consumer.next()).await.expect("in time") {
            Some(Delivery::Batch(batch)) => {
                assert_eq!((batch.index, batch.last), (0, 9));
                break;
            }
            other => assert!(matches!(other, Some(Delivery::EndOfPartition { .. })), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_slow_receiver_slows_the_fetch_and_memory_stays_bounded() {
    let topic = new_topic(1).await;
    write(&topic, (0..128).map(|part| numbered(part * 1000, (part + 1) * 1000, 0, 1000))).await;
    let process = Process::start("consuming::a_process_that_does_not_read", &[&topic]);
    let grown_kb: u64 = process.said().parse().expect("a number");
    assert!(grown_kb < 24 << 10, "of 128 MB waiting, {grown_kb} KB are held; 4 MB + batches were allowed");
}

#[tokio::test]
async fn a_process_that_does_not_read() {
    let Some(arguments) = child_arguments() else { return };
    let topic: Arc<str> = arguments[0].as_str().into();
    let limits = ConsumerSettings { prefetch_mb: 4, ..settings() };
    let before = resident_kb();
    let mut consumer = Consumer::start(&limits, &[from(&topic, 0, 0)], pool()).expect("a consumer");
    let first = timeout(LONG, consumer.next()).await.expect("in time");
    assert!(matches!(first, Some(Delivery::Batch(_))), "{first:?}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    say(&(resident_kb() - before).to_string());
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a resident size");
    line.trim().trim_end_matches(" kB").parse().expect("kilobytes")
}
