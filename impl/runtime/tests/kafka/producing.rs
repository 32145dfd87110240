//! Transactions written by librdkafka and ended by raw requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_runtime::batch::{RecordBatch, RecordRef};
use truecut_runtime::kafka::producer::{Flushed, Producer, ProducerSettings, TransactionalProducers};
use truecut_runtime::kafka::raw::{Isolation, Marker, ProducerIdentity};

use crate::support::{
    Process, child_arguments, cluster, committed, committed_count, eventually, keyed, new_topic, numbered,
    pool, producers, raw, say, unique,
};

const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn end_txn_commits_what_a_killed_process_left_open_and_may_be_repeated() {
    let (raw, topic, id) = (raw(), new_topic(1).await, unique("killed"));
    let process = Process::start("producing::a_process_that_writes_and_waits_to_be_killed", &[&topic, &id]);
    let said: Vec<i64> = process.said().split(' ').map(|n| n.parse().expect("a number")).collect();
    let identity =
        ProducerIdentity { producer_id: said[0], producer_epoch: i16::try_from(said[1]).expect("an epoch") };
    process.kill();

    let described = raw.describe_transaction(&id).await.expect("an answer");
    assert_eq!(
        (described.error_code, described.state.as_str(), described.identity),
        (0, "Ongoing", identity)
    );
    assert_eq!(committed_count(&topic, 0).await, 0, "nothing is visible before the commit");

    for _ in 0..3 {
        let ended = raw.end_txn(&id, identity, true, 0..=4).await.expect("an answer");
        if ended.error_code != 51 {
            assert_eq!(ended.error_code, 0);
        }
    }
    eventually("all records are visible", || async { committed_count(&topic, 0).await == 100 }).await;
    let ended = raw.end_txn(&id, identity, true, 0..=4).await.expect("an answer");
    assert_eq!(
        (ended.error_code, ended.next),
        (0, None),
        "long after, it still answers 0 and no new identity"
    );
}

#[tokio::test]
async fn a_process_that_writes_and_waits_to_be_killed() {
    let Some(arguments) = child_arguments() else { return };
    let (topic, id): (Arc<str>, _) = (arguments[0].as_str().into(), &arguments[1]);
    let (producer, description) = producers().init(id, TIMEOUT).await.expect("initialised");
    let identity = description.identity;
    producer.produce(&topic, keyed(0, 100)).await;
    assert_eq!(producer.flush().await, Ok(Flushed { records: 100 }));
    say(&format!("{} {}", identity.producer_id, identity.producer_epoch));
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[tokio::test]
async fn dropping_a_producer_leaves_its_transaction_open() {
    let (raw, topic, id) = (raw(), new_topic(1).await, unique("dropped"));
    let (producer, description) = producers().init(&id, TIMEOUT).await.expect("initialised");
    let identity = description.identity;
    producer.produce(&topic, keyed(0, 10)).await;
    assert_eq!(producer.flush().await, Ok(Flushed { records: 10 }));
    drop(producer);
    let threads_gone = || async { !thread_names().iter().any(|name| name.starts_with("truecut-prod")) };
    // Other tests have producers too; but sooner or later all are gone, or a second has passed.
    let _ = tokio::time::timeout(Duration::from_secs(1), eventually("no producer", threads_gone)).await;

    let described = raw.describe_transaction(&id).await.expect("an answer");
    assert_eq!((described.state.as_str(), described.identity), ("Ongoing", identity));
    let fetched = raw.fetch(&topic, 0, 0, Isolation::ReadCommitted).await.expect("an answer");
    assert_eq!((fetched.last_stable_offset, fetched.high_watermark), (0, 10));
    assert_eq!(raw.end_txn(&id, identity, true, 0..=4).await.expect("an answer").error_code, 0);
    eventually("all records are visible", || async { committed_count(&topic, 0).await == 10 }).await;
}

#[tokio::test]
async fn each_initialisation_aborts_what_was_open_and_fences_its_writer() {
    let (raw, topic, id, producers) = (raw(), new_topic(1).await, unique("fenced"), producers());
    let (old, description) = producers.init(&id, TIMEOUT).await.expect("initialised");
    let first = description.identity;
    old.produce(&topic, keyed(0, 10)).await;
    old.flush().await.expect("flushed");
    let (new, description) = producers.init(&id, TIMEOUT).await.expect("initialised");
    let second = description.identity;
    assert_eq!(second.producer_id, first.producer_id);
    assert!(second.producer_epoch > first.producer_epoch);

    let refused = raw.end_txn(&id, first, true, 0..=4).await.expect("an answer");
    assert_eq!(refused.error_code, 90, "PRODUCER_FENCED, raw");
    old.produce(&topic, keyed(10, 20)).await;
    let failure = old.flush().await.expect_err("a fenced producer delivers nothing");
    assert_eq!(failure.code, -144, "librdkafka's raw code for a fenced producer: {failure:?}");
    assert_eq!(old.flush().await, Err(failure), "and no later flush succeeds");

    new.produce(&topic, keyed(20, 25)).await;
    new.flush().await.expect("flushed");
    assert_eq!(raw.end_txn(&id, second, true, 0..=4).await.expect("an answer").error_code, 0);
    eventually("only the second is visible", || async { committed_count(&topic, 0).await == 5 }).await;
    let markers: Vec<_> = committed(&topic, 0).await.batches.iter().filter_map(|b| b.marker).collect();
    assert_eq!(markers, [Marker::Abort, Marker::Commit]);
}

#[tokio::test]
async fn a_full_queue_slows_the_producer_and_loses_nothing() {
    let (raw, topic, id) = (raw(), new_topic(2).await, unique("full"));
    let settings = ProducerSettings { buffer_mb: 1, ..ProducerSettings::new(cluster()) };
    let producers = TransactionalProducers::new(settings, raw.clone(), pool());
    let (producer, description) = producers.init(&id, TIMEOUT).await.expect("initialised");
    let identity = description.identity;
    for part in 0..20 {
        producer.produce(&topic, numbered(part * 1000, (part + 1) * 1000, 1, 1000)).await;
    }
    assert_eq!(producer.flush().await, Ok(Flushed { records: 20_000 }));
    assert_eq!(raw.end_txn(&id, identity, true, 0..=4).await.expect("an answer").error_code, 0);
    eventually("all records are visible", || async { committed_count(&topic, 1).await == 20_000 }).await;
}

#[tokio::test]
async fn a_flush_does_not_wait_for_linger() {
    let (topic, id) = (new_topic(1).await, unique("linger"));
    let properties = vec![("linger.ms".to_owned(), "5000".to_owned())];
    let settings = ProducerSettings { properties, ..ProducerSettings::new(cluster()) };
    let producers = TransactionalProducers::new(settings, raw(), pool());
    let (producer, _) = producers.init(&id, TIMEOUT).await.expect("initialised");
    producer.produce(&topic, keyed(0, 10)).await;
    let before = Instant::now();
    producer.flush().await.expect("flushed");
    assert!(before.elapsed() < Duration::from_secs(2), "took {:?}", before.elapsed());
}

#[tokio::test]
async fn a_record_for_a_partition_that_is_not_there_fails_the_flush() {
    let (topic, id) = (new_topic(1).await, unique("nowhere"));
    let (producer, _) = producers().init(&id, TIMEOUT).await.expect("initialised");
    producer.produce(&topic, keyed(0, 1)).await;
    producer.flush().await.expect("the partitions are now known");
    producer.produce(&topic, numbered(1, 2, 7, 0)).await;
    producer.produce(&topic, keyed(2, 3)).await;
    assert_eq!(producer.flush().await.expect_err("no such partition").code, -190);
}

/// Hashes from Kafka's `UtilsTest.testMurmur2`.
#[tokio::test]
async fn keys_go_where_javas_client_puts_them() {
    const KNOWN: [(&str, i32); 5] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("abc", 479_470_107),
    ];
    let partitions = 16;
    let topic = new_topic(partitions).await;
    let producer = Producer::idempotent(&ProducerSettings::new(cluster()), pool()).expect("a producer");
    let mut batch = RecordBatch::default();
    for (key, _) in KNOWN {
        let key = Some(key.as_bytes());
        batch.push(RecordRef { key, value: key, timestamp_ms: 1_700_000_000_000, partition: -1, offset: 0 });
    }
    producer.produce(&topic, batch).await;
    assert_eq!(producer.flush().await, Ok(Flushed { records: 5 }));
    for (key, hash) in KNOWN {
        let fetched = committed(&topic, (hash & i32::MAX) % partitions).await;
        let found = fetched
            .batches
            .iter()
            .flat_map(|b| &b.records)
            .find(|r| r.key.as_deref() == Some(key.as_bytes()));
        assert_eq!(found.map(|r| r.timestamp_ms), Some(1_700_000_000_000), "{key}");
    }
}

#[tokio::test]
async fn null_and_empty_stay_apart_on_the_way_through_kafka() {
    let topic = new_topic(1).await;
    let producer = Producer::idempotent(&ProducerSettings::new(cluster()), pool()).expect("a producer");
    let fields: [Option<&[u8]>; 3] = [None, Some(b""), Some(b"x")];
    let mut batch = RecordBatch::default();
    for (key, value) in fields.iter().flat_map(|key| fields.map(|value| (*key, value))) {
        batch.push(RecordRef { key, value, timestamp_ms: 5, partition: 0, offset: 0 });
    }
    producer.produce(&topic, batch.clone()).await;
    producer.flush().await.expect("flushed");
    let fetched = committed(&topic, 0).await;
    let read: Vec<_> = fetched.batches.iter().flat_map(|b| &b.records).collect();
    let read: Vec<_> = read.iter().map(|r| (r.key.as_deref(), r.value.as_deref())).collect();
    assert_eq!(read, batch.iter().map(|r| (r.key, r.value)).collect::<Vec<_>>());
}

#[tokio::test]
async fn properties_that_correctness_rests_on_are_refused() {
    let properties = vec![("enable.idempotence".to_owned(), "false".to_owned())];
    let settings = ProducerSettings { properties, ..ProducerSettings::new(cluster()) };
    let Err(failure) = Producer::idempotent(&settings, pool()) else { panic!("must be refused") };
    assert!(failure.reason.contains("enable.idempotence"), "{failure}");
}

fn thread_names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| name(task.ok()?)).collect()
}
