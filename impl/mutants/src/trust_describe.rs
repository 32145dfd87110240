//! A recovery asks DescribeTransactions what became of the transaction whose commit was refused, and writes it again unless that
//! says committed; the marker is not read. But an id tells of its latest generation only, and of none once it expired.

use truecut_core::{
    Batch, Effect, ErrorCode, Input, Meaning, Op, Outcome, Request, TransactionState, TransactionalId,
    meaning,
};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TrustDescribe {
    /// The commit that was refused, and how.
    refused: Option<(TransactionalId, ErrorCode)>,
}

impl Interpose for TrustDescribe {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let input = match (input, self.refused) {
            (Input::Done { op: Op::Commit(id), outcome: Outcome::Answer(code) }, _)
                if !id.is_recovery() && matches!(meaning(code), Meaning::Fenced | Meaning::Refused) =>
            {
                self.refused = Some((id, code));
                return vec![Effect::Start { op: Op::Describe(id), request: Request::Describe(id) }];
            }
            (Input::Done { op: Op::Describe(_), outcome }, Some((id, code))) => {
                let committed = matches!(&outcome, Outcome::Described(described)
                    if described.state == TransactionState::CompleteCommit);
                let outcome = Outcome::Answer(if committed { 0 } else { code });
                Input::Done { op: Op::Commit(id), outcome }
            }
            (input, _) => input,
        };
        let mut effects = run(role, input);
        if let Some(Effect::Start { op: op @ Op::ReadMarker, .. }) = effects.last() {
            let op = *op;
            effects.pop();
            effects.extend(run(role, Input::Done { op, outcome: Outcome::Markers(Vec::new()) }));
        }
        effects
    }
}
