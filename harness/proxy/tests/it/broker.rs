//! Before a real broker: a lost answer of EndTxn, and one EndTxn that comes late (KAFKA-17754).
//!
//! Transactions are begun and looked at on a way of their own; only EndTxn goes through the proxy.

use kafka_protocol::messages::{EndTxnRequest, ProducerId, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use std::time::Duration;
use truecut_cluster::testing::shared_kafka;
use truecut_proxy::{Action, ClientSees, Kafka, Listen, Proxy, Side, What};
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::raw::{NewTopic, ProducerIdentity, RawClient};

use crate::client::{Client, end_txn};

/// EndTxn as producers of transaction protocol V1 send it: the producer epoch stays.
const VERSION: i16 = 3;

/// A producer's transactions on a real broker.
struct Transactions<'a> {
    raw: RawClient,
    proxy: Proxy,
    name: &'a str,
    identity: ProducerIdentity,
}

impl<'a> Transactions<'a> {
    /// The name is that of the topic and the transactional id.
    async fn new(bootstrap: &str, name: &'a str) -> Self {
        let raw = RawClient::new(Cluster::new(bootstrap, "test"));
        let topic = NewTopic { name, partitions: 1, replication_factor: 1, settings: &[] };
        let created = raw.create_topics(&[topic], Duration::from_secs(30)).await.expect("an answer");
        assert_eq!(created, [0]);
        let none = ProducerIdentity { producer_id: -1, producer_epoch: -1 };
        let proxy = Proxy::start(Kafka, Listen::default()).await.expect("it listens");
        proxy.set_upstream(bootstrap);
        let mut transactions = Self { raw, proxy, name, identity: none };
        // The coordinator of a new cluster takes a moment to be there.
        loop {
            let answer =
                transactions.raw.init_producer_id(Some(name), 60_000, none).await.expect("an answer");
            if answer.error_code == 0 {
                transactions.identity = answer.identity;
                return transactions;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn begin(&self) {
        loop {
            let added = self.raw.add_partitions_to_txn(self.name, self.identity, &[(self.name, 0)], 3).await;
            match added.expect("an answer").as_slice() {
                [0] => return,
                // The transaction before it is still being ended, or the topic is not known everywhere yet.
                [51 | 3] => tokio::time::sleep(Duration::from_millis(20)).await,
                other => panic!("AddPartitionsToTxn answered {other:?}"),
            }
        }
    }

    /// The state of the latest transaction, once it is no longer about to change.
    async fn state(&self) -> String {
        loop {
            let state = self.raw.describe_transaction(self.name).await.expect("an answer").state;
            if !state.starts_with("Prepare") {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends EndTxn(commit) through the proxy; whether an answer came.
    async fn commit(&self) -> bool {
        let mut client = Client::connect(&self.proxy, "sink").await;
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(StrBytes::from_string(self.name.to_owned())))
            .with_producer_id(ProducerId(self.identity.producer_id))
            .with_producer_epoch(self.identity.producer_epoch)
            .with_committed(true);
        client.send(&request, VERSION).await;
        client.answer().await.is_ok()
    }
}

#[tokio::test]
async fn exactly_one_answer_of_end_txn_is_lost_and_the_repetition_is_answered() {
    let Some(cluster) = shared_kafka() else { return };
    let transactions = Transactions::new(cluster.bootstrap(), "lost-answer").await;
    let mut events = transactions.proxy.events();
    let lose = Action::Drop { close_after_ms: Some(0) };
    let rule = transactions.proxy.add(end_txn(Side::Response, lose)).expect("it is allowed");
    transactions.begin().await;
    assert_eq!(transactions.state().await, "Ongoing");
    assert!(!transactions.commit().await, "the answer is lost");
    assert_eq!(events.recv().await.expect("an event").what, What::Dropped);
    assert_eq!(transactions.state().await, "CompleteCommit", "the request was not");
    assert!(transactions.commit().await, "the repetition is answered");
    let counts = transactions.proxy.counts(rule).expect("it is there");
    assert_eq!((counts.matched, counts.fired), (2, 1));
}

#[tokio::test]
async fn a_late_end_txn_ends_the_next_transaction_of_the_same_producer_epoch() {
    let Some(cluster) = shared_kafka() else { return };
    let transactions = Transactions::new(cluster.bootstrap(), "late-end").await;
    let mut events = transactions.proxy.events();
    let hold = Action::Hold { after_ms: None, client: ClientSees::Reset };
    let rule = transactions.proxy.add(end_txn(Side::Request, hold)).expect("it is allowed");
    transactions.begin().await;
    assert!(!transactions.commit().await, "the client sees a reset");
    assert_eq!(events.recv().await.expect("an event").what, What::Held);
    assert_eq!(transactions.state().await, "Ongoing", "the request is still on its way");
    assert!(transactions.commit().await, "the repetition is answered");
    assert_eq!(transactions.state().await, "CompleteCommit");
    transactions.begin().await;
    assert_eq!(transactions.state().await, "Ongoing", "the second transaction is open");
    assert_eq!(transactions.proxy.release(rule), 1);
    assert!(matches!(events.recv().await.expect("an event").what, What::Delivered { .. }));
    assert_eq!(events.recv().await.expect("an event").what, What::Answered { error_code: Some(0) });
    assert_eq!(transactions.state().await, "CompleteCommit", "nobody asked for the end of the second one");
}
