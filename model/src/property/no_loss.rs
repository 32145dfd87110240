//! What a completed checkpoint has passed is committed, or can still be.

use truecut_core::Guarantee;

use crate::property::{Event, Judgement, Property, Seen, can_be_committed, passed_and_not_committed};

pub(super) const PROPERTY: Property = Property {
    name: "no_loss",
    meaning: "What a completed checkpoint has passed is committed, or can still be.",
    witness: "A checkpoint is completed while something that it passed is only pre-committed; without transactions, that passed something.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let completes = matches!(event, Event::Swapped { .. });
    let at_once = completes && seen.scope.guarantee == Guarantee::AtLeastOnce;
    if !completes && !matches!(event, Event::Aborted { .. } | Event::Committed { .. } | Event::Gone) {
        return Judgement::Nothing;
    }
    let mut waits = false;
    for record in passed_and_not_committed(seen) {
        waits = true;
        if !can_be_committed(seen, record) {
            return Judgement::Violated;
        }
    }
    Judgement::of(false, completes && waits || at_once && seen.kafka().committed().next().is_some())
}
