//! A broker that is killed and comes back: the clients find their way, and report what they do not know.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use truecut_cluster::BrokerId;
use truecut_cluster::testing::own_kafka;
use truecut_core::{Meaning, meaning};
use truecut_runtime::kafka::consumer::{Assigned, Consumer, ConsumerSettings, Delivery};
use truecut_runtime::kafka::producer::{Flushed, ProducerKind, ProducerSettings, TransactionalProducers};
use truecut_runtime::kafka::raw::{NewTopic, RawClient};
use truecut_runtime::kafka::{Cluster, Transport};

use crate::by_both;
use crate::support::{eventually, initialised, keyed, pool, unique};

const LONG: Duration = Duration::from_secs(60);

by_both![clients_outlive_a_killed_broker_and_an_open_transaction_does_too];

async fn clients_outlive_a_killed_broker_and_an_open_transaction_does_too(kind: ProducerKind) {
    let kafka = own_kafka(|options| options.notices_loss_soon = true);
    let kafka = kafka.expect("start a container engine, or say TRUECUT_TEST_KAFKA=process");
    if kafka.kind() == "external" {
        eprintln!("skipped: someone else's broker is not killed");
        return;
    }
    let request_timeout = Duration::from_secs(2);
    let cluster = Cluster { request_timeout, ..Cluster::new(kafka.bootstrap(), "truecut-test") };
    let (raw, id) = (RawClient::new(cluster.clone()), unique("survivor"));
    let topic: Arc<str> = unique("topic").into();
    let new = NewTopic { name: &topic, partitions: 1, replication_factor: 1, settings: &[] };
    assert_eq!(raw.create_topics(&[new], LONG).await.expect("an answer"), [0]);
    let settings = ProducerSettings { kind, ..ProducerSettings::new(cluster.clone()) };
    let producers = TransactionalProducers::new(settings, raw.clone(), pool());
    let from_start = [Assigned { topic: Arc::clone(&topic), partition: 0, next_offset: 0 }];
    let settings = ConsumerSettings::new(cluster, &unique("group"));
    let mut consumer = Consumer::start(&settings, &from_start, pool()).expect("a consumer");

    let (producer, description) = initialised(&producers, &id).await;
    let (identity, versions) = (description.identity, producer.protocol().end_txn_versions());
    producer.produce(&topic, keyed(0, 100)).await;
    assert_eq!(producer.flush().await, Ok(Flushed { records: 100 }));
    kafka.kill_broker(BrokerId::new(1)).await.expect("killed");
    let noticed = || async { matches!(raw.metadata(None).await, Err(Transport::NotSent(_))) };
    eventually("the loss is noticed", noticed).await;
    let error = raw.end_txn(&id, identity, true, versions.clone()).await.expect_err("nobody is there");
    assert!(matches!(error, Transport::NotSent(_)), "nothing was sent: {error}");
    kafka.start_broker(BrokerId::new(1)).await.expect("started again");
    kafka.until_ready().await.expect("it serves again");

    // Written in part before the failure, in part after it.
    producer.produce(&topic, keyed(100, 200)).await;
    assert_eq!(timeout(LONG, producer.flush()).await.expect("in time"), Ok(Flushed { records: 100 }));
    let committed = || async {
        raw.end_txn(&id, identity, true, versions.clone()).await.is_ok_and(|ended| ended.error_code == 0)
    };
    eventually("the commit is answered", committed).await;
    let mut read = 0;
    while read < 200 {
        match timeout(LONG, consumer.next()).await.expect("in time").expect("the thread lives") {
            Delivery::Batch(batch) => read += batch.records.len(),
            Delivery::EndOfPartition { .. } => {}
            // The client gets over a lost broker by itself.
            Delivery::Failed { failure, .. } => {
                assert_eq!(meaning(failure.code), Meaning::Retry, "{failure}")
            }
        }
    }
    assert_eq!(read, 200);
}
