//! Transactions written by our own producer and by librdkafka's, and ended by raw requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_core::{Meaning, TransactionProtocol, meaning};
use truecut_runtime::batch::{RecordBatch, RecordRef};
use truecut_runtime::kafka::producer::{Flushed, ProducerKind, ProducerSettings, TransactionalProducers};
use truecut_runtime::kafka::raw::{Isolation, Marker, ProducerIdentity};

use crate::by_both;
use crate::support::{
    Process, child_arguments, commit, committed, committed_count, eventually, initialised, keyed, new_topic,
    numbered, pool, producers, raw, say, settings, unique,
};

by_both![
    end_txn_commits_what_a_killed_process_left_open_and_may_be_repeated,
    dropping_a_producer_leaves_its_transaction_open,
    each_initialisation_aborts_what_was_open_and_fences_its_writer,
    a_full_queue_slows_the_producer_and_loses_nothing,
    a_flush_does_not_wait_for_linger,
    a_record_for_a_partition_that_is_not_there_fails_the_flush,
    a_topic_that_is_not_there_fails_the_flush,
    transactions_of_one_id_follow_each_other,
    keys_go_where_javas_client_puts_them,
    null_and_empty_stay_apart_on_the_way_through_kafka,
    a_producer_without_transactions_writes_many_batches_in_order,
];

async fn end_txn_commits_what_a_killed_process_left_open_and_may_be_repeated(kind: ProducerKind) {
    let (raw, topic, id) = (raw(), new_topic(1).await, unique("killed"));
    let own = if kind == ProducerKind::BuiltIn { "own" } else { "librdkafka" };
    let process =
        Process::start("producing::a_process_that_writes_and_waits_to_be_killed", &[&topic, &id, own]);
    let said: Vec<i64> = process.said().split(' ').map(|n| n.parse().expect("a number")).collect();
    let identity =
        ProducerIdentity { producer_id: said[0], producer_epoch: i16::try_from(said[1]).expect("an epoch") };
    let protocol = if said[2] == 2 { TransactionProtocol::V2 } else { TransactionProtocol::V1 };
    process.kill();

    let described = raw.describe_transaction(&id).await.expect("an answer");
    assert_eq!(
        (described.error_code, described.state.as_str(), described.identity),
        (0, "Ongoing", identity)
    );
    assert_eq!(committed_count(&topic, 0).await, 0, "nothing is visible before the commit");

    for _ in 0..3 {
        let code = commit(&id, identity, protocol).await;
        assert!([0, 51].contains(&code), "answered {code}");
    }
    eventually("all records are visible", || async { committed_count(&topic, 0).await == 100 }).await;
    let ended = raw.end_txn(&id, identity, true, protocol.end_txn_versions()).await.expect("an answer");
    let gives_another = protocol == TransactionProtocol::V2;
    assert_eq!(
        (ended.error_code, ended.next.is_some()),
        (0, gives_another),
        "long after, it still answers 0"
    );
}

#[tokio::test]
async fn a_process_that_writes_and_waits_to_be_killed() {
    let Some(arguments) = child_arguments() else { return };
    let (topic, id): (Arc<str>, _) = (arguments[0].as_str().into(), &arguments[1]);
    let kind = if arguments[2] == "own" { ProducerKind::BuiltIn } else { ProducerKind::Librdkafka };
    let (producer, description) = initialised(&producers(kind), id).await;
    let identity = description.identity;
    producer.produce(&topic, keyed(0, 100)).await;
    assert_eq!(producer.flush().await, Ok(Flushed { records: 100 }));
    let protocol = if producer.protocol() == TransactionProtocol::V2 { 2 } else { 1 };
    say(&format!("{} {} {protocol}", identity.producer_id, identity.producer_epoch));
    tokio::time::sleep(Duration::from_secs(600)).await;
}

async fn dropping_a_producer_leaves_its_transaction_open(kind: ProducerKind) {
    let (raw, topic, id) = (raw(), new_topic(1).await, unique("dropped"));
    let (producer, description) = initialised(&producers(kind), &id).await;
    let (identity, protocol) = (description.identity, producer.protocol());
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
    assert_eq!(commit(&id, identity, protocol).await, 0);
    eventually("all records are visible", || async { committed_count(&topic, 0).await == 10 }).await;
}

async fn each_initialisation_aborts_what_was_open_and_fences_its_writer(kind: ProducerKind) {
    let (topic, id, producers) = (new_topic(1).await, unique("fenced"), producers(kind));
    let (old, description) = initialised(&producers, &id).await;
    let first = description.identity;
    old.produce(&topic, keyed(0, 10)).await;
    old.flush().await.expect("flushed");
    let (new, description) = initialised(&producers, &id).await;
    let second = description.identity;
    assert_eq!(second.producer_id, first.producer_id);
    assert!(second.producer_epoch > first.producer_epoch);

    let protocol = old.protocol();
    assert_eq!(commit(&id, first, protocol).await, 90, "PRODUCER_FENCED, raw");
    old.produce(&topic, keyed(10, 20)).await;
    let failure = old.flush().await.expect_err("a fenced producer delivers nothing");
    assert_eq!(meaning(failure.code), Meaning::Fenced, "a raw code that says so: {failure:?}");
    assert_eq!(old.flush().await, Err(failure), "and no later flush succeeds");

    new.produce(&topic, keyed(20, 25)).await;
    new.flush().await.expect("flushed");
    assert_eq!(commit(&id, second, protocol).await, 0);
    eventually("only the second is visible", || async { committed_count(&topic, 0).await == 5 }).await;
    let markers: Vec<_> = committed(&topic, 0).await.batches.iter().filter_map(|b| b.marker).collect();
    assert_eq!(markers, [Marker::Abort, Marker::Commit]);
}

async fn transactions_of_one_id_follow_each_other(kind: ProducerKind) {
    let (topic, id, producers) = (new_topic(2).await, unique("turns"), producers(kind));
    for turn in 0..5 {
        let (producer, description) = initialised(&producers, &id).await;
        assert_eq!((description.error_code, description.state.as_str()), (0, "Empty"));
        for partition in [0, 1] {
            producer.produce(&topic, numbered(turn * 10, (turn + 1) * 10, partition, 10)).await;
        }
        assert_eq!(producer.flush().await, Ok(Flushed { records: 20 }));
        let code = commit(&id, description.identity, producer.protocol()).await;
        assert_eq!(code, 0, "turn {turn}");
    }
    for partition in [0, 1] {
        eventually("all is visible", || async { committed_count(&topic, partition).await == 50 }).await;
        let records = committed(&topic, partition).await.batches.into_iter().filter(|b| b.marker.is_none());
        let keys: Vec<_> = records.flat_map(|b| b.records).map(|r| r.key.expect("a key").to_vec()).collect();
        assert_eq!(keys, (0..50_u64).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>());
    }
}

async fn a_full_queue_slows_the_producer_and_loses_nothing(kind: ProducerKind) {
    let (topic, id) = (new_topic(2).await, unique("full"));
    let settings = ProducerSettings { buffer_mb: 1, ..settings(kind) };
    let producers = TransactionalProducers::new(settings, raw(), pool());
    let (producer, description) = initialised(&producers, &id).await;
    for part in 0..20 {
        producer.produce(&topic, numbered(part * 1000, (part + 1) * 1000, 1, 1000)).await;
    }
    assert_eq!(producer.flush().await, Ok(Flushed { records: 20_000 }));
    assert_eq!(commit(&id, description.identity, producer.protocol()).await, 0);
    eventually("all records are visible", || async { committed_count(&topic, 1).await == 20_000 }).await;
}

async fn a_producer_without_transactions_writes_many_batches_in_order(kind: ProducerKind) {
    let topic = new_topic(1).await;
    let settings = ProducerSettings { batch_bytes: 10_000, ..settings(kind) };
    let producers = TransactionalProducers::new(settings, raw(), pool());
    let producer = producers.idempotent().await.expect("a producer");
    for part in 0..40 {
        producer.produce(&topic, numbered(part * 100, (part + 1) * 100, 0, 1000)).await;
    }
    assert_eq!(producer.flush().await, Ok(Flushed { records: 4_000 }));
    let records = committed(&topic, 0).await.batches.into_iter().flat_map(|b| b.records);
    let keys: Vec<_> = records.map(|record| record.key.expect("a key").to_vec()).collect();
    assert_eq!(keys, (0..4_000_u64).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>());
}

async fn a_flush_does_not_wait_for_linger(kind: ProducerKind) {
    let (topic, id) = (new_topic(1).await, unique("linger"));
    let settings = ProducerSettings { linger: Duration::from_secs(5), ..settings(kind) };
    let producers = TransactionalProducers::new(settings, raw(), pool());
    let (producer, _) = initialised(&producers, &id).await;
    producer.produce(&topic, keyed(0, 10)).await;
    let before = Instant::now();
    producer.flush().await.expect("flushed");
    assert!(before.elapsed() < Duration::from_secs(2), "took {:?}", before.elapsed());
}

/// What librdkafka does by its own `batch.size`.
#[tokio::test]
async fn many_records_do_not_linger() {
    let topic = new_topic(2).await;
    let linger = Duration::from_secs(3600);
    let settings = ProducerSettings { linger, linger_bytes: 10_000, ..settings(ProducerKind::BuiltIn) };
    let producers = TransactionalProducers::new(settings, raw(), pool());
    let producer = producers.idempotent().await.expect("a producer");
    producer.produce(&topic, numbered(0, 100, 0, 60)).await;
    producer.produce(&topic, numbered(100, 200, 1, 60)).await;
    eventually("all records are visible", || async {
        committed_count(&topic, 0).await + committed_count(&topic, 1).await == 200
    })
    .await;
}

async fn a_record_for_a_partition_that_is_not_there_fails_the_flush(kind: ProducerKind) {
    let (topic, id) = (new_topic(1).await, unique("nowhere"));
    let (producer, _) = initialised(&producers(kind), &id).await;
    producer.produce(&topic, keyed(0, 1)).await;
    producer.flush().await.expect("the partitions are now known");
    producer.produce(&topic, numbered(1, 2, 7, 0)).await;
    producer.produce(&topic, keyed(2, 3)).await;
    // Kafka's code, and librdkafka's own for the same.
    let code = if kind == ProducerKind::BuiltIn { 3 } else { -190 };
    assert_eq!(producer.flush().await.expect_err("no such partition").code, code);
}

async fn a_topic_that_is_not_there_fails_the_flush(kind: ProducerKind) {
    let (topic, id): (Arc<str>, _) = (unique("no-topic").into(), unique("nowhere"));
    let (producer, _) = initialised(&producers(kind), &id).await;
    producer.produce(&topic, keyed(0, 1)).await;
    assert_eq!(producer.flush().await.expect_err("no such topic").code, 3, "UNKNOWN_TOPIC_OR_PARTITION");
}

/// Hashes from Kafka's `UtilsTest.testMurmur2`.
async fn keys_go_where_javas_client_puts_them(kind: ProducerKind) {
    const KNOWN: [(&str, i32); 5] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("abc", 479_470_107),
    ];
    let partitions = 16;
    let topic = new_topic(partitions).await;
    let producer = producers(kind).idempotent().await.expect("a producer");
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

async fn null_and_empty_stay_apart_on_the_way_through_kafka(kind: ProducerKind) {
    let topic = new_topic(1).await;
    let producer = producers(kind).idempotent().await.expect("a producer");
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
    for (kind, told) in [
        (ProducerKind::Librdkafka, "enable.idempotence"),
        (ProducerKind::Auto, "enable.idempotence"),
        (ProducerKind::BuiltIn, "choose librdkafka"),
    ] {
        let settings = ProducerSettings { properties: properties.clone(), ..settings(kind) };
        let producers = TransactionalProducers::new(settings, raw(), pool());
        let Err(why) = producers.idempotent().await else { panic!("must be refused") };
        assert!(why.to_string().contains(told), "{why}");
    }
}

#[tokio::test]
async fn ours_is_chosen_where_the_broker_allows_and_speaks_what_the_cluster_agreed_on() {
    let (producer, _) = initialised(&producers(ProducerKind::Auto), &unique("chosen")).await;
    let (other, _) = initialised(&producers(ProducerKind::Librdkafka), &unique("chosen")).await;
    // The brokers of these tests are of release 4.3, which agrees on `transaction.version` 2 by itself.
    assert_eq!(producer.protocol(), TransactionProtocol::V2);
    assert_eq!(other.protocol(), TransactionProtocol::V1);
}

fn thread_names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| name(task.ok()?)).collect()
}
