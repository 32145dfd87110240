//! Sink data: outputs written, flushed and reported; transactions begun here are ended elsewhere.
//!
//! The interface is one of effects: initialise ([`TransactionalProducers::init`]), produce and flush ([`Producer`]).
//! A transaction is *ended* only by the raw EndTxn of its identity ([`super::raw::RawClient::end_txn`]), live and at
//! recovery alike; dropping a producer, or killing its process, leaves the transaction open.
//!
//! There are two implementations, and nobody but [`ProducerKind`] tells them apart: **our own** ([`builtin`]), whose decisions
//! are the core's, and **librdkafka**: one client per transaction, because it initialises once per client. In both, one
//! InitProducerId per transaction is what keeps a late EndTxn from ending the next transaction (KAFKA-17754).
//! What a transaction costs is measured by `examples/transaction_cost.rs`.

mod builtin;
mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use truecut_core::TransactionProtocol;

use super::raw::{Description, ProducerIdentity, RawClient};
use super::{Cluster, Failure, Transport};
use crate::batch::{BatchPool, RecordBatch};
pub(crate) use builtin::REQUESTS_MAX;
pub use builtin::{Compression, encode_records, partition_of_key};

/// librdkafka's code for a failure of its own.
const FAIL: i16 = -196;

/// UNSUPPORTED_VERSION
const UNSUPPORTED_VERSION: i16 = 35;

/// Whose code writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProducerKind {
    /// Our own where the brokers allow (Kafka 3.0 or newer), else librdkafka.
    #[default]
    Auto,
    /// Our own, and nothing else.
    BuiltIn,
    /// librdkafka.
    Librdkafka,
}

/// How to write.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// The cluster.
    pub cluster: Cluster,
    /// Whose code writes.
    pub kind: ProducerKind,
    /// How records are compressed.
    pub compression: Compression,
    /// How long records wait for more of their partition. A flush does not wait.
    pub linger: Duration,
    /// Our own: nor do records when so many bytes of them wait, of all partitions together. So a slow stream is sent in few requests, and of a
    /// fast one little is left for the barrier, which everyone waits for.
    pub linger_bytes: usize,
    /// Batches that may wait to be taken.
    pub queue_batches: usize,
    /// Megabytes that one producer may hold unacknowledged.
    pub buffer_mb: u32,
    /// Our own: a batch is sent before it gets larger. A single record may be.
    pub batch_bytes: usize,
    /// Our own: most bytes of batches in one request, unless one alone is larger. Below the brokers' `message.max.bytes`.
    pub request_bytes: usize,
    /// How long the initialisation of a transaction by librdkafka may take.
    pub init_timeout: Duration,
    /// Further settings in librdkafka's words; it is then librdkafka that writes.
    pub properties: Vec<(String, String)>,
}

impl ProducerSettings {
    /// For a cluster: uncompressed, 5 ms or 128 KiB to linger, 32 MB of buffer, batches of 256 KiB, requests of 1 MB.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            kind: ProducerKind::default(),
            compression: Compression::default(),
            linger: Duration::from_millis(5),
            linger_bytes: 128 << 10,
            queue_batches: 4,
            buffer_mb: 32,
            batch_bytes: 256 << 10,
            request_bytes: 1_000_000,
            init_timeout: Duration::from_secs(30),
            properties: Vec::new(),
        }
    }
}

/// What a producer is asked for.
enum Command {
    Produce {
        topic: Arc<str>,
        batch: RecordBatch,
    },
    Flush(oneshot::Sender<Result<Flushed, Failure>>),
    /// The transaction is committed; the next one begins.
    Next,
}

/// Makes one producer per transaction. Initialising takes a few round trips, by librdkafka 20 to 50 ms, so callers initialise
/// ahead of need; any number may be under way at once.
#[derive(Clone)]
pub struct TransactionalProducers {
    settings: Arc<ProducerSettings>,
    raw: RawClient,
    pool: BatchPool,
    builtin: Arc<builtin::Factory>,
}

/// Whose code writes, once that is decided.
enum Chosen {
    BuiltIn(TransactionProtocol),
    Librdkafka,
}

/// Why there is no producer for a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInitialised {
    /// librdkafka or Kafka said no.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// Kafka said nothing: it was initialised or not.
    #[error(transparent)]
    Unanswered(Transport),
    /// It was initialised, and nobody said what it was given.
    #[error("it was initialised, but not described: {0}")]
    NotDescribed(#[from] Transport),
    /// It was initialised, and Kafka answers this code when it is asked what was given.
    #[error("it was initialised, but not described: code {0}")]
    Undescribed(i16),
}

/// Every record since the last flush is acknowledged by all replicas in sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// How many these were.
    pub records: u64,
}

/// A client that writes; its work is done by a thread or task of its own, in the order of the calls.
pub struct Producer {
    commands: mpsc::Sender<Command>,
    protocol: TransactionProtocol,
    /// Its transaction was ended from outside: what is produced from now on belongs to the next one.
    ended: AtomicBool,
    /// The generation of its transaction, if it has one.
    identity: Option<ProducerIdentity>,
}

impl TransactionalProducers {
    /// Producers for a cluster. Emptied batches go to the pool; requests about transactional ids go through `raw`.
    #[must_use]
    pub fn new(settings: ProducerSettings, raw: RawClient, pool: BatchPool) -> Self {
        let builtin = Arc::new(builtin::Factory::new(raw.clone()));
        Self { settings: Arc::new(settings), raw, pool, builtin }
    }

    /// InitProducerId for this transactional id, which aborts and fences whatever was there. librdkafka does not tell the identity that it
    /// was given: there, DescribeTransactions follows. The producer's transaction is begun.
    ///
    /// # Errors
    /// The raw code that Kafka or librdkafka answered, or that no answer or description came.
    pub async fn init(
        &self,
        transactional_id: &str,
        transaction_timeout: Duration,
    ) -> Result<(Producer, Description), NotInitialised> {
        match self.choose().await? {
            Chosen::BuiltIn(protocol) => {
                let (writer, described) =
                    self.builtin.init(transactional_id, transaction_timeout, protocol).await?;
                let commands = self.builtin.start(&self.settings, &self.pool, writer);
                Ok((Producer::new(commands, protocol, Some(described.identity)), described))
            }
            Chosen::Librdkafka => self.init_librdkafka(transactional_id, transaction_timeout).await,
        }
    }

    /// A plain idempotent producer without transactions, for delivery at least once.
    ///
    /// # Errors
    /// If librdkafka refuses the settings, or the raw code that Kafka answered, or that no answer came.
    pub async fn idempotent(&self) -> Result<Producer, NotInitialised> {
        match self.choose().await? {
            Chosen::BuiltIn(protocol) => {
                let writer = self.builtin.open().await?;
                Ok(Producer::new(self.builtin.start(&self.settings, &self.pool, writer), protocol, None))
            }
            Chosen::Librdkafka => {
                let config = client::idempotent_config(&self.settings)?;
                let client = client::Client::new(&config, self.pool.clone())?;
                let commands = start_thread(self.settings.queue_batches, move |orders| client.serve(orders))?;
                Ok(Producer::new(commands, TransactionProtocol::V1, None))
            }
        }
    }

    async fn choose(&self) -> Result<Chosen, NotInitialised> {
        let may_be_librdkafka = match (self.settings.kind, self.settings.properties.is_empty()) {
            (ProducerKind::Librdkafka, _) | (ProducerKind::Auto, false) => return Ok(Chosen::Librdkafka),
            (ProducerKind::BuiltIn, false) => {
                let reason = "the properties are librdkafka's: remove them, or choose librdkafka".to_owned();
                return Err(Failure { code: UNSUPPORTED_VERSION, reason }.into());
            }
            (kind, true) => kind == ProducerKind::Auto,
        };
        let connection = self.raw.connect_any().await.map_err(NotInitialised::Unanswered)?;
        match builtin::spoken(&connection) {
            Some(protocol) => Ok(Chosen::BuiltIn(protocol)),
            None if may_be_librdkafka => Ok(Chosen::Librdkafka),
            None => {
                let reason = "the brokers are too old for our own producer: choose librdkafka".to_owned();
                Err(Failure { code: UNSUPPORTED_VERSION, reason }.into())
            }
        }
    }

    async fn init_librdkafka(
        &self,
        transactional_id: &str,
        transaction_timeout: Duration,
    ) -> Result<(Producer, Description), NotInitialised> {
        let config = client::transactional_config(&self.settings, transactional_id, transaction_timeout)?;
        let (ready, initialised) = oneshot::channel();
        let (init_timeout, pool) = (self.settings.init_timeout, self.pool.clone());
        let commands = start_thread(self.settings.queue_batches, move |orders| {
            client::run_transactional(&config, init_timeout, pool, ready, orders);
        })?;
        initialised.await.unwrap_or_else(|_| Err(ended()))?;
        let described = self.raw.describe_transaction(transactional_id).await?;
        if described.error_code != 0 {
            return Err(NotInitialised::Undescribed(described.error_code));
        }
        Ok((Producer::new(commands, TransactionProtocol::V1, Some(described.identity)), described))
    }
}

fn start_thread(
    queue: usize,
    body: impl FnOnce(mpsc::Receiver<Command>) + Send + 'static,
) -> Result<mpsc::Sender<Command>, Failure> {
    let (commands, orders) = mpsc::channel(queue.max(1));
    let thread = std::thread::Builder::new().name("truecut-producer".to_owned());
    thread.spawn(move || body(orders)).map_err(|error| Failure {
        code: FAIL,
        reason: format!("cannot start a producer's thread: {error}; is there a limit of threads?"),
    })?;
    Ok(commands)
}

impl Producer {
    fn new(
        commands: mpsc::Sender<Command>,
        protocol: TransactionProtocol,
        identity: Option<ProducerIdentity>,
    ) -> Self {
        Self { commands, protocol, ended: AtomicBool::new(false), identity }
    }

    /// The protocol that its transaction must be ended by.
    #[must_use]
    pub fn protocol(&self) -> TransactionProtocol {
        self.protocol
    }

    /// Writes the records to a topic, each to its partition or, with [`crate::batch::ANY_PARTITION`], to the one that
    /// its key hashes to as in Java's client. Waits while the queue is full. A failure shows in the next flush.
    pub async fn produce(&self, topic: &Arc<str>, batch: RecordBatch) {
        if self.ended.swap(false, Ordering::AcqRel) {
            let _ = self.commands.send(Command::Next).await;
        }
        // One who serves no more is reported by the flush, which no records can do without.
        let _ = self.commands.send(Command::Produce { topic: Arc::clone(topic), batch }).await;
    }

    /// A transaction of this generation was committed. If it was this producer's, and it is used again all the same, as the protocol
    /// never does, it goes on with the next transaction under the same generation.
    pub fn committed(&self, identity: ProducerIdentity) {
        if self.identity == Some(identity) {
            self.ended.store(true, Ordering::Release);
        }
    }

    /// Waits until Kafka acknowledged all that was produced before.
    ///
    /// # Errors
    /// The raw code of the first record that was not delivered; every later flush then fails too.
    pub async fn flush(&self) -> Result<Flushed, Failure> {
        let (done, answer) = oneshot::channel();
        // If whoever serves is gone, so is `done`.
        let _ = self.commands.send(Command::Flush(done)).await;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

fn ended() -> Failure {
    Failure { code: FAIL, reason: "the producer ended; its panic is in the log".to_owned() }
}
