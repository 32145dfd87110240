//! At rest no transaction is open, unless the job ended with an error.

use crate::property::{AbortedBy, Event, Judgement, Property, Seen};
use truecut_core::Halt;

pub(super) const PROPERTY: Property = Property {
    name: "no_stuck_transaction",
    meaning: "At rest no transaction is open, unless the job ended with an error.",
    witness: "A subtask is gone while a transaction is open that no completed checkpoint lists.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    match event {
        Event::Rest => {
            let failed =
                matches!(seen.halted(), Some(Halt::DataLoss { .. } | Halt::Failed { .. } | Halt::Superseded));
            Judgement::of(!failed && seen.kafka().open_ids().next().is_some(), false)
        }
        // Nobody but Kafka's timeout ended it.
        Event::Aborted { by: AbortedBy::Timeout, .. } => {
            Judgement::of(matches!(seen.halted(), Some(Halt::Finished(_))), false)
        }
        Event::Gone => Judgement::of(
            false,
            seen.kafka().open_ids().any(|id| !seen.store().lists(|committable| committable.id == id)),
        ),
        _ => Judgement::Nothing,
    }
}
