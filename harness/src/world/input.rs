//! The input log: a source is given what lies behind its position, in order, and two that read the same records read the same.

use std::collections::HashMap;

use truecut_core::{Batch as _, Effect, Input, NextOffset, Offset, Partition};
use truecut_runtime::trace::{BatchDigest, Event};

use super::{Impossible, Trace};

/// Positions of all sources.
#[derive(Debug, Default)]
pub(super) struct InputLog {
    /// Its offsets have no gaps.
    dense: bool,
    positions: HashMap<(Trace, Partition), NextOffset>,
    /// What lies from one offset to another.
    read: HashMap<(Partition, Offset, Offset), BatchDigest>,
}

impl InputLog {
    pub(super) fn new(dense: bool) -> Self {
        Self { dense, ..Self::default() }
    }

    pub(super) fn visit(&mut self, trace: Trace, event: &Event) -> Result<(), Impossible> {
        if let Event::Effect(Effect::Consume { offsets, .. }) = event {
            let positions = offsets.iter().map(|(partition, next)| ((trace, *partition), *next));
            self.positions.extend(positions);
        } else if let Event::Input { input: Input::Fetched { partition, batch, first, last }, .. } = event {
            return self.fetched(trace, *partition, *batch, (*first, *last));
        }
        Ok(())
    }

    fn fetched(
        &mut self,
        trace: Trace,
        partition: Partition,
        batch: BatchDigest,
        (first, last): (Offset, Offset),
    ) -> Result<(), Impossible> {
        let what = || {
            format!(
                "{} records of partition {partition}, offsets {first} to {last}, were fetched",
                batch.records()
            )
        };
        let Some(position) = self.positions.insert((trace, partition), last.one_past()) else {
            return Err(Impossible::new(what(), "no records of a partition that is not being read"));
        };
        let room = u64::try_from(last.get() - first.get() + 1).unwrap_or(0);
        let in_order = if self.dense { first.get() == position.get() } else { first.get() >= position.get() };
        let fits = if self.dense { batch.records == room } else { batch.records <= room };
        if !in_order || !fits || batch.records == 0 {
            let allowed = format!("records from offset {position} on, one at each offset");
            return Err(Impossible::new(what(), allowed));
        }
        let before = *self.read.entry((partition, first, last)).or_insert(batch);
        if before == batch {
            return Ok(());
        }
        Err(Impossible::new(what(), "the records that others have read there"))
    }
}
