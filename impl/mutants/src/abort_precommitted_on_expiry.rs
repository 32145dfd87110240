//! The sink aborts what it pre-committed for a checkpoint when that checkpoint is aborted.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{Batch, CheckpointId, Effect, Input, Op, Order, Request, Slot, Snapshot, TransactionalId};

use crate::interpose::{Interpose, Within, ack, order_in, run};

/// A transaction timeout that every broker allows.
const TIMEOUT_MS: u32 = 60_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AbortPrecommittedOnExpiry {
    /// The transaction that each checkpoint closed.
    closed: BTreeMap<CheckpointId, TransactionalId>,
    /// Slots whose abort is under way.
    aborting: BTreeSet<Slot>,
}

impl Interpose for AbortPrecommittedOnExpiry {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::InitProducer(slot), .. } = &input
            && self.aborting.remove(slot)
        {
            return Vec::new();
        }
        let order = order_in(&input);
        let mut effects = run(role, input);
        for ack in effects.iter_mut().filter_map(ack) {
            if let Snapshot::Sink(listed) = &ack.snapshot
                && let Some(own) = listed.last().filter(|own| own.checkpoint == ack.checkpoint)
            {
                self.closed.insert(ack.checkpoint, own.id);
            }
        }
        if let Some((_, Order::Aborted(checkpoint))) = order
            && let Some(id) = self.closed.remove(&checkpoint)
        {
            self.aborting.insert(id.slot);
            let request = Request::InitProducer { id, timeout_ms: TIMEOUT_MS };
            effects.push(Effect::Start { op: Op::InitProducer(id.slot), request });
        }
        effects
    }
}
