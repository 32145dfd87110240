//! A completed checkpoint is a cut: its operator state folds exactly the input before its offsets, each record once, and each split is in it once.

use crate::lineage::{Record, bit};
use crate::property::{Event, Judgement, Property, Seen};
use crate::world::store;
use truecut_core::Snapshot;

pub(super) const PROPERTY: Property = Property {
    name: "consistent_cut",
    meaning: "A completed checkpoint is a cut: its operator state folds exactly the input before its offsets, each record once, and each split is in it once.",
    witness: "A completed checkpoint cuts through the input.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Swapped { .. } = event else { return Judgement::Nothing };
    let Some(checkpoint) = seen.store().latest() else { return Judgement::Nothing };
    let offsets = store::offsets(checkpoint);
    let splits = checkpoint.snapshots.values().filter_map(|snapshot| match snapshot {
        Snapshot::Source(owned) => Some(owned.len()),
        Snapshot::Operator(_) | Snapshot::Sink(_) => None,
    });
    if splits.sum::<usize>() != seen.scope.partitions() || offsets.len() != seen.scope.partitions() {
        return Judgement::Violated;
    }
    let is_before = |record: &Record| i64::from(record.offset) < offsets[&record.partition()].get();
    for (subtask, snapshot) in &checkpoint.snapshots {
        let Snapshot::Operator(state) = snapshot else { continue };
        let own = seen
            .scope
            .records()
            .filter(|record| seen.scope.operator_of(*record) == subtask.index)
            .filter(is_before);
        let expected = own.fold(0, |bits, record| bits | bit(record.partition, record.offset));
        if !state.unwrap_or_default().is_exactly(expected) {
            return Judgement::Violated;
        }
    }
    let passed = seen.scope.records().filter(is_before).count();
    Judgement::of(false, 0 < passed && passed < seen.scope.records().count())
}
