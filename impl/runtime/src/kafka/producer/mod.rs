//! Sink data: outputs written, flushed and reported; transactions begun here are ended elsewhere.
//!
//! The interface is one of effects: initialise ([`TransactionalProducers::init`]), produce and flush ([`Producer`]).
//! A transaction is *ended* only by the raw EndTxn of its identity ([`super::raw::RawClient::end_txn`]), live and at
//! recovery alike; dropping a producer, or killing its process, leaves the transaction open.
//!
//! The implementation is librdkafka: one client per transaction, because it initialises once per client, and one
//! InitProducerId per transaction is what keeps a late EndTxn from ending the next transaction (KAFKA-17754).
//! What that costs is measured by `examples/transaction_cost.rs`: 4.5 ms of CPU, 20 ms to initialise, 1 ms to commit.

mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::raw::{Description, ProducerIdentity, RawClient};
use super::{Cluster, Failure, Transport};
use crate::batch::{BatchPool, RecordBatch};
use client::Command;

/// librdkafka's code for a failure of its own.
const FAIL: i16 = -196;

/// How to write.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// The cluster.
    pub cluster: Cluster,
    /// Batches that may wait for librdkafka to take them.
    pub queue_batches: usize,
    /// Megabytes that librdkafka may hold unsent, per client.
    pub buffer_mb: u32,
    /// How long the initialisation of a transaction may take.
    pub init_timeout: Duration,
    /// Further settings in librdkafka's words, such as `linger.ms` or `compression.type`.
    pub properties: Vec<(String, String)>,
}

impl ProducerSettings {
    /// For a cluster, with 32 MB of buffer and 30 s to initialise.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        let init_timeout = Duration::from_secs(30);
        Self { cluster, queue_batches: 4, buffer_mb: 32, init_timeout, properties: Vec::new() }
    }
}

/// Makes one producer per transaction. Initialising takes about 20 ms, and under load 50, so callers initialise ahead of
/// need; any number may be under way at once.
#[derive(Clone)]
pub struct TransactionalProducers {
    settings: Arc<ProducerSettings>,
    raw: RawClient,
    pool: BatchPool,
}

/// Why there is no producer for a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInitialised {
    /// librdkafka or Kafka said no.
    #[error(transparent)]
    Refused(#[from] Failure),
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

/// A client that writes; its work is done by a thread of its own, in the order of the calls.
pub struct Producer {
    commands: mpsc::Sender<Command>,
    /// Its transaction was ended from outside: what is produced from now on belongs to the next one.
    ended: AtomicBool,
    /// The generation of its transaction, if it has one.
    identity: Option<ProducerIdentity>,
}

impl TransactionalProducers {
    /// Producers for a cluster. Emptied batches go to the pool; descriptions are asked for through `raw`.
    #[must_use]
    pub fn new(settings: ProducerSettings, raw: RawClient, pool: BatchPool) -> Self {
        Self { settings: Arc::new(settings), raw, pool }
    }

    /// InitProducerId for this transactional id, which aborts and fences whatever was there, then DescribeTransactions
    /// to learn the identity that librdkafka was given and does not tell. The producer's transaction is begun.
    ///
    /// # Errors
    /// The raw code that librdkafka or the description answered, or that no description came.
    pub async fn init(
        &self,
        transactional_id: &str,
        transaction_timeout: Duration,
    ) -> Result<(Producer, Description), NotInitialised> {
        let config = client::transactional_config(&self.settings, transactional_id, transaction_timeout)?;
        let (ready, initialised) = oneshot::channel();
        let (init_timeout, pool) = (self.settings.init_timeout, self.pool.clone());
        let mut producer = Producer::start(self.settings.queue_batches, move |commands| {
            client::run_transactional(&config, init_timeout, pool, ready, commands);
        })?;
        initialised.await.unwrap_or_else(|_| Err(thread_ended()))?;
        let described = self.raw.describe_transaction(transactional_id).await?;
        if described.error_code != 0 {
            return Err(NotInitialised::Undescribed(described.error_code));
        }
        producer.identity = Some(described.identity);
        Ok((producer, described))
    }
}

impl Producer {
    /// A plain idempotent producer without transactions, for delivery at least once.
    ///
    /// # Errors
    /// If librdkafka refuses the settings.
    pub fn idempotent(settings: &ProducerSettings, pool: BatchPool) -> Result<Self, Failure> {
        let config = client::idempotent_config(settings)?;
        let client = client::Client::new(&config, pool)?;
        Self::start(settings.queue_batches, move |commands| client.serve(commands))
    }

    fn start(
        queue: usize,
        body: impl FnOnce(mpsc::Receiver<Command>) + Send + 'static,
    ) -> Result<Self, Failure> {
        let (commands, orders) = mpsc::channel(queue.max(1));
        let thread = std::thread::Builder::new().name("truecut-producer".to_owned());
        thread.spawn(move || body(orders)).map_err(|error| Failure {
            code: FAIL,
            reason: format!("cannot start a producer's thread: {error}; is there a limit of threads?"),
        })?;
        Ok(Self { commands, ended: AtomicBool::new(false), identity: None })
    }

    /// Writes the records to a topic, each to its partition or, with [`crate::batch::ANY_PARTITION`], to the one that
    /// its key hashes to as in Java's client. Waits while the queue is full. A failure shows in the next flush.
    pub async fn produce(&self, topic: &Arc<str>, batch: RecordBatch) {
        if self.ended.swap(false, Ordering::AcqRel) {
            let _ = self.commands.send(Command::Next).await;
        }
        // A thread that is gone is reported by the flush, which no records can do without.
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
        // If the thread is gone, so is `done`.
        let _ = self.commands.send(Command::Flush(done)).await;
        answer.await.unwrap_or_else(|_| Err(thread_ended()))
    }
}

fn thread_ended() -> Failure {
    Failure { code: FAIL, reason: "the producer's thread ended; its panic is in the log".to_owned() }
}
