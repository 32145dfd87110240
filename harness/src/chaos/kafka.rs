//! What the harness itself asks of Kafka: topics, ends of logs, open transactions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::raw::{At, Isolation, NewTopic, RawClient};

use super::job::Names;
use super::plan::{Plan, Topic};
use crate::failure::Failure;

/// Kafka's code for a topic that does not exist: no transaction was ever begun.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// How long Kafka may take to create topics and let them be used.
const TOPICS_LIMIT: Duration = Duration::from_secs(30);
/// A question is asked again for so long.
const PATIENCE: Duration = Duration::from_secs(15);

/// A client of the run's cluster.
#[derive(Clone)]
pub(super) struct Kafka {
    raw: RawClient,
    bootstrap: String,
    names: Names,
}

impl Kafka {
    pub(super) fn new(bootstrap: &str, names: &Names) -> Self {
        let cluster = Cluster::new(bootstrap, &format!("{}-harness", names.job));
        Self { raw: RawClient::new(cluster), bootstrap: bootstrap.to_owned(), names: names.clone() }
    }

    pub(super) fn raw(&self) -> &RawClient {
        &self.raw
    }

    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Creates both topics and waits until every partition has a leader.
    pub(super) async fn create_topics(&self, plan: &Plan) -> Result<(), Failure> {
        let topic = |name, partitions: u16, settings| NewTopic {
            name,
            partitions: partitions.into(),
            replication_factor: -1,
            settings,
        };
        let topics = [
            topic(&self.names.input, plan.job.input_partitions, &[]),
            // When a zombie's record reached the log, not when the zombie made it.
            topic(
                &self.names.output,
                plan.job.output_partitions,
                &[("message.timestamp.type", "LogAppendTime")],
            ),
        ];
        let codes = self.raw.create_topics(&topics, TOPICS_LIMIT).await.map_err(|why| self.silent(&why))?;
        for (topic, code) in topics.iter().zip(codes) {
            if code != 0 {
                return Err(self.refused(&format!("to create the topic {}", topic.name), code));
            }
        }
        for topic in &topics {
            for partition in 0..topic.partitions {
                self.end(topic.name, partition, Isolation::ReadUncommitted).await?;
            }
        }
        Ok(())
    }

    /// The name of a topic of the job.
    pub(super) fn topic(&self, of: Topic) -> &str {
        match of {
            Topic::Input => &self.names.input,
            Topic::Output => &self.names.output,
        }
    }

    /// Deletes one topic.
    pub(super) async fn delete_topic(&self, name: &str) -> Result<(), Failure> {
        let codes = self.raw.delete_topics(&[name], TOPICS_LIMIT).await.map_err(|why| self.silent(&why))?;
        match codes.first() {
            Some(0) | None => Ok(()),
            Some(code) => Err(self.refused(&format!("to delete the topic {name}"), *code)),
        }
    }

    /// Deletes both topics; what can't be deleted stays.
    pub(super) async fn delete_topics(&self) -> Result<(), Failure> {
        let topics = [self.names.input.as_str(), self.names.output.as_str()];
        let deleted = self.raw.delete_topics(&topics, TOPICS_LIMIT).await;
        deleted.map(drop).map_err(|why| self.silent(&why))
    }

    /// One past the last record that the isolation lets be read.
    async fn end(&self, topic: &str, partition: i32, isolation: Isolation) -> Result<i64, Failure> {
        patiently(|| self.ask_end(topic, partition, isolation)).await
    }

    async fn ask_end(&self, topic: &str, partition: i32, isolation: Isolation) -> Result<i64, Failure> {
        let listed = self.raw.list_offsets(topic, partition, At::Latest, isolation).await;
        let listed = listed.map_err(|why| self.silent(&why))?;
        let offset = listed.offset.filter(|_| listed.error_code == 0);
        offset.ok_or_else(|| {
            self.refused(&format!("to say where {topic} partition {partition} ends"), listed.error_code)
        })
    }

    /// Output partitions in which committed readers can't read to the end: a transaction is open there.
    pub(super) async fn blocked_partitions(&self, plan: &Plan) -> Result<Vec<i32>, Failure> {
        let mut blocked = Vec::new();
        for partition in 0..i32::from(plan.job.output_partitions) {
            let stable = self.end(&self.names.output, partition, Isolation::ReadCommitted).await?;
            let high = self.end(&self.names.output, partition, Isolation::ReadUncommitted).await?;
            if stable < high {
                blocked.push(partition);
            }
        }
        Ok(blocked)
    }

    /// The job's transactions that are open.
    pub(super) async fn open_transactions(&self) -> Result<Vec<String>, Failure> {
        let ask = || async {
            let listing = self.raw.list_transactions(&["Ongoing"]).await.map_err(|why| self.silent(&why))?;
            let silent = listing.brokers.iter().find(|(_, answer)| *answer != Ok(0));
            let topic = matches!(listing.topic_code, Some(0 | UNKNOWN_TOPIC_OR_PARTITION));
            match (silent, listing.leaderless) {
                (None, 0) if topic && !listing.brokers.is_empty() => Ok(listing.transactions),
                gap => Err(self.silent(&format!("transactions can't be listed in full ({gap:?})"))),
            }
        };
        let prefix = format!("{}/", self.names.job);
        let names = patiently(ask).await?.into_iter().map(|listed| listed.transactional_id);
        Ok(names.filter(|name| name.starts_with(&prefix)).collect())
    }

    /// How many records lie in the input: none are transactional, so that its offsets count them.
    pub(super) async fn input_records(&self, plan: &Plan) -> Result<u64, Failure> {
        let mut records = 0;
        for partition in 0..i32::from(plan.job.input_partitions) {
            let end = self.end(&self.names.input, partition, Isolation::ReadCommitted).await?;
            records += u64::try_from(end).unwrap_or(0);
        }
        Ok(records)
    }

    /// Whether the offsets that the job left with its group are the ends of the input.
    pub(super) async fn input_is_consumed(&self, plan: &Plan) -> Result<bool, Failure> {
        let partitions: Vec<i32> = (0..i32::from(plan.job.input_partitions)).collect();
        let ask = || async {
            let fetched = self.raw.offset_fetch(&self.names.job, &self.names.input, &partitions).await;
            fetched.map_err(|why| self.silent(&why))
        };
        let fetched = patiently(ask).await?;
        let group: BTreeMap<i32, i64> = partitions
            .iter()
            .zip(fetched)
            .filter_map(|(partition, at)| Some((*partition, at.offset?)))
            .collect();
        for partition in partitions {
            let end = self.end(&self.names.input, partition, Isolation::ReadCommitted).await?;
            if group.get(&partition).copied().unwrap_or(0) < end {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn silent(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::environment(format!("Kafka at {} does not answer: {why}", self.bootstrap))
    }

    fn refused(&self, what: &str, code: i16) -> Failure {
        Failure::environment(format!("Kafka at {} refused {what} with error code {code}", self.bootstrap))
    }
}

/// Asks until there is an answer, or patience ends.
pub(super) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let since = Instant::now();
    loop {
        match ask().await {
            Err(_) if since.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
            answer => return answer,
        }
    }
}
