//! The sink goes on as if a flush were answered at once; the true answer, also a failure, is swallowed.

use std::collections::BTreeSet;

use truecut_core::{Batch, Effect, Input, Op, Outcome, Slot};

use crate::interpose::{Interpose, Within, flush_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AckBeforeFlush {
    /// Slots whose flush is under way.
    flushing: BTreeSet<Slot>,
}

impl Interpose for AckBeforeFlush {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::Flush(slot), .. } = input {
            self.flushing.remove(&slot);
            return Vec::new();
        }
        let mut effects = run(role, input);
        let started = effects.iter().find_map(flush_in);
        if let Some(slot) = started {
            self.flushing.insert(slot);
            effects.extend(run(role, Input::Done { op: Op::Flush(slot), outcome: Outcome::Flushed }));
        }
        effects
    }
}
