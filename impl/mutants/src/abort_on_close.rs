//! FLINK-37622: the writer closed its producer when the input ended, and closing aborted the transaction that was pre-committed.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{Batch, Effect, Input, Op, Request, Slot, TransactionalId};

use crate::interpose::{Interpose, Within, init_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AbortOnClose {
    /// Ids of the producers that were made.
    ids: BTreeMap<Slot, TransactionalId>,
    /// Being aborted.
    aborting: BTreeSet<TransactionalId>,
}

/// A transaction timeout that every broker allows.
const TIMEOUT_MS: u32 = 60_000;

impl Interpose for AbortOnClose {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::Fence(id), .. } = &input
            && self.aborting.remove(id)
        {
            return Vec::new();
        }
        let mut out = Vec::new();
        for effect in run(role, input) {
            if let Some(id) = init_in(&effect) {
                self.ids.insert(id.slot, id);
            }
            let closed = match &effect {
                Effect::CloseProducer(slot) => self.ids.remove(slot),
                _ => None,
            };
            out.push(effect);
            self.aborting.extend(closed);
            out.extend(closed.map(|id| Effect::Start {
                op: Op::Fence(id),
                request: Request::Fence { id, timeout_ms: TIMEOUT_MS },
            }));
        }
        out
    }
}
