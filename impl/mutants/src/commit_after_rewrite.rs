//! A recovery fences and writes again only what Kafka aborted, and commits what comes behind it as it lies there: in front of
//! what was written again.

use truecut_core::{
    Batch, Committable, Effect, Input, Op, Outcome, Request, TransactionProtocol, TransactionState,
    TransactionalId,
};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CommitAfterRewrite {
    /// Fencing began.
    fenced: bool,
    /// Listed ids behind the first that are not fenced.
    spared: Vec<TransactionalId>,
    /// A transaction was written again.
    rewritten: bool,
    /// The rewriting that one of them is committed in place of.
    instead_of: Option<Op>,
}

impl CommitAfterRewrite {
    /// Changes what a recovery does next.
    fn turn<B: Batch, S: Clone>(&mut self, role: &mut Within<'_, B, S>, effects: &mut Vec<Effect<B, S>>) {
        while let Some(Effect::Start { op: op @ Op::Fence(id), .. }) = effects.last()
            && self.fenced
        {
            let (op, id) = (*op, *id);
            self.spared.push(id);
            effects.pop();
            effects.extend(run(role, Input::Done { op, outcome: Outcome::Answer(0) }));
        }
        match effects.last() {
            Some(Effect::Start { op: Op::Fence(_), .. }) => self.fenced = true,
            Some(Effect::Start { op: op @ Op::Rewrite(_), .. }) => {
                let op = *op;
                if self.rewritten && !self.spared.is_empty() {
                    let id = self.spared.remove(0);
                    self.instead_of = Some(op);
                    effects.pop();
                    effects.push(Effect::Start { op: Op::Describe(id), request: Request::Describe(id) });
                }
                self.rewritten = true;
            }
            _ => {}
        }
    }
}

impl Interpose for CommitAfterRewrite {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Some(op @ Op::Rewrite(checkpoint)) = self.instead_of {
            match input {
                Input::Done { op: Op::Describe(id), outcome: Outcome::Described(described) }
                    if described.state == TransactionState::Ongoing =>
                {
                    let producer = described.producer;
                    let protocol = TransactionProtocol::V1;
                    let committable = Committable { checkpoint, id, producer, protocol, records: 0 };
                    let request = Request::Commit(committable);
                    return vec![Effect::Start { op: Op::Commit(id), request }];
                }
                Input::Done { op: Op::Commit(_), outcome: Outcome::Answer(0) } => {
                    // The role takes it for written again, and what it would commit for committed.
                    self.instead_of = None;
                    let mut effects = run(role, Input::Done { op, outcome: Outcome::Flushed });
                    if let Some(Effect::Start { op: commit @ Op::Commit(_), .. }) = effects.pop() {
                        effects.extend(run(role, Input::Done { op: commit, outcome: Outcome::Answer(0) }));
                    }
                    self.turn(role, &mut effects);
                    return effects;
                }
                Input::Done { op: Op::Describe(_) | Op::Commit(_), .. } => {
                    self.instead_of = None;
                    return run(role, Input::Done { op, outcome: Outcome::Unknown });
                }
                other => {
                    let mut effects = run(role, other);
                    self.turn(role, &mut effects);
                    return effects;
                }
            }
        }
        let mut effects = run(role, input);
        self.turn(role, &mut effects);
        effects
    }
}
