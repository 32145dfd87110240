//! A commit that is not answered counts as lost, in a job that accepts losses: the transaction leaves the sink's list, and is aborted
//! when the next checkpoint is complete. Until then the request that was not answered can still arrive. What the last
//! checkpoint closes is asked for again: nothing comes after it.

use std::collections::BTreeSet;

use truecut_core::{Attempt, Batch, Effect, Input, Op, Order, Outcome, Request, TransactionalId};

use crate::interpose::{Interpose, Within, barrier_in, init_in, order_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GiveUpOnUnknown {
    /// Its attempt. What older ones left is asked for again.
    own: Option<Attempt>,
    /// The last barrier came.
    last: bool,
    /// Left, and not yet aborted.
    left: BTreeSet<TransactionalId>,
    /// Being aborted.
    aborting: BTreeSet<TransactionalId>,
}

/// A transaction timeout that every broker allows.
const TIMEOUT_MS: u32 = 60_000;

impl Interpose for GiveUpOnUnknown {
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
        self.last |= barrier_in(&input).is_some_and(|(_, last)| last);
        let completed = matches!(order_in(&input), Some((_, Order::Completed(_))));
        let left = if completed { std::mem::take(&mut self.left) } else { BTreeSet::new() };
        let mut input = input;
        if let Input::Done { op: Op::Commit(id), outcome: outcome @ Outcome::Unknown } = &mut input
            && !self.last
            && self.own == Some(id.attempt)
        {
            *outcome = Outcome::Answer(0);
            self.left.insert(*id);
        }
        self.aborting.extend(&left);
        let mut effects = run(role, input);
        self.own = effects.iter().find_map(init_in).map(|id| id.attempt).or(self.own);
        effects.extend(left.into_iter().map(|id| Effect::Start {
            op: Op::Fence(id),
            request: Request::Fence { id, timeout_ms: TIMEOUT_MS },
        }));
        effects
    }
}
