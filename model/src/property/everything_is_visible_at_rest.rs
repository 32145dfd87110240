//! At rest the job has ended: with an error that says so, or as finished, and then a read_committed reader sees a result of all that its last checkpoint passed.

use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen};
use crate::world::store;
use truecut_core::Halt;

pub(super) const PROPERTY: Property = Property {
    name: "everything_is_visible_at_rest",
    meaning: "At rest the job has ended: with an error that says so, or as finished, and then a read_committed reader sees a result of all that its last checkpoint passed.",
    witness: "A job finishes after a failure.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    if !matches!(event, Event::Rest) {
        return Judgement::Nothing;
    }
    let Some(halt) = seen.halted() else { return Judgement::Violated };
    let Halt::Finished(name) = halt else { return Judgement::Nothing };
    let Some(last) = seen.store().latest().filter(|latest| latest.name == *name && latest.last) else {
        return Judgement::Violated;
    };
    let offsets = store::offsets(last);
    let visible = |record: &Record| {
        (0..seen.kafka().logs().len())
            .any(|partition| seen.kafka().visible(partition).any(|other| other.is_of(*record)))
    };
    let mut passed =
        seen.scope.records().filter(|record| i64::from(record.offset) < offsets[&record.partition()].get());
    Judgement::of(!passed.all(|record| visible(&record)), name.attempt > seen.scope.first_attempt())
}
