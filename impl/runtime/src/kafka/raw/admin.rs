//! The cluster's brokers and topics.

use std::time::Duration;

use kafka_protocol::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};

use super::{RawClient, text, topic_name, versions};
use crate::kafka::connection::Transport;

/// The cluster as one broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Brokers that live.
    pub brokers: Vec<Broker>,
    /// Where changes of topics are sent to.
    pub controller: i32,
    /// The topics asked for, or all.
    pub topics: Vec<TopicInfo>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its name or address, as advertised.
    pub host: String,
    /// Its port, as advertised.
    pub port: i32,
}

/// A topic, or why it cannot be described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Raw code; 3 for a topic that does not exist.
    pub error_code: i16,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionInfo>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its number.
    pub partition: i32,
    /// The broker that leads it, if any does.
    pub leader: Option<i32>,
    /// Rises whenever the leader changes or begins again; -1 from a broker that does not tell.
    pub leader_epoch: i32,
    /// Brokers that hold a copy.
    pub replicas: Vec<i32>,
    /// Of these, the ones in sync.
    pub in_sync: Vec<i32>,
}

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions.
    pub partitions: i32,
    /// How many copies of each.
    pub replication_factor: i16,
    /// Settings that differ from the brokers' defaults.
    pub settings: &'a [(&'a str, &'a str)],
}

impl RawClient {
    /// Brokers, and these topics or all topics. Creates none.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn metadata(&self, topics: Option<&[&str]>) -> Result<Metadata, Transport> {
        let named = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default()
            .with_topics(topics.map(|topics| topics.iter().map(named).collect()))
            .with_allow_auto_topic_creation(false);
        let answer = self.ask_any(&request, versions(4, 12)).await?;
        let brokers = answer.brokers.iter().map(|broker| {
            self.routes.learn_address(broker.node_id.0, &broker.host, broker.port);
            Broker { id: broker.node_id.0, host: broker.host.to_string(), port: broker.port }
        });
        Ok(Metadata {
            brokers: brokers.collect(),
            controller: answer.controller_id.0,
            topics: answer.topics.iter().map(topic_info).collect(),
        })
    }

    /// Creates topics; gives the raw code of each (36: it exists) in the order of the request.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic<'_>],
        timeout: Duration,
    ) -> Result<Vec<i16>, Transport> {
        let request = CreateTopicsRequest::default()
            .with_topics(topics.iter().map(creatable).collect())
            .with_timeout_ms(millis(timeout));
        let controller = self.controller().await?;
        let answer = self.ask_broker(controller, &request, versions(2, 7)).await?;
        let code =
            |name: &str| answer.topics.iter().find(|t| t.name.0.as_str() == name).map(|t| t.error_code);
        topics.iter().map(|t| code(t.name).ok_or_else(|| super::incomplete("CreateTopics"))).collect()
    }

    /// Deletes topics; gives the raw code of each (3: there is none) in the order of the request.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn delete_topics(&self, topics: &[&str], timeout: Duration) -> Result<Vec<i16>, Transport> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(topics.iter().map(|name| topic_name(name)).collect())
            .with_timeout_ms(millis(timeout));
        let controller = self.controller().await?;
        let answer = self.ask_broker(controller, &request, versions(1, 5)).await?;
        let code = |name: &str| {
            let named = |t: &&DeletableTopicResult| t.name.as_ref().is_some_and(|n| n.0.as_str() == name);
            answer.responses.iter().find(named).map(|t| t.error_code)
        };
        topics.iter().map(|name| code(name).ok_or_else(|| super::incomplete("DeleteTopics"))).collect()
    }

    async fn controller(&self) -> Result<i32, Transport> {
        // An unanswered look-up has changed nothing.
        let metadata =
            self.metadata(Some(&[])).await.map_err(|error| Transport::NotSent(error.to_string()))?;
        Ok(metadata.controller)
    }
}

fn topic_info(topic: &MetadataResponseTopic) -> TopicInfo {
    let mut partitions: Vec<_> = topic.partitions.iter().map(partition_info).collect();
    partitions.sort_unstable_by_key(|p| p.partition);
    let name = topic.name.as_ref().map(|name| name.0.to_string()).unwrap_or_default();
    TopicInfo { name, error_code: topic.error_code, partitions }
}

fn partition_info(partition: &MetadataResponsePartition) -> PartitionInfo {
    PartitionInfo {
        partition: partition.partition_index,
        leader: Some(partition.leader_id.0).filter(|leader| *leader >= 0),
        leader_epoch: partition.leader_epoch,
        replicas: partition.replica_nodes.iter().map(|broker| broker.0).collect(),
        in_sync: partition.isr_nodes.iter().map(|broker| broker.0).collect(),
    }
}

fn creatable(topic: &NewTopic<'_>) -> CreatableTopic {
    let setting = |(name, value): &(&str, &str)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    };
    CreatableTopic::default()
        .with_name(topic_name(topic.name))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(topic.settings.iter().map(setting).collect())
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
