//! FLINK-29509: committables were restored under another subtask than the one that wrote them. Here each sink subtask is given the
//! list of the next one.

use truecut_core::{Batch, Effect, Input, Op, Outcome, Vertex};

use crate::interpose::{Interpose, Within, run};
use crate::reassign_splits_on_restore::rotate;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MisattributeCommittables {
    /// A checkpoint was read before.
    again: bool,
    restarted: bool,
}

impl Interpose for MisattributeCommittables {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if matches!(&input, Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(_) }) {
            self.restarted = std::mem::replace(&mut self.again, true);
        }
        let mut effects = run(role, input);
        if self.restarted {
            rotate(&mut effects, |task| task.subtask.vertex == Vertex::Sink);
        }
        effects
    }
}
