//! A sink subtask: producers by slot, and raw requests that end transactions.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use truecut_core::{
    Committable, Described, Effect, Op, Outcome, Producer as Identity, Request, Slot, Subtask,
    TransactionState, TransactionalId,
};

use crate::batch::BatchPool;
use crate::config::GuaranteeConfig;
use crate::driver::Driver;
use crate::exchange::ElementInbox;
use crate::kafka::producer::{Producer, ProducerSettings};
use crate::kafka::raw::ProducerIdentity;
use crate::task::{Reported, Shared, Stepped, done, fire_later};
use crate::trace::Stamp;
use crate::types::Out;

/// The EndTxn version, live and at recovery alike: transaction protocol V1, as librdkafka's producers speak it.
const END_TXN_VERSION: i16 = 4;

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
type Producers = Arc<std::sync::Mutex<BTreeMap<Slot, Arc<Producer>>>>;

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
                let Some(producer) = self.producer(slot) else { return };
                self.shared.runtime.block_on(producer.produce(&self.topic, batch.into_batch()));
            }
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
            Request::InitProducer(id) => self.init(op, id),
            Request::Flush(slot) => self.flush(op, slot),
            Request::Commit(committable) => self.commit(op, committable),
            Request::Describe(id) => self.describe(op, id),
            _ => unreachable!("no request of a sink"),
        }
    }

    /// The slot's producer. A sink without transactions makes its one when it is first needed.
    fn producer(&self, slot: Slot) -> Option<Arc<Producer>> {
        let mut producers = self.producers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(producer) = producers.get(&slot) {
            return Some(Arc::clone(producer));
        }
        assert!(
            self.shared.config.sink.guarantee == GuaranteeConfig::AtLeastOnce,
            "a transaction is initialised before it is used"
        );
        let settings = ProducerSettings::new(self.shared.cluster.clone());
        match Producer::idempotent(&settings, BatchPool::new(8, 1 << 20)) {
            Ok(producer) => {
                let producer = Arc::new(producer);
                producers.insert(slot, Arc::clone(&producer));
                Some(producer)
            }
            Err(failure) => {
                let detail = format!("can't write to topic {}: {failure}", self.topic);
                self.inbox.push_control(self.subtask, truecut_core::Input::TaskFailed { detail }.into());
                None
            }
        }
    }

    fn init(&self, op: Op, id: TransactionalId) {
        let name = id.render(&self.shared.config.name);
        let timeout = Duration::from_millis(self.shared.config.sink.transaction_timeout_ms.into());
        let (makers, inbox, subtask) = (self.shared.producers.clone(), Arc::clone(&self.inbox), self.subtask);
        let producers = Arc::clone(&self.producers);
        self.shared.runtime.spawn(async move {
            let outcome = match makers.init(&name, timeout).await {
                Ok((producer, identity)) => {
                    producers
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .insert(id.slot, Arc::new(producer));
                    Outcome::Initialised(Identity {
                        id: identity.producer_id,
                        epoch: identity.producer_epoch,
                    })
                }
                Err(failure) => {
                    tracing::warn!(transaction = name, %failure, "a transaction was not initialised");
                    Outcome::Answer(failure.code)
                }
            };
            done(&inbox, subtask, op, outcome);
        });
    }

    fn flush(&self, op: Op, slot: Slot) {
        let Some(producer) = self.producer(slot) else { return };
        let (inbox, subtask, producers) =
            (Arc::clone(&self.inbox), self.subtask, Arc::clone(&self.producers));
        let transactional = self.shared.config.sink.guarantee == GuaranteeConfig::ExactlyOnce;
        self.shared.runtime.spawn(async move {
            let outcome = match producer.flush().await {
                Ok(_) => {
                    if transactional {
                        // Ended by EndTxn alone: the client has done its work.
                        producers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&slot);
                    }
                    Outcome::Flushed
                }
                Err(failure) => {
                    tracing::warn!(%subtask, slot = slot.get(), %failure, "records were not delivered");
                    Outcome::Answer(failure.code)
                }
            };
            done(&inbox, subtask, op, outcome);
        });
    }

    fn commit(&self, op: Op, committable: Committable) {
        let name = committable.id.render(&self.shared.config.name);
        let identity = ProducerIdentity {
            producer_id: committable.producer.id,
            producer_epoch: committable.producer.epoch,
        };
        let (raw, inbox, subtask) = (self.shared.raw.clone(), Arc::clone(&self.inbox), self.subtask);
        self.shared.runtime.spawn(async move {
            let outcome = match raw.end_txn(&name, identity, true, END_TXN_VERSION).await {
                Ok(ended) => Outcome::Answer(ended.error_code),
                Err(why) => {
                    tracing::info!(transaction = name, %why, "a commit was not answered");
                    Outcome::Unknown
                }
            };
            tracing::debug!(%subtask, transaction = name, checkpoint = committable.checkpoint.get(), ?outcome, "commit");
            done(&inbox, subtask, op, outcome);
        });
    }

    fn describe(&self, op: Op, id: TransactionalId) {
        let name = id.render(&self.shared.config.name);
        let (raw, inbox, subtask) = (self.shared.raw.clone(), Arc::clone(&self.inbox), self.subtask);
        self.shared.runtime.spawn(async move {
            let outcome = match raw.describe_transaction(&name).await {
                Ok(described) if described.error_code == 0 => Outcome::Described(Described {
                    state: TransactionState::from_name(&described.state),
                    producer: Identity {
                        id: described.identity.producer_id,
                        epoch: described.identity.producer_epoch,
                    },
                }),
                Ok(described) => Outcome::Answer(described.error_code),
                Err(_) => Outcome::Unknown,
            };
            done(&inbox, subtask, op, outcome);
        });
    }
}
