//! What DescribeTransactions says of a transaction whose commit was refused is that it is aborted; the sink takes it off its list all
//! the same. Flink's committer counts such a failure in a metric and goes on.

use truecut_core::{Batch, Committable, Effect, Input, Op, Outcome, Producer, Request, TransactionState};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DropLostTransaction {
    /// What is being committed.
    committing: Option<Committable>,
}

impl Interpose for DropLostTransaction {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Done { op: Op::Describe(_), outcome: Outcome::Described(described) } = &mut input
            && let Some(committable) = self.committing
        {
            // What the role would be told of one that is committed.
            let epoch = committable.producer.epoch + committable.protocol.bump();
            described.state = TransactionState::CompleteCommit;
            described.producer = Producer { epoch, ..committable.producer };
        }
        let effects = run(role, input);
        for effect in &effects {
            if let Effect::Start { request: Request::Commit(committable), .. } = effect {
                self.committing = Some(*committable);
            }
        }
        effects
    }
}
