//! FLINK-7978: transactional ids of different subtasks were the same, so that each InitProducerId fenced the producer of another
//! one. Here every sink subtask uses the ids of the first.

use std::collections::BTreeSet;

use truecut_core::{Batch, Committable, Effect, Input, Op, Request, TransactionalId};

use crate::interpose::{Interpose, Within, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShareIdsBetweenSinks {
    /// The index that the role knows.
    own: u16,
    /// Commits and descriptions under way under the shared name.
    renamed: BTreeSet<TransactionalId>,
}

impl ShareIdsBetweenSinks {
    fn share<B, S>(&mut self, effect: &mut Effect<B, S>) {
        match effect {
            Effect::Start { request: Request::InitProducer { id, .. }, .. } => {
                self.own = id.subtask;
                id.subtask = 0;
            }
            Effect::Start { op: Op::Commit(id), request: Request::Commit(Committable { id: same, .. }) }
            | Effect::Start { op: Op::Describe(id), request: Request::Describe(same) } => {
                if id.subtask != 0 {
                    (id.subtask, same.subtask) = (0, 0);
                    self.renamed.insert(*id);
                }
            }
            other => {
                if let Some((_, listed)) = listing(other) {
                    listed.iter_mut().for_each(|committable| committable.id.subtask = 0);
                }
            }
        }
    }
}

impl Interpose for ShareIdsBetweenSinks {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Done { op: Op::Commit(id) | Op::Describe(id), .. } = &mut input
            && self.renamed.remove(id)
        {
            id.subtask = self.own;
        }
        let mut effects = run(role, input);
        effects.iter_mut().for_each(|effect| self.share(effect));
        effects
    }
}
