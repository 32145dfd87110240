//! What benchmarks ask of Kafka besides records: topics, and where they end.

use std::time::Duration;

use truecut_cluster::Cluster;
use truecut_runtime::kafka::Cluster as Address;
use truecut_runtime::kafka::raw::{At, Isolation, NewTopic, RawClient};

use crate::failure::Failure;

/// How long Kafka may take for a topic.
const LIMIT: Duration = Duration::from_secs(30);
/// The pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// A client of the benchmark's Kafka.
#[derive(Clone)]
pub(super) struct Kafka {
    raw: RawClient,
    bootstrap: String,
    /// Of its only broker, if that is a process of this machine.
    broker: Option<u32>,
}

/// A topic of a benchmark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) partitions: u16,
}

/// The end of each partition: one past the last record that may be read.
pub(super) type Ends = Vec<i64>;

impl Kafka {
    pub(super) async fn of(cluster: &Cluster) -> Self {
        let bootstrap = cluster.bootstrap().to_owned();
        let only = cluster.brokers().next();
        let broker = match only {
            Some(broker) => cluster.pid(broker).await,
            None => None,
        };
        Self { raw: RawClient::new(Address::new(&bootstrap, "truecut-bench")), bootstrap, broker }
    }

    /// The process of the broker, if it is one of this machine.
    pub(super) fn broker(&self) -> Option<u32> {
        self.broker
    }

    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Makes a topic and waits until every partition has a leader.
    pub(super) async fn create(&self, name: String, partitions: u16) -> Result<Topic, Failure> {
        let topic = Topic { name, partitions };
        let new = NewTopic {
            name: &topic.name,
            partitions: partitions.into(),
            replication_factor: -1,
            settings: &[],
        };
        let codes = self.raw.create_topics(&[new], LIMIT).await.map_err(|why| self.silent(&why))?;
        if let Some(code) = codes.into_iter().find(|code| *code != 0) {
            let text = format!(
                "Kafka at {} refused to create the topic {} with error code {code}",
                self.bootstrap, topic.name
            );
            return Err(Failure::environment(text));
        }
        let asked = async {
            while self.ends(&topic, Isolation::ReadUncommitted).await.is_none() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(LIMIT, asked).await.map_err(|_| {
            self.silent(&format!("the topic {} has no leaders after {} s", topic.name, LIMIT.as_secs()))
        })?;
        Ok(topic)
    }

    /// Deletes a topic. One that can't be deleted stays, and harms nobody.
    pub(super) async fn delete(&self, topic: &Topic) {
        drop(self.raw.delete_topics(&[&topic.name], LIMIT).await);
    }

    /// Where a topic ends; `None` while Kafka does not say.
    pub(super) async fn ends(&self, topic: &Topic, isolation: Isolation) -> Option<Ends> {
        let partitions: Vec<i32> = (0..i32::from(topic.partitions)).collect();
        let listed = self.raw.list_ends(&topic.name, &partitions, isolation).await.ok()?;
        let mut ends = Ends::with_capacity(listed.len());
        for (partition, answer) in partitions.into_iter().zip(listed) {
            let offset = match answer.offset.filter(|_| answer.error_code == 0) {
                Some(offset) => offset,
                // Another broker leads it.
                None => self.end(&topic.name, partition, isolation).await?,
            };
            ends.push(offset);
        }
        Some(ends)
    }

    async fn end(&self, topic: &str, partition: i32, isolation: Isolation) -> Option<i64> {
        let listed = self.raw.list_offsets(topic, partition, At::Latest, isolation).await.ok()?;
        listed.offset.filter(|_| listed.error_code == 0)
    }

    fn silent(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::environment(format!("Kafka at {} does not answer: {why}", self.bootstrap))
    }
}
