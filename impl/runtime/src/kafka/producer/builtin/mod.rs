//! truecut's own producer: what is sent when is decided by [`truecut_core::delivery`], and performed here.
//!
//! One task serves one producer ([`serve`]): records are gathered into batches per partition, encoded once, and sent by requests that
//! several producers share connections for. Initialising is one InitProducerId, whose answer tells the identity. A transaction speaks V2
//! where the cluster has agreed on it (KIP-890), else V1.
//!
//! Memory: per producer at most the bound of [`ProducerSettings::buffer_mb`], what waits in its queue, and the requests under way, which are
//! copies; `produce` waits beyond (`docs/memory.md`).

mod compress;
mod encode;
mod gather;
mod partition;
mod requests;
mod serve;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnRequest;
use kafka_protocol::messages::end_txn_request::EndTxnRequest;
use kafka_protocol::messages::produce_request::ProduceRequest;
use kafka_protocol::protocol::VersionRange;
use tokio::sync::mpsc;
use truecut_core::TransactionProtocol;

use super::{Command, NotInitialised, ProducerSettings};
use crate::batch::BatchPool;
use crate::kafka::Failure;
use crate::kafka::connection::Connection;
use crate::kafka::raw::{Description, ProducerIdentity, RawClient};
pub use compress::Compression;
use encode::Author;
pub use encode::encode_records;
pub use partition::of_key as partition_of_key;
use serve::Serving;
use topics::Topics;

/// Requests of a producer that are under way to one broker. It takes them one after the other.
pub(crate) const REQUESTS_MAX: usize = 5;

/// MESSAGE_TOO_LARGE
const MESSAGE_TOO_LARGE: i16 = 10;

/// What all producers of a process share.
pub(super) struct Factory {
    /// For coordinators: what waits there for replication must hold up no records, nor the other way round.
    control: RawClient,
    /// For leaders.
    data: RawClient,
    topics: Topics,
}

/// Who writes.
pub(super) struct Writer {
    transactional_id: Option<Arc<str>>,
    protocol: Option<TransactionProtocol>,
    identity: ProducerIdentity,
}

impl Factory {
    pub(super) fn new(control: RawClient) -> Self {
        let data = RawClient::new(control.cluster().clone());
        let topics = Topics::new(data.clone());
        Self { control, data, topics }
    }

    /// InitProducerId, once. Its answer is all the evidence there is, and all that is needed: the id is in no transaction, and belongs to
    /// this identity.
    pub(super) async fn init(
        &self,
        transactional_id: &str,
        timeout: Duration,
        protocol: TransactionProtocol,
    ) -> Result<(Writer, Description), NotInitialised> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let identity = self.identity(Some(transactional_id), timeout_ms).await?;
        let transactional_id = Some(Arc::from(transactional_id));
        let described = Description {
            error_code: 0,
            state: "Empty".to_owned(),
            timeout_ms,
            started_ms: -1,
            identity,
            partitions: Vec::new(),
        };
        Ok((Writer { transactional_id, protocol: Some(protocol), identity }, described))
    }

    /// InitProducerId without a transactional id.
    pub(super) async fn open(&self) -> Result<Writer, NotInitialised> {
        let identity = self.identity(None, i32::MAX).await?;
        Ok(Writer { transactional_id: None, protocol: None, identity })
    }

    async fn identity(&self, id: Option<&str>, timeout_ms: i32) -> Result<ProducerIdentity, NotInitialised> {
        let asked = self.control.init_producer_id(id, timeout_ms, ProducerIdentity::NOBODY).await;
        let answer = asked.map_err(NotInitialised::Unanswered)?;
        match answer.error_code {
            0 => Ok(answer.identity),
            code => Err(Failure { code, reason: "InitProducerId".to_owned() }.into()),
        }
    }

    /// Starts the task that serves a producer.
    pub(super) fn start(
        self: &Arc<Self>,
        settings: &ProducerSettings,
        pool: &BatchPool,
        writer: Writer,
    ) -> mpsc::Sender<Command> {
        let (commands, orders) = mpsc::channel(settings.queue_batches.max(1));
        let serving = Serving::new(Arc::clone(self), settings, pool.clone(), writer);
        tokio::spawn(serving.serve(orders));
        commands
    }
}

/// The protocol of transactions to speak by this connection to a broker; `None` if it is too old for this producer. The level of
/// `transaction.version` is the cluster's, not the broker's, and one that agreed on it has no older brokers.
pub(super) fn spoken(connection: &Connection) -> Option<TransactionProtocol> {
    let exactly = |version| VersionRange { min: version, max: version };
    let (v1, v2) = (Some(TransactionProtocol::V1), Some(TransactionProtocol::V2));
    if connection.transaction_version() >= 2
        && connection.speaks::<ProduceRequest>(requests::versions(v2))
        && connection.speaks::<EndTxnRequest>(exactly(5))
    {
        return v2;
    }
    let allowed = connection.speaks::<ProduceRequest>(requests::versions(v1))
        && connection.speaks::<AddPartitionsToTxnRequest>(exactly(3));
    v1.filter(|_| allowed)
}

impl Writer {
    fn author(&self) -> Author {
        Author { identity: self.identity, transactional: self.transactional_id.is_some() }
    }
}

fn too_large(bytes: usize) -> Failure {
    Failure { code: MESSAGE_TOO_LARGE, reason: format!("a batch of {bytes} bytes is too large for Kafka") }
}
