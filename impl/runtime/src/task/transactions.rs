//! Raw requests about transactional ids, answered in the core's words.

use truecut_core::{Committable, Described, Outcome, Producer, TransactionState, TransactionalId};

use crate::kafka::raw::{Description, ProducerIdentity, RawClient};
use crate::outcome::unanswered;
use crate::store::StateHandle;

/// InitProducerId as nobody.
pub(crate) async fn fence(raw: &RawClient, name: &str, timeout_ms: u32) -> Outcome<StateHandle> {
    let timeout_ms = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
    let outcome = match raw.init_producer_id(Some(name), timeout_ms, identity(Producer::NONE)).await {
        Ok(initialised) => Outcome::Answer(initialised.error_code),
        Err(why) => unanswered(&why),
    };
    tracing::info!(transaction = name, ?outcome, "fence");
    outcome
}

/// EndTxn(commit).
pub(crate) async fn commit(raw: &RawClient, prefix: &str, committable: Committable) -> Outcome<StateHandle> {
    let name = committable.id.render(prefix);
    let versions = committable.protocol.end_txn_versions();
    let outcome = match raw.end_txn(&name, identity(committable.producer), true, versions).await {
        Ok(ended) => Outcome::Answer(ended.error_code),
        Err(why) => {
            tracing::info!(transaction = name, %why, "a commit was not answered");
            unanswered(&why)
        }
    };
    tracing::debug!(transaction = name, checkpoint = committable.checkpoint.get(), ?outcome, "commit");
    outcome
}

/// DescribeTransactions.
pub(crate) async fn describe(raw: &RawClient, prefix: &str, id: TransactionalId) -> Outcome<StateHandle> {
    match raw.describe_transaction(&id.render(prefix)).await {
        Ok(description) if description.error_code == 0 => Outcome::Described(described(&description)),
        Ok(description) => Outcome::Answer(description.error_code),
        Err(why) => unanswered(&why),
    }
}

/// What a description says.
pub(crate) fn described(description: &Description) -> Described {
    let ProducerIdentity { producer_id: id, producer_epoch: epoch } = description.identity;
    Described { state: TransactionState::from_name(&description.state), producer: Producer { id, epoch } }
}

pub(crate) fn identity(producer: Producer) -> ProducerIdentity {
    ProducerIdentity { producer_id: producer.id, producer_epoch: producer.epoch }
}
