//! A sink subtask: producers by slot, and raw requests that end transactions.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use truecut_core::{
    Committable, Effect, Input, LogName, Marker, Op, Outcome, Request, Slot, Subtask, Timer, TransactionalId,
};

use crate::batch::RecordBatch;
use crate::driver::Driver;
use crate::exchange::ElementInbox;
use crate::kafka::markers::Markers;
use crate::kafka::producer::{NotInitialised, Producer};
use crate::outcome::unanswered;
use crate::retries::Retries;
use crate::store::StateHandle;
use crate::task::transactions::{self, described};
use crate::task::{Reported, Shared, Stepped, done, output_log, retry_later};
use crate::trace::Stamp;
use crate::types::Out;

/// A sink subtask.
pub(super) struct SinkTask {
    driver: Driver,
    hands: Hands,
}

/// What the sink's effects act on.
struct Hands {
    subtask: Subtask,
    shared: Shared,
    inbox: Arc<ElementInbox>,
    /// Ends with the attempt. Invariant: the inbox is closed before.
    stop: CancellationToken,
    topic: Arc<str>,
    producers: Producers,
    markers: Markers,
    /// Outputs that were produced to a slot and are to go into the log.
    kept: BTreeMap<Slot, Vec<u8>>,
    /// Logs that are not known to be durable.
    uploading: BTreeMap<LogName, Arc<Vec<u8>>>,
    retries: Retries,
}

/// The producer of each slot. Shared with the tasks that initialise them.
type Producers = Arc<Mutex<BTreeMap<Slot, Arc<Producer>>>>;

impl SinkTask {
    pub(super) fn new(
        subtask: Subtask,
        shared: Shared,
        inbox: Arc<ElementInbox>,
        stop: CancellationToken,
        driver: Driver,
    ) -> Self {
        let topic = Arc::from(shared.config.sink.topic.as_str());
        let producers = Producers::default();
        let markers = Markers::new(&shared.config.marker_topic(), &shared.job.prefix);
        let (kept, uploading) = (BTreeMap::new(), BTreeMap::new());
        let retries = Retries::default();
        let hands =
            Hands { subtask, shared, inbox, stop, topic, producers, markers, kept, uploading, retries };
        Self { driver, hands }
    }

    pub(super) fn finish(self) {
        self.driver.finish();
    }

    pub(super) fn step(&mut self, stepped: Stepped) {
        if let Input::Done { op: Op::Upload(checkpoint), outcome: Outcome::Uploaded } = &stepped.input {
            self.hands.uploading.retain(|log, _| log.of.id != *checkpoint);
        }
        let hands = &mut self.hands;
        self.driver.step(stepped, |effect, stamp| hands.perform(effect, stamp));
    }
}

impl Hands {
    fn perform(&mut self, effect: Out, stamp: Stamp) {
        match effect {
            Effect::Produce { slot, batch, keep } => {
                if keep {
                    output_log::append(self.kept.entry(slot).or_default(), batch.batch());
                }
                self.produce(slot, &Arc::clone(&self.topic), batch.into_batch());
            }
            Effect::Mark { slot, marker } => {
                let record = self.markers.record(self.subtask.index, marker);
                self.produce(slot, &Arc::clone(self.markers.topic()), record);
            }
            Effect::CloseProducer(slot) => drop(self.slots().remove(&slot)),
            Effect::Hold(_) => self.inbox.hold_all(true),
            Effect::Release(_) => self.inbox.hold_all(false),
            Effect::Send { message, .. } => {
                drop(self.shared.reports.send(Reported { from: self.subtask, message, stamp: Some(stamp) }))
            }
            Effect::Arm(Timer::Retry(op)) => {
                let pause = self.retries.pause(op);
                retry_later(&self.shared, &self.inbox, self.subtask, op, pause);
            }
            Effect::Start { op, request } => self.start(op, request),
            _ => unreachable!("no effect of a sink"),
        }
    }

    /// Waits while the producer has no room, but no longer than the attempt lasts: one that ended while Kafka stalls must not keep its
    /// memory. Once it is stopped nothing is produced any more, and no answer to a flush is heard: so nothing that was left out counts as
    /// written.
    fn produce(&self, slot: Slot, topic: &Arc<str>, batch: RecordBatch) {
        let producer = self.producer(slot);
        let produced = self.stop.run_until_cancelled(producer.produce(topic, batch));
        if self.shared.runtime.block_on(produced).is_none() {
            tracing::debug!(subtask = %self.subtask, "stopped before Kafka took its records");
        }
    }

    fn start(&mut self, op: Op, request: Request<StateHandle>) {
        match request {
            Request::InitProducer { id, timeout_ms } => self.init(op, id, timeout_ms),
            Request::OpenProducer(slot) => self.open(op, slot),
            Request::Flush(slot) => self.flush(op, slot),
            Request::Commit(committable) => self.commit(op, committable),
            Request::Describe(id) => self.describe(op, id),
            Request::Fence { id, timeout_ms } => self.fence(op, id, timeout_ms),
            Request::Upload { slot, log } => self.upload(op, slot, log),
            Request::ReadMarker(subtask) => self.read_marker(op, subtask),
            Request::Rewrite { slot, log, marker } => self.rewrite(op, slot, log, marker),
            _ => unreachable!("no request of a sink"),
        }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<Slot, Arc<Producer>>> {
        self.producers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn producer(&self, slot: Slot) -> Arc<Producer> {
        Arc::clone(self.slots().get(&slot).expect("nothing goes to a slot without a producer"))
    }

    fn open(&self, op: Op, slot: Slot) {
        let (makers, producers) = (self.shared.producers.clone(), Arc::clone(&self.producers));
        let (subtask, topic) = (self.subtask, Arc::clone(&self.topic));
        self.answer(op, async move {
            match makers.idempotent().await {
                Ok(producer) => {
                    let mut producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
                    producers.insert(slot, Arc::new(producer));
                    Outcome::Opened
                }
                Err(why) => {
                    tracing::warn!(%subtask, %topic, %why, "can't write");
                    not_initialised(why)
                }
            }
        });
    }

    fn init(&self, op: Op, id: TransactionalId, timeout_ms: u32) {
        let name = id.render(&self.shared.job.prefix);
        let timeout = Duration::from_millis(timeout_ms.into());
        let (makers, producers) = (self.shared.producers.clone(), Arc::clone(&self.producers));
        self.answer(op, async move {
            match makers.init(&name, timeout).await {
                Ok((producer, description)) => {
                    let protocol = producer.protocol();
                    let mut producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
                    producers.insert(id.slot, Arc::new(producer));
                    Outcome::Initialised { described: described(&description), protocol }
                }
                Err(why) => {
                    tracing::warn!(transaction = name, %why, "a transaction was not initialised");
                    not_initialised(why)
                }
            }
        });
    }

    fn flush(&self, op: Op, slot: Slot) {
        let (producer, subtask) = (self.producer(slot), self.subtask);
        self.answer(op, async move {
            match producer.flush().await {
                Ok(_) => Outcome::Flushed,
                Err(failure) => {
                    tracing::warn!(%subtask, slot = slot.get(), %failure, "records were not delivered");
                    Outcome::Answer(failure.code)
                }
            }
        });
    }

    /// Answers with what comes of a request, without holding up the task. Once the attempt is stopped nobody hears an answer: then it is
    /// not waited for, and what it needs is let go, such as a producer with all that Kafka has not acknowledged.
    fn answer(&self, op: Op, asked: impl Future<Output = Outcome<StateHandle>> + Send + 'static) {
        let (inbox, subtask, stop) = (Arc::clone(&self.inbox), self.subtask, self.stop.clone());
        self.shared.runtime.spawn(async move {
            if let Some(outcome) = stop.run_until_cancelled(asked).await {
                done(&inbox, subtask, op, outcome);
            }
        });
    }

    fn commit(&self, op: Op, committable: Committable) {
        let (raw, job) = (self.shared.raw.clone(), Arc::clone(&self.shared.job));
        let producers = Arc::clone(&self.producers);
        self.answer(op, async move {
            let outcome = transactions::commit(&raw, &job.prefix, committable).await;
            if outcome == Outcome::Answer(0) {
                let producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
                // One that lives on is only used again by a wrong protocol.
                let generation = transactions::identity(committable.producer);
                producers.values().for_each(|producer| producer.committed(generation));
            }
            outcome
        });
    }

    fn describe(&self, op: Op, id: TransactionalId) {
        let (raw, job) = (self.shared.raw.clone(), Arc::clone(&self.shared.job));
        self.answer(op, async move { transactions::describe(&raw, &job.prefix, id).await });
    }

    fn fence(&self, op: Op, id: TransactionalId, timeout_ms: u32) {
        let (raw, name) = (self.shared.raw.clone(), id.render(&self.shared.job.prefix));
        self.answer(op, async move { transactions::fence(&raw, &name, timeout_ms).await });
    }

    /// What was kept of the slot goes into the log. It is kept until it is certainly there.
    fn upload(&mut self, op: Op, slot: Slot, log: LogName) {
        let kept = &mut self.kept;
        let outputs = self
            .uploading
            .entry(log)
            .or_insert_with(|| Arc::new(kept.remove(&slot).expect("what is uploaded was kept")));
        let (outputs, checkpoints) = (Arc::clone(outputs), self.shared.checkpoints.clone());
        let write = self.shared.runtime.spawn_blocking(move || match checkpoints.write_log(log, &outputs) {
            Ok(Ok(())) => Outcome::Uploaded,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a log may not be stored");
                Outcome::Unknown
            }
            Err(error) => Outcome::Failed { detail: error.to_string() },
        });
        self.answer(op, async move { write.await.unwrap_or(Outcome::Unknown) });
    }

    fn read_marker(&self, op: Op, subtask: u16) {
        let (raw, markers) = (self.shared.raw.clone(), self.markers.clone());
        self.answer(op, async move {
            match markers.read(&raw, subtask).await {
                Ok(Ok(events)) => Outcome::Markers(events),
                Ok(Err(code)) => Outcome::Answer(code),
                Err(why) => {
                    tracing::info!(%why, "the marker was not read");
                    unanswered(&why)
                }
            }
        });
    }

    fn rewrite(&self, op: Op, slot: Slot, log: LogName, marker: Marker) {
        let (producer, checkpoints) = (self.producer(slot), self.shared.checkpoints.clone());
        let (topic, markers, subtask) = (Arc::clone(&self.topic), self.markers.clone(), self.subtask);
        let read = self.shared.runtime.spawn_blocking(move || {
            checkpoints
                .read_log(log)
                .map_err(|error| error.to_string())
                .and_then(|bytes| output_log::read(&bytes))
        });
        self.answer(op, async move {
            let batches = match read.await {
                Ok(Ok(batches)) => batches,
                Ok(Err(detail)) => return Outcome::Failed { detail },
                Err(_) => return Outcome::Unknown,
            };
            let records: usize = batches.iter().map(RecordBatch::len).sum();
            for batch in batches {
                producer.produce(&topic, batch).await;
            }
            producer.produce(markers.topic(), markers.record(log.subtask, marker)).await;
            match producer.flush().await {
                Ok(_) => {
                    tracing::info!(%subtask, checkpoint = log.of.id.get(), records, "written again");
                    Outcome::Flushed
                }
                Err(failure) => {
                    tracing::warn!(%subtask, %failure, "records were not delivered");
                    Outcome::Answer(failure.code)
                }
            }
        });
    }
}

fn not_initialised(why: NotInitialised) -> Outcome<StateHandle> {
    match why {
        NotInitialised::Refused(failure) => Outcome::Answer(failure.code),
        NotInitialised::Unanswered(why) | NotInitialised::NotDescribed(why) => unanswered(&why),
        NotInitialised::Undescribed(code) => Outcome::Answer(code),
    }
}
