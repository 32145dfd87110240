//! In one attempt a split is read by one source subtask.

use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "one_owner_per_split",
    meaning: "In one attempt a split is read by one source subtask.",
    witness: "A split is read again by a later attempt.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Consumed { attempt, subtask, offsets } = event else { return Judgement::Nothing };
    let owners = |partition| seen.ledger().owners(partition);
    let other = |partition| owners(partition).any(|(of, owner)| of == *attempt && owner != *subtask);
    let again = |partition| owners(partition).any(|(of, _)| of < *attempt);
    Judgement::of(
        offsets.keys().any(|partition| other(*partition)),
        offsets.keys().any(|partition| again(*partition)),
    )
}
