//! When a listed transaction is lost, the job ends with a data-loss error: no later checkpoint passes over it, and the job does not end as finished.

use crate::lineage::Record;
use crate::property::{
    AbortedBy, Event, Judgement, Property, Seen, can_be_committed, passed_and_not_committed,
};
use truecut_core::Halt;

pub(super) const PROPERTY: Property = Property {
    name: "no_silent_loss",
    meaning: "When a listed transaction is lost, the job ends with a data-loss error: no later checkpoint passes over it, and the job does not end as finished.",
    witness: "A listed transaction is aborted by Kafka, or its commit has to be asked for again.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let told =
        |record: &Record| seen.store().lists(|committable| seen.ledger().was_aborted(committable, *record));
    match event {
        Event::Swapped { .. } => Judgement::of(
            passed_and_not_committed(seen).any(|record| !can_be_committed(seen, record) && !told(&record)),
            false,
        ),
        Event::Halted | Event::Rest if matches!(seen.halted(), Some(Halt::Finished(_))) => {
            Judgement::of(passed_and_not_committed(seen).any(|record| !can_be_committed(seen, record)), false)
        }
        Event::Aborted { id, by: AbortedBy::Timeout | AbortedBy::Late } => {
            Judgement::of(false, seen.store().lists(|committable| committable.id == *id))
        }
        Event::CommitRepeated { committable } => {
            Judgement::of(false, seen.store().lists(|listed| listed == committable))
        }
        _ => Judgement::Nothing,
    }
}
