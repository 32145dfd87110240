//! The clean-up aborts only what dead attempts left: nothing that the latest completed checkpoint lists, nothing of the attempt in force.

use crate::property::{AbortedBy, Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "no_foreign_abort",
    meaning: "The clean-up aborts only what dead attempts left: nothing that the latest completed checkpoint lists, nothing of the attempt in force.",
    witness: "The clean-up aborts a transaction.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Aborted { id, by: AbortedBy::CleanUp } = event else { return Judgement::Nothing };
    let in_force = seen.store().head().is_some_and(|head| id.attempt >= head.attempt);
    Judgement::of(in_force || seen.store().lists(|committable| committable.id == *id), true)
}
