//! The head goes forward: attempts one by one, completed checkpoints to newer ones, and a claim keeps the latest.

use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "completion_is_monotone",
    meaning: "The head goes forward: attempts one by one, completed checkpoints to newer ones, and a claim keeps the latest.",
    witness: "An attempt is claimed after a checkpoint of an older one was completed.",
    judge,
};

fn judge(_seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Swapped { before, after } = event else { return Judgement::Nothing };
    let Some(before) = before else { return Judgement::Nothing };
    let claim = after.attempt != before.attempt;
    let forward = if claim {
        after.attempt == before.attempt.next() && after.latest == before.latest
    } else {
        after.latest.map(|name| name.id) > before.latest.map(|name| name.id)
    };
    let unused = after.next >= before.next && after.latest.is_none_or(|latest| latest.id < after.next);
    Judgement::of(!forward || !unused, claim)
}
