//! What a coordinator asks of Kafka: topics, start positions, open transactions. Answers are passed on raw.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;

use truecut_core::{
    Isolation, Job, NextOffset, Outcome, Partition, Position, Producer, Request, TransactionState,
};

use crate::config::JobConfig;
use crate::failure::ProcessError;
use crate::kafka::Transport;
use crate::kafka::raw::{At, ProducerIdentity, RawClient};
use crate::outcome::unanswered;
use crate::store::StateHandle;

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
            Request::Fence { id, timeout_ms } => self.fence(&id.render(&job.prefix), timeout_ms).await,
            _ => unreachable!("no request of a coordinator to Kafka"),
        }
    }

    async fn list(&self, state: TransactionState) -> Outcome<StateHandle> {
        match self.raw.list_transactions(&[state.name()]).await {
            Ok(listing) => Outcome::Listed {
                topic: listing.topic_code,
                leaderless: listing.leaderless,
                brokers: listing.brokers.into_iter().map(|(_, answer)| answer.ok()).collect(),
                names: listing.transactions.into_iter().map(|listed| listed.transactional_id).collect(),
            },
            Err(why) => {
                tracing::info!(%why, "open transactions were not listed");
                unanswered(&why)
            }
        }
    }

    async fn fence(&self, name: &str, timeout_ms: u32) -> Outcome<StateHandle> {
        let timeout_ms = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
        let Producer { id: producer_id, epoch: producer_epoch } = Producer::NONE;
        let nobody = ProducerIdentity { producer_id, producer_epoch };
        let outcome = match self.raw.init_producer_id(Some(name), timeout_ms, nobody).await {
            Ok(initialised) => Outcome::Answer(initialised.error_code),
            Err(why) => unanswered(&why),
        };
        tracing::info!(transaction = name, ?outcome, "fenced a lingering transaction");
        outcome
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
