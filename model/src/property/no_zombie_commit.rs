//! Once an attempt is claimed, a transaction of an older one is committed only if the latest completed checkpoint lists it.

use truecut_core::Committable;

use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "no_zombie_commit",
    meaning: "Once an attempt is claimed, a transaction of an older one is committed only if the latest completed checkpoint lists it.",
    witness: "A transaction of an older attempt is committed.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Committed { id, .. } = event else { return Judgement::Nothing };
    let older = seen.store().head().is_some_and(|head| id.attempt < head.attempt);
    // Under a recovery id is written again what the checkpoint lists of its subtask.
    let stands_for = |committable: &Committable| {
        committable.id == *id || id.is_recovery() && committable.id.subtask == id.subtask
    };
    Judgement::of(older && !seen.store().lists(stands_for), older)
}
