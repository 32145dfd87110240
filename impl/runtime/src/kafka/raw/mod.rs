//! Raw requests: what librdkafka cannot say. One method per request; answers are Kafka's own codes.
//!
//! Decides only the way to the right broker: the coordinator of an id, the leader of a partition, the controller.
//! Routes are remembered, and looked up anew after any answer that is not 0 and after a lost connection. A code that
//! the look-up itself is answered with is given as the request's own; the request was then not sent.

mod admin;
mod listing;
mod offsets;
mod records;
mod routes;
mod transactions;

use std::sync::Arc;

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::{StrBytes, VersionRange};

pub use admin::{Broker, Metadata, NewTopic, PartitionInfo, TopicInfo};
pub use listing::{Listed, Listing};
pub use offsets::{At, CommittedOffset, ListedOffset};
pub use records::{Aborted, Appended, Fetched, LogBatch, LogRecord, Marker, NewRecord, NewRecords};
pub use transactions::{Description, Ended, Initialised};

pub use truecut_core::Isolation;

use super::connection::{Cluster, Transport};
use routes::Routes;

/// A producer as Kafka knows it. One transaction has exactly one such identity, from produce to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdentity {
    /// Given by the cluster, unique for ever.
    pub producer_id: i64,
    /// Rises with each InitProducerId, and so fences what came before.
    pub producer_epoch: i16,
}

impl ProducerIdentity {
    /// Of nobody: where there is none, or where a new one is asked for whatever the current one is.
    pub const NOBODY: Self = Self { producer_id: -1, producer_epoch: -1 };
}

/// Sends raw requests; clones share connections. Requests to one broker travel in order on one connection.
#[derive(Clone)]
pub struct RawClient {
    routes: Arc<Routes>,
}

impl RawClient {
    /// A client that connects on first use.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self { routes: Arc::new(Routes::new(cluster)) }
    }

    /// The cluster it was made for.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        self.routes.cluster()
    }
}

/// The isolation level in requests.
fn level(isolation: Isolation) -> i8 {
    match isolation {
        Isolation::ReadUncommitted => 0,
        Isolation::ReadCommitted => 1,
    }
}

/// librdkafka's name of an isolation level.
pub(crate) fn isolation_name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadUncommitted => "read_uncommitted",
        Isolation::ReadCommitted => "read_committed",
    }
}

fn versions(min: i16, max: i16) -> VersionRange {
    VersionRange { min, max }
}

fn exactly(version: i16) -> VersionRange {
    versions(version, version)
}

pub(super) fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

pub(super) fn topic_name(value: &str) -> TopicName {
    TopicName(text(value))
}

/// An answer that lacks what was asked for: it may have been done all the same.
fn incomplete(what: &str) -> Transport {
    Transport::Unanswered(format!("the answer to {what} does not contain what was asked for"))
}
