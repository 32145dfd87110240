//! Steering a cluster by Kafka's own admin protocol: who leads a partition, and with it who coordinates.
//!
//! A move asks the broker that is to lead, since it is told only once it really does; it passes on to the controller what
//! is the controller's. Each step is repeated until it shows: elections answer before everybody knows of them.

use std::fmt;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId as NodeId, DescribeQuorumRequest, ElectLeadersRequest,
    MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::broker::BrokerId;
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::wire::Wire;
use crate::{features, probe};

/// How long a move may take.
const MOVE_LIMIT: Duration = Duration::from_secs(60);
/// The pause between two steps of it.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// How long the controller may take over one step.
const STEP_TIMEOUT_MS: i32 = 4_000;

/// Kafka keeps transactions here, by the hash of their id.
const TRANSACTIONS: &str = "__transaction_state";
/// The partition is led by its preferred replica already.
const ELECTION_NOT_NEEDED: i16 = 84;

/// Where a partition is, by brokers' numbers.
struct Placement {
    leader: i32,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
}

impl Cluster {
    /// Makes a broker the leader of a partition, and its preferred one, so that it stays so. It need not have had a
    /// replica: then it takes the place of the last. Moving `__transaction_state` moves transaction coordinators, moving
    /// `__consumer_offsets` moves group coordinators.
    ///
    /// # Errors
    /// When there is no such broker of ours, or it does not lead after 60 s: what was seen last.
    pub async fn move_leader(&self, topic: &str, partition: i32, to: BrokerId) -> Result<(), ClusterError> {
        self.move_boxed(topic.to_owned(), partition, to).await
    }

    /// Makes a broker the coordinator of a transactional id, and of all others on the same partition.
    ///
    /// # Errors
    /// As [`Cluster::move_leader`].
    pub async fn move_transaction_coordinator(&self, id: &str, to: BrokerId) -> Result<(), ClusterError> {
        let count = self.ask(Question::Partitions(TRANSACTIONS)).await?;
        self.move_boxed(TRANSACTIONS.to_owned(), partition_of(id, count), to).await
    }

    /// The broker that leads a partition, as the brokers tell it that answer.
    ///
    /// # Errors
    /// When none answers, or none leads.
    pub async fn leader(&self, topic: &str, partition: i32) -> Result<BrokerId, ClusterError> {
        self.ask_for_broker(Question::Leader(topic.to_owned(), partition)).await
    }

    /// The broker that coordinates a transactional id.
    ///
    /// # Errors
    /// As [`Cluster::leader`].
    pub async fn transaction_coordinator(&self, id: &str) -> Result<BrokerId, ClusterError> {
        let count = self.ask(Question::Partitions(TRANSACTIONS)).await?;
        self.leader(TRANSACTIONS, partition_of(id, count)).await
    }

    /// The broker that is the active controller.
    ///
    /// # Errors
    /// When no broker answers, or there is none.
    pub async fn controller(&self) -> Result<BrokerId, ClusterError> {
        self.ask_for_broker(Question::Controller).await
    }

    /// The level of `transaction.version` that is in force: 2 and more is the transaction protocol of KIP-890; 0 also
    /// where brokers do not know the feature.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn transaction_version(&self) -> Result<u16, ClusterError> {
        Ok(u16::try_from(self.ask(Question::TransactionVersion).await?).unwrap_or(0))
    }

    fn move_boxed(
        &self,
        topic: String,
        partition: i32,
        to: BrokerId,
    ) -> BoxFuture<'_, Result<(), ClusterError>> {
        Box::pin(async move {
            let (server, started) = (self.address(to)?.to_string(), Instant::now());
            loop {
                let detail = match step(&server, &topic, partition, i32::from(to.number())).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => "the election is not through".to_owned(),
                    Err(detail) => detail,
                };
                if started.elapsed() > MOVE_LIMIT {
                    let doing = format!("make broker {to} the leader of {topic}-{partition}");
                    return Err(ClusterError::Admin { doing, detail });
                }
                tokio::time::sleep(STEP_PAUSE).await;
            }
        })
    }

    /// Asks one broker after the other; the first answer counts.
    fn ask(&self, question: Question) -> BoxFuture<'_, Result<i32, ClusterError>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for server in self.bootstrap().split(',') {
                match answer(server, &question).await {
                    Ok(answer) => return Ok(answer),
                    Err(detail) => seen.push(format!("{server}: {detail}")),
                }
            }
            Err(ClusterError::Admin { doing: question.to_string(), detail: seen.join("; ") })
        })
    }

    async fn ask_for_broker(&self, question: Question) -> Result<BrokerId, ClusterError> {
        let doing = question.to_string();
        let number = self.ask(question).await?;
        let nobody = |_| ClusterError::Admin { doing, detail: "nobody is it now".to_owned() };
        u8::try_from(number).map(BrokerId::new).map_err(nobody)
    }
}

/// What can be asked of any broker.
enum Question {
    Leader(String, i32),
    Partitions(&'static str),
    Controller,
    TransactionVersion,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader(topic, partition) => write!(f, "tell the leader of {topic}-{partition}"),
            Self::Partitions(topic) => write!(f, "tell the partitions of {topic}"),
            Self::Controller => f.write_str("tell the active controller"),
            Self::TransactionVersion => f.write_str("tell its transaction.version"),
        }
    }
}

/// A number in any case: a broker's, of partitions, of a version.
async fn answer(server: &str, question: &Question) -> Result<i32, String> {
    let mut wire = Wire::open(server).await?;
    match question {
        Question::Leader(topic, partition) => Ok(placement(&mut wire, topic, *partition).await?.leader),
        Question::Partitions(topic) => {
            i32::try_from(describe(&mut wire, topic).await?.len()).map_err(|e| e.to_string())
        }
        Question::Controller => controller(&mut wire).await,
        Question::TransactionVersion => {
            Ok(i32::from(probe::level(&wire.hello, features::TRANSACTION_VERSION)))
        }
    }
}

async fn controller(wire: &mut Wire) -> Result<i32, String> {
    let topic = TopicData::default()
        .with_topic_name(name("__cluster_metadata"))
        .with_partitions(vec![PartitionData::default()]);
    let answer = wire.call(&DescribeQuorumRequest::default().with_topics(vec![topic]), 1).await?;
    let quorums = || answer.topics.iter().flat_map(|topic| &topic.partitions);
    let codes = std::iter::once(answer.error_code).chain(quorums().map(|quorum| quorum.error_code));
    demand_success("DescribeQuorum", codes)?;
    quorums().next().map(|quorum| quorum.leader_id.0).ok_or_else(|| "it tells no quorum".to_owned())
}

/// Takes the next step of a move; true once `to` leads.
async fn step(server: &str, topic: &str, partition: i32, to: i32) -> Result<bool, String> {
    let mut wire = Wire::open(server).await?;
    let now = placement(&mut wire, topic, partition).await?;
    if now.replicas.first() != Some(&to) {
        reassign(&mut wire, topic, partition, preferring(to, &now.replicas)).await?;
    } else if now.leader == to {
        return Ok(true);
    } else if now.in_sync.contains(&to) {
        elect(&mut wire, topic, partition).await?;
    } else {
        return Err("it is not in sync".to_owned());
    }
    Ok(false)
}

/// The same replicas with `to` first; if it had none, the last gives way.
fn preferring(to: i32, replicas: &[i32]) -> Vec<i32> {
    let others = replicas.iter().copied().filter(|other| *other != to);
    std::iter::once(to).chain(others).take(replicas.len()).collect()
}

async fn reassign(wire: &mut Wire, topic: &str, partition: i32, replicas: Vec<i32>) -> Result<(), String> {
    let change = ReassignablePartition::default()
        .with_partition_index(partition)
        .with_replicas(Some(replicas.into_iter().map(NodeId).collect()));
    let topic = ReassignableTopic::default().with_name(name(topic)).with_partitions(vec![change]);
    let request = AlterPartitionReassignmentsRequest::default()
        .with_timeout_ms(STEP_TIMEOUT_MS)
        .with_topics(vec![topic]);
    let answer = wire.call(&request, 0).await?;
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let codes = std::iter::once(answer.error_code).chain(partitions.map(|partition| partition.error_code));
    demand_success("AlterPartitionReassignments", codes)
}

async fn elect(wire: &mut Wire, topic: &str, partition: i32) -> Result<(), String> {
    let which = TopicPartitions::default().with_topic(name(topic)).with_partitions(vec![partition]);
    let request = ElectLeadersRequest::default()
        .with_election_type(0) // the preferred leader
        .with_topic_partitions(Some(vec![which]))
        .with_timeout_ms(STEP_TIMEOUT_MS);
    let answer = wire.call(&request, 2).await?;
    let partitions = answer.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
    let codes = std::iter::once(answer.error_code).chain(partitions.map(|partition| partition.error_code));
    demand_success("ElectLeaders", codes.filter(|code| *code != ELECTION_NOT_NEEDED))
}

fn demand_success(what: &str, codes: impl Iterator<Item = i16>) -> Result<(), String> {
    match codes.into_iter().find(|code| *code != 0) {
        Some(code) => Err(format!("{what} answered Kafka error {code}")),
        None => Ok(()),
    }
}

async fn placement(wire: &mut Wire, topic: &str, partition: i32) -> Result<Placement, String> {
    let found = describe(wire, topic).await?.into_iter().find(|(index, _)| *index == partition);
    found.map(|(_, placement)| placement).ok_or_else(|| format!("{topic} has no partition {partition}"))
}

/// All partitions of a topic with their numbers.
async fn describe(wire: &mut Wire, topic: &str) -> Result<Vec<(i32, Placement)>, String> {
    let wanted = MetadataRequestTopic::default().with_name(Some(name(topic)));
    let request =
        MetadataRequest::default().with_topics(Some(vec![wanted])).with_allow_auto_topic_creation(false);
    let answer = wire.call(&request, 12).await?;
    let numbers = |ids: &[NodeId]| ids.iter().map(|id| id.0).collect();
    let mut all = Vec::new();
    for found in &answer.topics {
        demand_success(&format!("Metadata of {topic}"), [found.error_code].into_iter())?;
        all.extend(found.partitions.iter().map(|partition| {
            let (replicas, in_sync) = (numbers(&partition.replica_nodes), numbers(&partition.isr_nodes));
            (partition.partition_index, Placement { leader: partition.leader_id.0, replicas, in_sync })
        }));
    }
    Ok(all)
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// The partition of `__transaction_state` that has an id: `Utils.abs(id.hashCode()) % count`, as Kafka's
/// `TransactionStateManager` has it.
fn partition_of(id: &str, count: i32) -> i32 {
    let hash =
        id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0).checked_rem(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_hash_as_in_java() {
        // "polygenelubricants".hashCode() is the smallest integer, which has no absolute value.
        assert_eq!(partition_of("polygenelubricants", 4), 0);
        // "hello".hashCode() is 99162322.
        assert_eq!(partition_of("hello", 50), 22);
        assert_eq!(partition_of("hello", 0), 0);
    }

    #[test]
    fn the_one_that_is_to_lead_comes_first_and_the_count_stays() {
        assert_eq!(preferring(3, &[1, 2, 3]), [3, 1, 2]);
        assert_eq!(preferring(3, &[1, 2]), [3, 1]);
        assert_eq!(preferring(3, &[1]), [3]);
    }
}
