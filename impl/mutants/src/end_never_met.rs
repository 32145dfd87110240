//! FLINK-31319: a bounded read stopped when it saw a record at the stopping offset or behind it. A source that is restored behind
//! the last record sees none.

use std::collections::BTreeSet;

use truecut_core::{Batch, Effect, Input, Partition};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndNeverMet {
    /// Partitions of which a record was read in this attempt.
    read: BTreeSet<Partition>,
}

impl Interpose for EndNeverMet {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match &input {
            Input::Fetched { partition, .. } => {
                self.read.insert(*partition);
            }
            Input::EndOfPartition(partition) if !self.read.contains(partition) => return Vec::new(),
            _ => {}
        }
        run(role, input)
    }
}
