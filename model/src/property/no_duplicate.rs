//! No input record is committed twice.

use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "no_duplicate",
    meaning: "No input record is committed twice.",
    witness: "A record is produced while an open transaction of an older attempt holds it.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    match event {
        Event::Committed { .. } => {
            let twice = |record: &&Record| {
                seen.kafka().committed().filter(|other| other.is_of(**record)).nth(1).is_some()
            };
            Judgement::of(seen.kafka().committed().any(|record| twice(&record)), false)
        }
        Event::Landed { id, record } => {
            let older = seen.kafka().open_ids().filter(|open| open.attempt < id.attempt);
            Judgement::of(
                false,
                older
                    .into_iter()
                    .any(|open| seen.kafka().open_records(open).any(|other| other.is_of(*record))),
            )
        }
        _ => Judgement::Nothing,
    }
}
