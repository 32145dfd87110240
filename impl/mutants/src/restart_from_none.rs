//! FLINK-25486 and FLINK-34518: the pointer to the latest checkpoint was lost or not looked at, and a restarted job began anew. Here
//! every checkpoint that is read holds what the first one did.

use std::collections::BTreeMap;

use truecut_core::{Batch, Effect, Input, NextOffset, Op, Outcome, Partition, Snapshot, Subtask};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RestartFromNone {
    /// Where each source subtask began.
    began: Option<BTreeMap<Subtask, BTreeMap<Partition, NextOffset>>>,
}

impl Interpose for RestartFromNone {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) } = &mut input {
            let began = self.began.get_or_insert_with(|| {
                let sources = checkpoint.snapshots.iter().filter_map(|(subtask, part)| match part {
                    Snapshot::Source(offsets) => Some((*subtask, offsets.clone())),
                    Snapshot::Operator(_) | Snapshot::Sink(_) => None,
                });
                sources.collect()
            });
            for (subtask, part) in &mut checkpoint.snapshots {
                *part = match part {
                    Snapshot::Source(_) => Snapshot::Source(began.get(subtask).cloned().unwrap_or_default()),
                    Snapshot::Operator(_) => Snapshot::Operator(None),
                    Snapshot::Sink(_) => Snapshot::Sink(Vec::new()),
                };
            }
        }
        run(role, input)
    }
}
