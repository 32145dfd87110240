//! What is committed was passed by a completed checkpoint.

use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen};
use crate::world::store;

pub(super) const PROPERTY: Property = Property {
    name: "no_early_visibility",
    meaning: "What is committed was passed by a completed checkpoint.",
    witness: "A checkpoint is completed while a transaction that it lists is open.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    match event {
        Event::Committed { .. } => {
            let offsets = seen.store().latest().map(store::offsets).unwrap_or_default();
            let passed = |record: &Record| {
                offsets.get(&record.partition()).is_some_and(|next| i64::from(record.offset) < next.get())
            };
            Judgement::of(!seen.kafka().committed().all(passed), false)
        }
        Event::Swapped { .. } => {
            Judgement::of(false, seen.store().lists(|committable| seen.kafka().is_open(committable.id)))
        }
        _ => Judgement::Nothing,
    }
}
