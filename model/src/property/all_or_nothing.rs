//! A transaction is committed with all the records that its producer was handed, or with none.

use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "all_or_nothing",
    meaning: "A transaction is committed with all the records that its producer was handed, or with none.",
    witness: "A transaction of several records is committed.",
    judge,
};

fn judge(_seen: &Seen<'_>, event: &Event) -> Judgement {
    match event {
        Event::Committed { landed, handed, .. } => Judgement::of(landed < handed, *landed > 1),
        _ => Judgement::Nothing,
    }
}
