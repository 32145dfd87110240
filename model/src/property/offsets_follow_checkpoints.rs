//! The consumer group's offset of each partition is that of some completed checkpoint.

use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "offsets_follow_checkpoints",
    meaning: "The consumer group's offset of each partition is that of some completed checkpoint.",
    witness: "The group's offsets are set after the input went on.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::GroupOffsets { offsets } = event else { return Judgement::Nothing };
    let of_some =
        |(partition, next)| seen.ledger().completed().any(|completed| completed.get(partition) == Some(next));
    Judgement::of(!offsets.iter().all(of_some), offsets.values().any(|next| next.get() > 0))
}
