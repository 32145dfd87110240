//! Is a broker ready, is the cluster whole, which Kafka is it? Asked in Kafka's own protocol, never read from a log.

use kafka_protocol::messages::{
    ApiVersionsResponse, FindCoordinatorRequest, MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::StrBytes;

use crate::wire::Wire;

const KEY_TYPE_GROUP: i8 = 0;
const KEY_TYPE_TRANSACTION: i8 = 1;

/// Asks once whether a broker serves transactions and groups; the error is what was seen instead.
///
/// The first such question also creates Kafka's internal topics.
pub(crate) async fn serves(server: &str) -> Result<(), String> {
    coordinates(&mut Wire::open(server).await?).await
}

/// Asks once whether a broker serves, and sees a whole cluster of `brokers`: all of them there, and every partition with
/// a leader and all its replicas in sync.
pub(crate) async fn is_whole(server: &str, brokers: usize) -> Result<(), String> {
    let mut wire = Wire::open(server).await?;
    coordinates(&mut wire).await?;
    let everything = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    whole(&wire.call(&everything, 12).await?, brokers)
}

async fn coordinates(wire: &mut Wire) -> Result<(), String> {
    for key_type in [KEY_TYPE_TRANSACTION, KEY_TYPE_GROUP] {
        let request = FindCoordinatorRequest::default()
            .with_key(StrBytes::from_static_str("probe"))
            .with_key_type(key_type);
        let code = wire.call(&request, 3).await?.error_code;
        if code != 0 {
            return Err(format!("no coordinator yet (key type {key_type}, Kafka error {code})"));
        }
    }
    Ok(())
}

fn whole(seen: &MetadataResponse, brokers: usize) -> Result<(), String> {
    if seen.brokers.len() != brokers {
        return Err(format!("it sees {} of {brokers} brokers", seen.brokers.len()));
    }
    for topic in &seen.topics {
        let name = topic.name.as_ref().map_or("", |name| name.0.as_str());
        if topic.error_code != 0 {
            return Err(format!("{name} answers Kafka error {}", topic.error_code));
        }
        for partition in &topic.partitions {
            let (all, there) = (partition.replica_nodes.len(), partition.isr_nodes.len());
            if partition.leader_id.0 < 0 || there < all {
                let index = partition.partition_index;
                return Err(format!("{name}-{index} has {there} of {all} replicas in sync"));
            }
        }
    }
    Ok(())
}

/// The release that a broker says it is, such as `4.3`, by its finalized `metadata.version`; the error is what was seen.
pub(crate) async fn release(server: &str) -> Result<String, String> {
    Ok(release_of(level(&Wire::open(server).await?.hello, "metadata.version")))
}

/// The level of a finalized feature; 0 where the broker has none.
pub(crate) fn level(hello: &ApiVersionsResponse, feature: &str) -> i16 {
    let found = hello.finalized_features.iter().find(|found| found.name.as_str() == feature);
    found.map_or(0, |found| found.max_version_level)
}

/// The release whose level this is (`org.apache.kafka.server.common.MetadataVersion` of Kafka 4.3).
fn release_of(level: i16) -> String {
    let release = match level {
        ..=0 => "unknown, without KRaft",
        1..=14 => "3.x before 3.7",
        15..=19 => "3.7",
        20 => "3.8",
        21 => "3.9",
        22..=25 => "4.0",
        26..=27 => "4.1",
        28..=29 => "4.2",
        30 => "4.3",
        _ => return format!("after 4.3 (metadata.version {level})"),
    };
    release.to_owned()
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId;
    use kafka_protocol::messages::api_versions_response::FinalizedFeatureKey;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };

    use super::*;

    #[test]
    fn the_release_is_read_from_finalized_features() {
        let feature = |name, level| {
            FinalizedFeatureKey::default()
                .with_name(StrBytes::from_static_str(name))
                .with_max_version_level(level)
        };
        let hello = ApiVersionsResponse::default()
            .with_finalized_features(vec![feature("some", 1), feature("metadata.version", 30)]);
        assert_eq!(release_of(level(&hello, "metadata.version")), "4.3");
        assert_eq!(level(&hello, "transaction.version"), 0);
    }

    #[test]
    fn a_cluster_is_whole_only_with_every_broker_and_every_replica() {
        let seen = |brokers: usize, in_sync: &[i32], leader: i32| {
            let ids = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect();
            let partition = MetadataResponsePartition::default()
                .with_leader_id(BrokerId(leader))
                .with_replica_nodes(ids(&[1, 2, 3]))
                .with_isr_nodes(ids(in_sync));
            MetadataResponse::default()
                .with_brokers(vec![MetadataResponseBroker::default(); brokers])
                .with_topics(vec![MetadataResponseTopic::default().with_partitions(vec![partition])])
        };
        assert_eq!(whole(&seen(3, &[1, 2, 3], 1), 3), Ok(()));
        assert!(whole(&seen(2, &[1, 2, 3], 1), 3).is_err());
        assert!(whole(&seen(3, &[1, 3], 1), 3).is_err());
        assert!(whole(&seen(3, &[1, 2, 3], -1), 3).is_err());
    }
}
