//! FLINK-40615: two discoveries that overlapped assigned a partition twice. Here every source reads partition 0, and those that do
//! not own it drop what they read.

use truecut_core::{Batch, Effect, Input, NextOffset, Partition};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReadSplitOfAnother {
    /// The partition that it reads and does not own.
    foreign: Option<Partition>,
}

/// Every topic has it.
const FIRST: Partition = Partition::new(0);

impl Interpose for ReadSplitOfAnother {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match &input {
            Input::Fetched { partition, .. } | Input::EndOfPartition(partition)
                if self.foreign == Some(*partition) =>
            {
                return Vec::new();
            }
            _ => {}
        }
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Consume { offsets, .. } = effect
                && !offsets.contains_key(&FIRST)
            {
                offsets.insert(FIRST, NextOffset::new(0));
                self.foreign = Some(FIRST);
            }
        }
        effects
    }
}
