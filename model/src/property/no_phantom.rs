//! Every committed result is one that the input demands: of a record that exists, with a state that a legal run can have.

use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "no_phantom",
    meaning: "Every committed result is one that the input demands: of a record that exists, with a state that a legal run can have.",
    witness: "A result that rests on restored state is committed.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Committed { id, .. } = event else { return Judgement::Nothing };
    let mut restored = false;
    for record in seen.kafka().committed() {
        let Some(input) = seen.scope.record(record.partition, record.offset) else {
            return Judgement::Violated;
        };
        let of_key = |other: &Record| other.key == input.key;
        let before = seen
            .scope
            .records()
            .filter(of_key)
            .filter(|other| other.partition == input.partition && other.offset < input.offset);
        let behind = seen
            .scope
            .records()
            .filter(of_key)
            .filter(|other| other.partition == input.partition && other.offset > input.offset);
        let all = seen.scope.records().filter(of_key).count();
        let legal = before.count() + 1..=all - behind.count();
        let same = |other: &&Record| {
            (other.key, other.sequence) == (record.key, record.sequence) && !other.is_of(*record)
        };
        if input.key != record.key
            || !legal.contains(&usize::from(record.sequence))
            || seen.kafka().committed().any(|other| same(&other))
        {
            return Judgement::Violated;
        }
        restored |= record.sequence > 1;
    }
    Judgement::of(false, restored && id.attempt > seen.scope.first_attempt())
}
