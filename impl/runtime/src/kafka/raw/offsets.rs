//! Offsets: of logs, and of consumer groups.

use kafka_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsResponse};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic};
use kafka_protocol::messages::{BrokerId, GroupId};

use super::routes::Target;
use super::{Isolation, RawClient, incomplete, level, text, topic_name, versions};
use crate::kafka::connection::Transport;

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The first record that is still kept.
    Earliest,
    /// One past the last record that the isolation lets be read.
    Latest,
    /// The first record not older than this, in milliseconds since 1970.
    Timestamp(i64),
}

/// Answer to ListOffsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// 0, or why not.
    pub error_code: i16,
    /// The offset; `None` when no record is as young as the timestamp asked for.
    pub offset: Option<i64>,
}

/// Answer to OffsetFetch for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// 0, or why not.
    pub error_code: i16,
    /// The committed next offset; `None` when there is none.
    pub offset: Option<i64>,
}

impl RawClient {
    /// ListOffsets of one partition.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn list_offsets(
        &self,
        topic: &str,
        partition: i32,
        at: At,
        isolation: Isolation,
    ) -> Result<ListedOffset, Transport> {
        let timestamp = match at {
            At::Earliest => -2,
            At::Latest => -1,
            At::Timestamp(timestamp_ms) => timestamp_ms,
        };
        let asked = ListOffsetsPartition::default()
            .with_partition_index(partition)
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(level(isolation))
            .with_topics(vec![
                ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]),
            ]);
        let target = Target::Leader { topic: topic.to_owned(), partition };
        let code = |answer: &ListOffsetsResponse| only(answer).map_or(0, |p| p.error_code);
        match self.ask(&target, &request, versions(2, 7), code).await? {
            Err(error_code) => Ok(ListedOffset { error_code, offset: None }),
            Ok(answer) => {
                let found = only(&answer).ok_or_else(|| incomplete("ListOffsets"))?;
                let offset = Some(found.offset).filter(|offset| *offset >= 0);
                Ok(ListedOffset { error_code: found.error_code, offset })
            }
        }
    }

    /// ListOffsets of several partitions in one request: where each ends. It goes to the leader of the first of them; a partition
    /// that another broker leads has that broker's refusal as its code, and can be asked for by itself.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn list_ends(
        &self,
        topic: &str,
        partitions: &[i32],
        isolation: Isolation,
    ) -> Result<Vec<ListedOffset>, Transport> {
        let one = |partition: &i32| {
            ListOffsetsPartition::default()
                .with_partition_index(*partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(-1)
        };
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.iter().map(one).collect());
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(level(isolation))
            .with_topics(vec![asked]);
        let Some(first) = partitions.first() else { return Ok(Vec::new()) };
        let target = Target::Leader { topic: topic.to_owned(), partition: *first };
        let code = |answer: &ListOffsetsResponse| only(answer).map_or(0, |p| p.error_code);
        match self.ask(&target, &request, versions(2, 7), code).await? {
            Err(error_code) => Ok(vec![ListedOffset { error_code, offset: None }; partitions.len()]),
            Ok(answer) => {
                let found = |partition: &i32| {
                    let mut all = answer.topics.iter().flat_map(|topic| &topic.partitions);
                    let found = all
                        .find(|found| found.partition_index == *partition)
                        .ok_or_else(|| incomplete("ListOffsets"))?;
                    let offset = Some(found.offset).filter(|offset| *offset >= 0);
                    Ok(ListedOffset { error_code: found.error_code, offset })
                };
                partitions.iter().map(found).collect()
            }
        }
    }

    /// OffsetFetch: the group's committed offsets of these partitions of a topic, in order.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn offset_fetch(
        &self,
        group: &str,
        topic: &str,
        partitions: &[i32],
    ) -> Result<Vec<CommittedOffset>, Transport> {
        let asked = OffsetFetchRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partition_indexes(partitions.to_vec());
        let request =
            OffsetFetchRequest::default().with_group_id(GroupId(text(group))).with_topics(Some(vec![asked]));
        let target = Target::Group(group.to_owned());
        let answer = match self.ask(&target, &request, versions(2, 7), |a| a.error_code).await? {
            Ok(answer) if answer.error_code == 0 => answer,
            Ok(answer) => return Ok(refused(answer.error_code, partitions)),
            Err(error_code) => return Ok(refused(error_code, partitions)),
        };
        let found = |partition: &i32| {
            let mut all = answer.topics.iter().flat_map(|t| &t.partitions);
            let found =
                all.find(|p| p.partition_index == *partition).ok_or_else(|| incomplete("OffsetFetch"))?;
            let offset = Some(found.committed_offset).filter(|offset| *offset >= 0);
            Ok(CommittedOffset { error_code: found.error_code, offset })
        };
        partitions.iter().map(found).collect()
    }

    /// OffsetCommit as a consumer that assigns partitions to itself; gives the raw code of each, in order.
    /// Kafka refuses it (25, UNKNOWN_MEMBER_ID) while members are subscribed to the group.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn offset_commit(
        &self,
        group: &str,
        topic: &str,
        next_offsets: &[(i32, i64)],
    ) -> Result<Vec<i16>, Transport> {
        let one = |(partition, offset): &(i32, i64)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(text("")))
        };
        let asked = OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(next_offsets.iter().map(one).collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![asked]);
        let target = Target::Group(group.to_owned());
        let worst = |answer: &kafka_protocol::messages::OffsetCommitResponse| {
            let mut codes = answer.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code);
            codes.find(|code| *code != 0).unwrap_or(0)
        };
        match self.ask(&target, &request, versions(5, 9), worst).await? {
            Err(code) => Ok(vec![code; next_offsets.len()]),
            Ok(answer) => next_offsets
                .iter()
                .map(|(partition, _)| {
                    let mut all = answer.topics.iter().flat_map(|t| &t.partitions);
                    let found = all.find(|p| p.partition_index == *partition);
                    found.map(|p| p.error_code).ok_or_else(|| incomplete("OffsetCommit"))
                })
                .collect(),
        }
    }
}

fn only(answer: &ListOffsetsResponse) -> Option<&ListOffsetsPartitionResponse> {
    answer.topics.first().and_then(|topic| topic.partitions.first())
}

fn refused(error_code: i16, partitions: &[i32]) -> Vec<CommittedOffset> {
    vec![CommittedOffset { error_code, offset: None }; partitions.len()]
}
