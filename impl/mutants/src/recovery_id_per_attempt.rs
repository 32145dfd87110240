//! Each attempt writes again under a recovery id of its own, so that none excludes the one before: a commit that a dead recovery
//! has on its way lands after the next one looked for it.

use truecut_core::{Attempt, Batch, Effect, Input, Request, TransactionalId};

use crate::interpose::{Interpose, Within, init_in, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecoveryIdPerAttempt {
    /// The attempt, as the sink's own ids tell it.
    attempt: Option<Attempt>,
}

impl RecoveryIdPerAttempt {
    fn rename(&self, id: &mut TransactionalId) {
        if let Some(attempt) = self.attempt.filter(|_| id.is_recovery()) {
            id.attempt = attempt;
        }
    }
}

impl Interpose for RecoveryIdPerAttempt {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Some(id) = init_in(effect).filter(|id| !id.is_recovery()) {
                self.attempt = Some(id.attempt);
            }
            match effect {
                Effect::Start { request: Request::InitProducer { id, .. }, .. } => self.rename(id),
                Effect::Start { request: Request::Commit(committable), .. } => {
                    self.rename(&mut committable.id);
                }
                _ => {}
            }
        }
        effects
    }
}
