//! A sink that is restored asks what became of the first transaction that it is to commit, and aborts it if it is open.

use truecut_core::{Batch, Committable, Effect, Input, Op, Outcome, Request, TransactionState};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AbortOnRecovery {
    /// The commit that waits.
    commit: Option<Committable>,
}

/// A transaction timeout that every broker allows.
const TIMEOUT_MS: u32 = 60_000;

impl Interpose for AbortOnRecovery {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match input {
            Input::Begin => {
                let mut effects = run(role, Input::Begin);
                for effect in &mut effects {
                    if let Effect::Start { request: Request::Commit(committable), .. } = effect {
                        let id = committable.id;
                        self.commit = Some(*committable);
                        *effect = Effect::Start { op: Op::Describe(id), request: Request::Describe(id) };
                    }
                }
                effects
            }
            Input::Done { op: Op::Describe(id), outcome: Outcome::Described(described) }
                if self.commit.is_some() && described.state == TransactionState::Ongoing =>
            {
                let request = Request::Fence { id, timeout_ms: TIMEOUT_MS };
                vec![Effect::Start { op: Op::Fence(id), request }]
            }
            Input::Done { op: Op::Describe(_) | Op::Fence(_), .. } if self.commit.is_some() => {
                let commit = self.commit.take().map(|committable| Effect::Start {
                    op: Op::Commit(committable.id),
                    request: Request::Commit(committable),
                });
                commit.into_iter().collect()
            }
            other => run(role, other),
        }
    }
}
