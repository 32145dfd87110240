//! Our own producer at a cluster that has not agreed on the newer protocol of transactions: it adds partitions itself.

use std::sync::Arc;
use std::time::Duration;

use truecut_cluster::testing::own_kafka;
use truecut_core::TransactionProtocol;
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::producer::{Flushed, ProducerKind, ProducerSettings, TransactionalProducers};
use truecut_runtime::kafka::raw::{Isolation, NewTopic, RawClient};

use crate::support::{eventually, initialised, numbered, pool, unique};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_follow_each_other_by_the_older_protocol() {
    let kafka = own_kafka(|options| options.transaction_version = Some(1));
    let kafka = kafka.expect("start a container engine, or say TRUECUT_TEST_KAFKA=process");
    if kafka.kind() == "external" {
        eprintln!("skipped: someone else's cluster agrees on what it likes");
        return;
    }
    let cluster = Cluster::new(kafka.bootstrap(), "truecut-test");
    let (raw, id) = (RawClient::new(cluster.clone()), unique("older"));
    let topic: Arc<str> = unique("topic").into();
    let new = NewTopic { name: &topic, partitions: 3, replication_factor: 1, settings: &[] };
    assert_eq!(raw.create_topics(&[new], LONG).await.expect("an answer"), [0]);
    let settings = ProducerSettings { kind: ProducerKind::BuiltIn, ..ProducerSettings::new(cluster) };
    let producers = TransactionalProducers::new(settings, raw.clone(), pool());

    for turn in 0..4 {
        let (producer, description) = initialised(&producers, &id).await;
        assert_eq!(producer.protocol(), TransactionProtocol::V1);
        for partition in 0..3 {
            producer.produce(&topic, numbered(turn * 10, (turn + 1) * 10, partition, 10)).await;
        }
        assert_eq!(producer.flush().await, Ok(Flushed { records: 30 }));
        let described = raw.describe_transaction(&id).await.expect("an answer");
        assert_eq!((described.state.as_str(), described.partitions.len()), ("Ongoing", 3));
        let ended = raw.end_txn(&id, description.identity, true, 0..=4).await.expect("an answer");
        assert_eq!((ended.error_code, ended.next), (0, None));
    }
    let visible = || async {
        let fetched = raw.fetch(&topic, 2, 0, Isolation::ReadCommitted).await.expect("an answer");
        fetched.batches.iter().filter(|batch| batch.marker.is_none()).map(|b| b.records.len()).sum::<usize>()
            == 40
    };
    eventually("all is visible", visible).await;
}
