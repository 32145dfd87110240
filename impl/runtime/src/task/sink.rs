//! A sink subtask: producers by slot, and raw requests that end transactions.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use truecut_core::{
    Committable, Described, Effect, Op, Outcome, Producer as Identity, Request, Slot, Subtask,
    TransactionProtocol, TransactionState, TransactionalId,
};

use crate::batch::BatchPool;
use crate::driver::Driver;
use crate::exchange::ElementInbox;
use crate::kafka::producer::{NotInitialised, Producer, ProducerSettings};
use crate::kafka::raw::{Description, ProducerIdentity};
use crate::outcome::unanswered;
use crate::task::{Reported, Shared, Stepped, done, fire_later};
use crate::trace::Stamp;
use crate::types::Out;

/// What librdkafka's producers speak.
const SPOKEN: TransactionProtocol = TransactionProtocol::V1;

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
    topic: Arc<str>,
    producers: Producers,
}

/// The producer of each slot. Shared with the tasks that initialise them.
type Producers = Arc<Mutex<BTreeMap<Slot, Arc<Producer>>>>;

impl SinkTask {
    pub(super) fn new(subtask: Subtask, shared: Shared, inbox: Arc<ElementInbox>, driver: Driver) -> Self {
        let topic = Arc::from(shared.config.sink.topic.as_str());
        let producers = Producers::default();
        Self { driver, hands: Hands { subtask, shared, inbox, topic, producers } }
    }

    pub(super) fn finish(self) {
        self.driver.finish();
    }

    pub(super) fn step(&mut self, stepped: Stepped) {
        let hands = &mut self.hands;
        self.driver.step(stepped, |effect, stamp| hands.perform(effect, stamp));
    }
}

impl Hands {
    fn perform(&mut self, effect: Out, stamp: Stamp) {
        match effect {
            Effect::Produce { slot, batch } => {
                let producer = self.producer(slot);
                self.shared.runtime.block_on(producer.produce(&self.topic, batch.into_batch()));
            }
            Effect::CloseProducer(slot) => drop(self.slots().remove(&slot)),
            Effect::Hold(_) => self.inbox.hold_all(true),
            Effect::Release(_) => self.inbox.hold_all(false),
            Effect::Send { message, .. } => {
                drop(self.shared.reports.send(Reported { from: self.subtask, message, stamp: Some(stamp) }))
            }
            Effect::Arm(timer) => fire_later(&self.shared, &self.inbox, self.subtask, timer),
            Effect::Start { op, request } => self.start(op, request),
            _ => unreachable!("no effect of a sink"),
        }
    }

    fn start(&self, op: Op, request: Request<crate::store::StateHandle>) {
        match request {
            Request::InitProducer { id, timeout_ms } => self.init(op, id, timeout_ms),
            Request::OpenProducer(slot) => self.open(op, slot),
            Request::Flush(slot) => self.flush(op, slot),
            Request::Commit(committable) => self.commit(op, committable),
            Request::Describe(id) => self.describe(op, id),
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
        let settings = ProducerSettings::new(self.shared.cluster.clone());
        let outcome = match Producer::idempotent(&settings, BatchPool::new(8, 1 << 20)) {
            Ok(producer) => {
                self.slots().insert(slot, Arc::new(producer));
                Outcome::Opened
            }
            Err(failure) => {
                Outcome::Failed { detail: format!("can't write to topic {}: {failure}", self.topic) }
            }
        };
        done(&self.inbox, self.subtask, op, outcome);
    }

    fn init(&self, op: Op, id: TransactionalId, timeout_ms: u32) {
        let name = id.render(&self.shared.job.prefix);
        let timeout = Duration::from_millis(timeout_ms.into());
        let (makers, inbox, subtask) = (self.shared.producers.clone(), Arc::clone(&self.inbox), self.subtask);
        let producers = Arc::clone(&self.producers);
        self.shared.runtime.spawn(async move {
            let outcome = match makers.init(&name, timeout).await {
                Ok((producer, description)) => {
                    producers
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(id.slot, Arc::new(producer));
                    Outcome::Initialised { described: described(&description), protocol: SPOKEN }
                }
                Err(why) => {
                    tracing::warn!(transaction = name, %why, "a transaction was not initialised");
                    match why {
                        NotInitialised::Refused(failure) => Outcome::Answer(failure.code),
                        NotInitialised::NotDescribed(why) => unanswered(&why),
                    }
                }
            };
            done(&inbox, subtask, op, outcome);
        });
    }

    fn flush(&self, op: Op, slot: Slot) {
        let (producer, inbox, subtask) = (self.producer(slot), Arc::clone(&self.inbox), self.subtask);
        self.shared.runtime.spawn(async move {
            let outcome = match producer.flush().await {
                Ok(_) => Outcome::Flushed,
                Err(failure) => {
                    tracing::warn!(%subtask, slot = slot.get(), %failure, "records were not delivered");
                    Outcome::Answer(failure.code)
                }
            };
            done(&inbox, subtask, op, outcome);
        });
    }

    fn commit(&self, op: Op, committable: Committable) {
        let name = committable.id.render(&self.shared.job.prefix);
        let identity = ProducerIdentity {
            producer_id: committable.producer.id,
            producer_epoch: committable.producer.epoch,
        };
        let versions = committable.protocol.end_txn_versions();
        let (raw, inbox, subtask) = (self.shared.raw.clone(), Arc::clone(&self.inbox), self.subtask);
        self.shared.runtime.spawn(async move {
            let outcome = match raw.end_txn(&name, identity, true, versions).await {
                Ok(ended) => Outcome::Answer(ended.error_code),
                Err(why) => {
                    tracing::info!(transaction = name, %why, "a commit was not answered");
                    unanswered(&why)
                }
            };
            tracing::debug!(%subtask, transaction = name, checkpoint = committable.checkpoint.get(), ?outcome, "commit");
            done(&inbox, subtask, op, outcome);
        });
    }

    fn describe(&self, op: Op, id: TransactionalId) {
        let name = id.render(&self.shared.job.prefix);
        let (raw, inbox, subtask) = (self.shared.raw.clone(), Arc::clone(&self.inbox), self.subtask);
        self.shared.runtime.spawn(async move {
            let outcome = match raw.describe_transaction(&name).await {
                Ok(description) if description.error_code == 0 => Outcome::Described(described(&description)),
                Ok(description) => Outcome::Answer(description.error_code),
                Err(why) => unanswered(&why),
            };
            done(&inbox, subtask, op, outcome);
        });
    }
}

fn described(description: &Description) -> Described {
    Described {
        state: TransactionState::from_name(&description.state),
        producer: Identity {
            id: description.identity.producer_id,
            epoch: description.identity.producer_epoch,
        },
    }
}
