//! One librdkafka producer and the thread that serves it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, Statistics};
use tokio::sync::{mpsc, oneshot};

use super::{Command, Flushed, ProducerSettings};
use crate::batch::{BatchPool, RecordBatch};
use crate::kafka::Failure;
use crate::kafka::native::NativeProducer;
use crate::kafka::settings::{Settings, client_config, error_code, failure};
use crate::metrics;

/// librdkafka's code for a full queue.
const QUEUE_FULL: i16 = -184;
/// librdkafka's code for what did not come about in time.
const TIMED_OUT: i16 = -185;
/// How long to wait for room in a full queue. The queue holds far more than is sent meanwhile; waiting 1 ms instead
/// cost 0.5 us of CPU per record (a third) in switches between this thread and librdkafka's.
const ROOM_WAIT: Duration = Duration::from_millis(10);
/// How long the step from one transaction to the next may take.
const NEXT: Duration = Duration::from_secs(10);
/// How long to wait for reports of failed deliveries.
const POLL: Duration = Duration::from_millis(1);
/// How often a flush looks whether deliveries failed, or nobody waits for it any more.
const FLUSH_STEP: Duration = Duration::from_millis(10);

pub(super) fn idempotent_config(settings: &ProducerSettings) -> Result<ClientConfig, Failure> {
    config(settings, &[])
}

pub(super) fn transactional_config(
    settings: &ProducerSettings,
    transactional_id: &str,
    transaction_timeout: Duration,
) -> Result<ClientConfig, Failure> {
    let timeout = transaction_timeout.as_millis().to_string();
    config(settings, &[("transactional.id", transactional_id), ("transaction.timeout.ms", &timeout)])
}

fn config(settings: &ProducerSettings, transaction: Settings<'_>) -> Result<ClientConfig, Failure> {
    let buffer_kb = settings.buffer_mb.saturating_mul(1024).to_string();
    let linger_ms = settings.linger.as_millis().to_string();
    let statistics_ms = if metrics::is_enabled() { "1000" } else { "0" };
    let fixed = [
        ("statistics.interval.ms", statistics_ms),
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("partitioner", "murmur2_random"),
        // Acknowledged records are only counted; what is reported are failures.
        ("delivery.report.only.error", "true"),
        ("queue.buffering.max.kbytes", &buffer_kb),
        ("queue.buffering.max.messages", "1000000"),
    ];
    let preferred = [
        ("linger.ms", linger_ms.as_str()),
        ("compression.type", settings.compression.name()),
        ("allow.auto.create.topics", "false"),
        // The defaults are made for long-lived clients; these make a new one ready in milliseconds.
        ("retry.backoff.ms", "5"),
        ("reconnect.backoff.ms", "5"),
        ("reconnect.backoff.max.ms", "1000"),
        ("topic.metadata.refresh.fast.interval.ms", "10"),
    ];
    let fixed: Vec<_> = fixed.iter().chain(transaction).copied().collect();
    client_config(&settings.cluster, &fixed, &preferred, &settings.properties)
}

/// The thread of a transaction: initialise, begin, serve.
pub(super) fn run_transactional(
    config: &ClientConfig,
    init_timeout: Duration,
    pool: BatchPool,
    ready: oneshot::Sender<Result<(), Failure>>,
    commands: mpsc::Receiver<Command>,
) {
    let begun = Client::new(config, pool).and_then(|client| client.begin(init_timeout).map(|()| client));
    match begun {
        Err(failure) => drop(ready.send(Err(failure))),
        Ok(client) => {
            if ready.send(Ok(())).is_ok() {
                client.serve(commands);
            }
        }
    }
}

pub(super) struct Client {
    native: NativeProducer<Deliveries>,
    pool: BatchPool,
    produced: u64,
    /// librdkafka refused a record; nothing more is produced.
    refused: Option<Failure>,
}

/// Hears of deliveries that failed; of the others librdkafka says nothing.
#[derive(Default)]
struct Deliveries {
    failed: Mutex<Option<Failure>>,
}

impl ClientContext for Deliveries {
    fn stats(&self, statistics: Statistics) {
        metrics::of_producer(&statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed().get_or_insert_with(|| failure(error));
        }
    }
}

impl Deliveries {
    fn failed(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    pub(super) fn new(config: &ClientConfig, pool: BatchPool) -> Result<Self, Failure> {
        let producer: BaseProducer<_> =
            config.create_with_context(Deliveries::default()).map_err(|error| failure(&error))?;
        Ok(Self { native: NativeProducer::new(producer), pool, produced: 0, refused: None })
    }

    fn begin(&self, init_timeout: Duration) -> Result<(), Failure> {
        let producer = self.native.producer();
        self.connect(init_timeout)?;
        producer.init_transactions(init_timeout).map_err(|error| failure(&error))?;
        producer.begin_transaction().map_err(|error| failure(&error))
    }

    /// Waits until a broker is connected. The first answer comes over the bootstrap connection, which librdkafka then
    /// closes, the second from a broker that stays. Without this, one initialisation in eight finds no broker at that
    /// moment, and librdkafka sleeps for 500 ms before it looks again.
    fn connect(&self, at_most: Duration) -> Result<(), Failure> {
        for _ in 0..2 {
            let asked = self.native.ask_for_brokers(at_most);
            asked.map_err(|code| Failure { code, reason: "no broker answers".to_owned() })?;
        }
        Ok(())
    }

    /// Serves until the handle is dropped; the client then goes without a word to the transaction's coordinator.
    pub(super) fn serve(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            match command {
                Command::Produce { topic, batch } => {
                    self.produce(&topic, &batch, || commands.is_closed());
                    self.pool.give(batch);
                }
                Command::Next => self.next(),
                Command::Flush(done) => {
                    let result = self.flush(|| done.is_closed());
                    // Whoever asked may have gone; then nobody needs the answer.
                    let _ = done.send(result);
                }
            }
        }
    }

    /// Tells librdkafka what Kafka knows. It asks Kafka to commit once more, which is answered as a repeated request.
    fn next(&mut self) {
        let producer = self.native.producer();
        let begun = producer.commit_transaction(NEXT).and_then(|()| producer.begin_transaction());
        if let Err(error) = begun {
            self.refused.get_or_insert_with(|| failure(&error));
        }
    }

    fn produce(&mut self, topic: &str, batch: &RecordBatch, abandoned: impl Fn() -> bool) {
        if self.refused.is_some() {
            return;
        }
        if let Err(code) = self.produce_all(topic, batch, abandoned) {
            let reason = format!("librdkafka refuses a record for {topic}");
            self.refused = Some(Failure { code, reason });
        }
    }

    fn produce_all(
        &mut self,
        topic: &str,
        batch: &RecordBatch,
        abandoned: impl Fn() -> bool,
    ) -> Result<(), i16> {
        self.native.open_topic(topic)?;
        for record in batch.iter() {
            while let Err(code) = self.native.send(topic, record) {
                if code != QUEUE_FULL || abandoned() {
                    return Err(code);
                }
                self.native.producer().poll(ROOM_WAIT);
            }
            self.produced += 1;
        }
        Ok(())
    }

    fn flush(&mut self, abandoned: impl Fn() -> bool) -> Result<Flushed, Failure> {
        while !self.native.flush(FLUSH_STEP) {
            if abandoned() {
                return Err(Failure {
                    code: TIMED_OUT,
                    reason: "nobody waits for the flush any more".to_owned(),
                });
            }
            self.native.producer().poll(POLL);
        }
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let records = std::mem::take(&mut self.produced);
        Ok(Flushed { records })
    }

    /// What went wrong first: a fatal error is the reason of all others.
    fn failure(&self) -> Option<Failure> {
        let client = self.native.producer().client();
        let fatal = client.fatal_error().map(|(code, reason)| Failure { code: error_code(code), reason });
        fatal.or_else(|| client.context().failed().clone()).or_else(|| self.refused.clone())
    }
}
