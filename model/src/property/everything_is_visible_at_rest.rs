//! At rest the job has ended: as finished, and then a read_committed reader sees a result of all that its last checkpoint passed; or with a data-loss error, and then something is lost, or the world took away what could have told; or with another error, where the world brings what no restart heals.

use crate::assumption::Assumption;
use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen, can_be_committed, passed_and_not_committed};
use crate::world::store;
use truecut_core::{CommitBy, Committable, Halt, Producer, TransactionState};

pub(super) const PROPERTY: Property = Property {
    name: "everything_is_visible_at_rest",
    meaning: "At rest the job has ended: as finished, and then a read_committed reader sees a result of all that its last checkpoint passed; or with a data-loss error, and then something is lost, or the world took away what could have told; or with another error, where the world brings what no restart heals.",
    witness: "A job finishes after a failure.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    if !matches!(event, Event::Rest) {
        return Judgement::Nothing;
    }
    let Some(halt) = seen.halted() else { return Judgement::Violated };
    let name = match halt {
        Halt::Finished(name) => name,
        // A false alarm is as bad as an end without a reason.
        Halt::DataLoss { committable, .. } => {
            let lost = passed_and_not_committed(seen).any(|record| !can_be_committed(seen, record));
            return Judgement::of(!lost && !is_untold(seen, committable), false);
        }
        Halt::Failed { .. } => return Judgement::of(!seen.scope.may_fail, false),
        // Nobody goes on.
        Halt::Superseded => return Judgement::Violated,
    };
    let Some(last) = seen.store().latest().filter(|latest| latest.name == *name && latest.last) else {
        return Judgement::Violated;
    };
    let offsets = store::offsets(last);
    let visible = |record: &Record| {
        (0..seen.kafka().logs().len())
            .any(|partition| seen.kafka().visible(partition).any(|other| other.is_of(*record)))
    };
    let mut passed = seen.scope.records().filter(|record| {
        offsets.get(&record.partition()).is_some_and(|next| i64::from(record.offset) < next.get())
    });
    Judgement::of(!passed.all(|record| visible(&record)), name.attempt > seen.scope.first_attempt())
}

/// Whether Kafka can't tell any more that a transaction was committed, and that is no doing of the job: a late request
/// began the next generation of the id, or the id expired.
fn is_untold(seen: &Seen<'_>, committable: &Committable) -> bool {
    let Committable { id, producer, protocol, .. } = *committable;
    let committed = Producer { epoch: producer.epoch + protocol.bump(), ..producer };
    let tells = seen.kafka().entry(id).is_some_and(|entry| {
        let decided =
            matches!(entry.state, TransactionState::PrepareCommit | TransactionState::CompleteCommit);
        decided && entry.producer == committed
    });
    let happened = |assumption| seen.scope.budget.of(assumption) > seen.state.budget.left(assumption);
    // By log the marker tells.
    !tells
        && seen.scope.commit_by == CommitBy::Resume
        && !seen.scope.alarms_are_counted
        && (happened(Assumption::LateInit)
            || happened(Assumption::LateAddPartitions)
            || happened(Assumption::IdExpiry))
}
