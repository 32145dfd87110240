//! What subtasks restore is what the latest completed checkpoint holds.

use crate::property::{Event, Judgement, Property, Seen};
use truecut_core::Task;

pub(super) const PROPERTY: Property = Property {
    name: "restore_is_latest",
    meaning: "What subtasks restore is what the latest completed checkpoint holds.",
    witness: "An attempt restores, and older checkpoints exist.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Deployed { deployment } = event else { return Judgement::Nothing };
    let is_over = seen.store().head().is_some_and(|head| deployment.attempt < head.attempt);
    if is_over {
        return Judgement::Nothing; // a zombie deploys what was the latest when its attempt was; nothing of it can complete
    }
    let same = seen.store().latest().is_some_and(|latest| {
        let part = |task: &Task<_>| latest.snapshots.get(&task.subtask) == Some(&task.restore);
        latest.name == deployment.restored && deployment.tasks.iter().all(part)
    });
    Judgement::of(!same, seen.ledger().completed().count() > 1)
}
