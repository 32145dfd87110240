//! What a coordinator asks of Kafka: topics, start positions, open transactions. Answers are passed on raw.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;

use truecut_core::{Isolation, Job, NextOffset, Outcome, Partition, Position, Request, TransactionState};

use crate::config::{CommitByConfig, JobConfig};
use crate::failure::ProcessError;
use crate::kafka::Transport;
use crate::kafka::markers::Markers;
use crate::kafka::raw::{At, RawClient};
use crate::outcome::unanswered;
use crate::store::StateHandle;
use crate::task::transactions;

/// Kafka's code for a topic that does not exist.
const UNKNOWN_TOPIC: i16 = 3;

/// The coordinator's requests to Kafka.
pub struct Admin {
    raw: RawClient,
    config: JobConfig,
}

impl Admin {
    /// Requests for a job.
    #[must_use]
    pub fn new(raw: RawClient, config: JobConfig) -> Self {
        Self { raw, config }
    }

    /// Checks that both topics exist and fit the job. Returns the partitions of the input topic.
    ///
    /// # Errors
    /// Kafka can't be reached, a topic is missing, or it has fewer partitions than there are source subtasks.
    pub async fn check_topics(&self) -> Result<u32, ProcessError> {
        let (input, output) = (self.config.source.topic.as_str(), self.config.sink.topic.as_str());
        let unreachable = |why: Transport| ProcessError::Environment {
            detail: format!(
                "can't reach Kafka at {}: {why}; is it running, and is `bootstrap` right?",
                self.config.bootstrap
            ),
        };
        let metadata = self.raw.metadata(Some(&[input, output])).await.map_err(unreachable)?;
        let partitions = |topic: &str| {
            let info = metadata.topics.iter().find(|info| info.name == topic);
            match info {
                Some(info) if info.error_code == 0 => Ok(info.partitions.len()),
                Some(info) if info.error_code != UNKNOWN_TOPIC => Err(ProcessError::Environment {
                    detail: format!("Kafka answers error code {} for topic `{topic}`", info.error_code),
                }),
                _ => Err(ProcessError::BadData {
                    detail: format!(
                        "topic `{topic}` does not exist at {}: create it, or name another one in the job file",
                        self.config.bootstrap
                    ),
                }),
            }
        };
        partitions(output)?;
        if self.config.sink.commit_by == CommitByConfig::Log {
            let of_output = metadata.topics.iter().find(|info| info.name == output);
            let replicas = of_output.and_then(|info| Some(info.partitions.first()?.replicas.len()));
            self.check_markers(replicas.and_then(|replicas| i16::try_from(replicas).ok()).unwrap_or(1))
                .await?;
        }
        let have = partitions(input)?;
        let readers = usize::from(self.config.source.parallelism);
        if have < readers {
            let detail = format!(
                "topic `{input}` has {have} partitions, but `source.parallelism` is {readers}: a subtask without a partition reads nothing; lower the parallelism to {have}"
            );
            return Err(ProcessError::BadData { detail });
        }
        u32::try_from(have).map_err(|error| ProcessError::Internal { detail: error.to_string() })
    }

    async fn check_markers(&self, replication_factor: i16) -> Result<(), ProcessError> {
        let topic = self.config.marker_topic();
        let markers = Markers::new(&topic, &self.config.name);
        let subtasks = self.config.operator.parallelism;
        let environment = |what: String| ProcessError::Environment { detail: what };
        let prepared = markers.prepare(&self.raw, subtasks, replication_factor).await;
        let prepared = prepared.map_err(|why| environment(format!("can't make topic `{topic}`: {why}")))?;
        let partitions = prepared.map_err(|code| {
            environment(format!("Kafka answers error code {code} for topic `{topic}`, which `sink.commit_by = \"log\"` needs: create it, compacted, with {subtasks} partitions"))
        })?;
        if partitions < usize::from(subtasks) {
            let detail = format!(
                "topic `{topic}` has {partitions} partitions, but each of {subtasks} sink subtasks needs one for its markers: add partitions, or name another one by `sink.marker_topic`"
            );
            return Err(ProcessError::BadData { detail });
        }
        Ok(())
    }

    /// Performs a request of a job.
    ///
    /// # Panics
    /// If it is not one of a coordinator to Kafka.
    pub async fn perform(&self, job: &Job, request: Request<StateHandle>) -> Outcome<StateHandle> {
        match request {
            Request::ResolveStart { position, isolation } => {
                self.resolve(position, isolation).await.unwrap_or_else(|outcome| outcome)
            }
            Request::ListTransactions(state) => self.list(state).await,
            Request::Fence { id, timeout_ms } => {
                transactions::fence(&self.raw, &id.render(&job.prefix), timeout_ms).await
            }
            _ => unreachable!("no request of a coordinator to Kafka"),
        }
    }

    async fn list(&self, state: TransactionState) -> Outcome<StateHandle> {
        match self.raw.list_transactions(&[state.name()]).await {
            Ok(listing) => {
                let mut brokers = Vec::new();
                for (broker, answer) in listing.brokers {
                    match answer {
                        Ok(code) => brokers.push(Some(code)),
                        Err(Transport::Unsupported(why)) => return unanswered(&Transport::Unsupported(why)),
                        Err(why) => {
                            tracing::info!(broker, %why, "a broker did not list its open transactions");
                            brokers.push(None);
                        }
                    }
                }
                let names = listing.transactions.into_iter().map(|listed| listed.transactional_id).collect();
                Outcome::Listed { topic: listing.topic_code, leaderless: listing.leaderless, brokers, names }
            }
            Err(why) => {
                tracing::info!(%why, "open transactions were not listed");
                unanswered(&why)
            }
        }
    }

    async fn resolve(
        &self,
        position: Position,
        isolation: Isolation,
    ) -> Result<Outcome<StateHandle>, Outcome<StateHandle>> {
        let topic = self.config.source.topic.as_str();
        let metadata = self.raw.metadata(Some(&[topic])).await.map_err(|why| unanswered(&why))?;
        let info = metadata.topics.iter().find(|info| info.name == topic).ok_or(Outcome::Unknown)?;
        if info.error_code != 0 {
            return Err(Outcome::Answer(info.error_code));
        }
        let numbers: Vec<i32> = info.partitions.iter().map(|partition| partition.partition).collect();
        let found = match position {
            Position::Committed => self.committed(&numbers).await?,
            Position::Earliest => self.offsets(&numbers, At::Earliest, isolation).await?,
            Position::Latest => self.offsets(&numbers, At::Latest, isolation).await?,
        };
        let mut offsets = BTreeMap::new();
        for (number, next) in found {
            let partition =
                u32::try_from(number).map_err(|error| Outcome::Failed { detail: error.to_string() })?;
            offsets.insert(Partition::new(partition), NextOffset::new(next));
        }
        Ok(Outcome::Offsets(offsets))
    }

    async fn offsets(
        &self,
        partitions: &[i32],
        at: At,
        isolation: Isolation,
    ) -> Result<BTreeMap<i32, i64>, Outcome<StateHandle>> {
        let mut offsets = BTreeMap::new();
        for partition in partitions {
            let listed = self.raw.list_offsets(&self.config.source.topic, *partition, at, isolation).await;
            let listed = listed.map_err(|why| unanswered(&why))?;
            match listed.offset {
                Some(offset) if listed.error_code == 0 => offsets.insert(*partition, offset),
                _ => return Err(Outcome::Answer(listed.error_code)),
            };
        }
        Ok(offsets)
    }

    async fn committed(&self, partitions: &[i32]) -> Result<BTreeMap<i32, i64>, Outcome<StateHandle>> {
        let fetched = self.raw.offset_fetch(self.config.group(), &self.config.source.topic, partitions).await;
        let fetched = fetched.map_err(|why| unanswered(&why))?;
        let mut committed = BTreeMap::new();
        for (partition, answer) in partitions.iter().zip(fetched) {
            if answer.error_code != 0 {
                return Err(Outcome::Answer(answer.error_code));
            }
            if let Some(offset) = answer.offset {
                committed.insert(*partition, offset);
            }
        }
        Ok(committed)
    }
}
