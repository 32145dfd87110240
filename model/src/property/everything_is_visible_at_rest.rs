//! At rest the job has ended: as finished, and then a read_committed reader sees a result of all that its last checkpoint passed; or with a data-loss error, and then something is lost; or with another error, where the world brings what no restart heals.

use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen, can_be_committed, passed_and_not_committed};
use crate::world::store;
use truecut_core::Halt;

pub(super) const PROPERTY: Property = Property {
    name: "everything_is_visible_at_rest",
    meaning: "At rest the job has ended: as finished, and then a read_committed reader sees a result of all that its last checkpoint passed; or with a data-loss error, and then something is lost; or with another error, where the world brings what no restart heals.",
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
        Halt::DataLoss { .. } => {
            let lost = passed_and_not_committed(seen).any(|record| !can_be_committed(seen, record));
            return Judgement::of(!lost, false);
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
