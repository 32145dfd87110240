//! The second phase: pre-committed transactions are committed in checkpoint order, once their checkpoint is complete.
//!
//! A notification for n means all up to n (a lost one is subsumed, FLINK-10377). An unanswered or not yet possible commit
//! is sent again with the same identity, which Kafka answers with success if it had landed. Nothing is ever aborted here.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::alphabet::{Effect, Op, Outcome, Reason, Request, Timer};
use crate::id::{Attempt, CheckpointId, Token};
use crate::job::{CommitBy, Job};
use crate::kafka::{ErrorCode, Meaning, meaning};
use crate::operator::unexpected;
use crate::role::Effects;
use crate::sink::fate::{Fate, fate};
use crate::sink::recovery::Recovery;
use crate::snapshot::Committable;
use crate::transaction::TransactionalId;

/// What the committer has to say after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing yet.
    Waiting,
    /// This transaction is committed.
    Committed(Committable),
    /// What Kafka had committed of the listed transactions was found.
    Recovered,
    /// It can't be done in this attempt.
    Impossible(Reason),
    /// This transaction is not, or nobody can know.
    Lost(Committable, Fate),
}

/// Pre-committed transactions and how far their commits are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Committer {
    pub(super) attempt: Attempt,
    pub(super) index: u16,
    pub(super) origin: Token,
    pub(super) timeout_ms: u32,
    by: CommitBy,
    /// Not confirmed. Invariant: in checkpoint order.
    pub(super) unconfirmed: VecDeque<Committable>,
    /// Newest checkpoint known to be complete.
    completed: Option<CheckpointId>,
    /// An operation or a retry timer for the first of them is under way.
    pub(super) busy: bool,
    /// The first of them was lost and the loss is not accepted: nothing is committed any more.
    stopped: bool,
    /// Kafka aborted one of the restored transactions: the rest is written again.
    pub(super) recovery: Option<Recovery>,
}

impl Committer {
    /// A committer of what a completed checkpoint lists.
    pub(crate) fn restore(
        job: &Job,
        attempt: Attempt,
        origin: Token,
        index: u16,
        listed: Vec<Committable>,
    ) -> Self {
        assert!(
            listed.is_sorted_by_key(|committable| committable.checkpoint),
            "committables are listed in order"
        );
        let completed = listed.last().map(|committable| committable.checkpoint);
        Self {
            attempt,
            index,
            origin,
            timeout_ms: job.transaction_timeout_ms,
            by: job.commit_by,
            unconfirmed: listed.into(),
            completed,
            busy: false,
            stopped: false,
            recovery: None,
        }
    }

    /// What a snapshot lists.
    pub(crate) fn unconfirmed(&self) -> Vec<Committable> {
        self.unconfirmed.iter().copied().collect()
    }

    /// Whether all that may be committed is.
    pub(crate) fn is_settled(&self) -> bool {
        self.unconfirmed.front().is_none_or(|first| Some(first.checkpoint) > self.completed)
    }

    /// Newest checkpoint known to be complete.
    pub(crate) fn completed_checkpoint(&self) -> Option<CheckpointId> {
        self.completed
    }

    /// One more transaction is pre-committed.
    pub(crate) fn pre_committed(&mut self, committable: Committable) {
        let newest = self.unconfirmed.back().map(|last| last.checkpoint);
        assert!(newest < Some(committable.checkpoint), "barriers come in order");
        self.unconfirmed.push_back(committable);
    }

    /// A checkpoint is complete.
    pub(crate) fn completed(&mut self, checkpoint: CheckpointId) {
        self.completed = self.completed.max(Some(checkpoint));
    }

    /// Starts the next commit, if there is one to start.
    pub(crate) fn advance<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        if self.busy || self.stopped || self.is_settled() {
            return;
        }
        let Some(first) = self.unconfirmed.front().copied() else { return };
        self.busy = true;
        if self.recovery.is_some() && self.is_restored(&first) {
            self.write_again(out);
        } else {
            out.push(Effect::Start { op: Op::Commit(first.id), request: Request::Commit(first) });
        }
    }

    /// A commit was answered, or was not.
    pub(crate) fn answered<B, S>(
        &mut self,
        id: TransactionalId,
        outcome: Outcome<S>,
        out: &mut impl Effects<B, S>,
    ) -> Progress {
        if id.is_recovery() {
            return self.written_again(outcome, out);
        }
        let first = self.first(id);
        match outcome {
            Outcome::Answer(code) => match meaning(code) {
                Meaning::Done => self.confirm(),
                Meaning::Retry => self.retry(Op::Commit(id), out),
                Meaning::Fenced | Meaning::Refused => self.refused(&first, code, out),
            },
            Outcome::Unknown => self.retry(Op::Commit(id), out),
            Outcome::Failed { .. } => Progress::Impossible(unexpected(Op::Commit(id), outcome)),
            _ => unreachable!("no answer to a commit"),
        }
    }

    /// A description came, or did not.
    pub(crate) fn described<B, S>(
        &mut self,
        id: TransactionalId,
        outcome: Outcome<S>,
        accept_loss: bool,
        out: &mut impl Effects<B, S>,
    ) -> Progress {
        let first = self.first(id);
        let described = match outcome {
            Outcome::Described(described) => Some(described),
            Outcome::Answer(code) if meaning(code) == Meaning::Retry => {
                return self.retry(Op::Describe(id), out);
            }
            Outcome::Answer(_) => None,
            Outcome::Unknown => return self.retry(Op::Describe(id), out),
            Outcome::Failed { .. } => return Progress::Impossible(unexpected(Op::Describe(id), outcome)),
            _ => unreachable!("no answer to a description"),
        };
        match fate(&first, described) {
            Fate::Committed => self.confirm(),
            lost @ (Fate::Aborted | Fate::Unknowable) => {
                self.stopped = !accept_loss;
                if accept_loss {
                    self.confirm();
                }
                Progress::Lost(first, lost)
            }
        }
    }

    /// A retry timer fired.
    pub(crate) fn retry_fired<B, S>(&mut self, op: Op, out: &mut impl Effects<B, S>) {
        match op {
            Op::Commit(id) if !id.is_recovery() => {
                let first = self.first(id);
                out.push(Effect::Start { op, request: Request::Commit(first) });
            }
            Op::Describe(id) => self.ask(id, out),
            op => self.recovery_again(op, out),
        }
    }

    pub(super) fn retry<B, S>(&self, op: Op, out: &mut impl Effects<B, S>) -> Progress {
        out.push(Effect::Arm(Timer::Retry(op)));
        Progress::Waiting
    }

    /// Kafka does not commit it. By resume only a description can tell why. By log a description is no evidence: what was
    /// restored is looked for and written again if it is not there; what is of this attempt fails it, to be restored by the next.
    fn refused<B, S>(
        &mut self,
        first: &Committable,
        code: ErrorCode,
        out: &mut impl Effects<B, S>,
    ) -> Progress {
        match self.by {
            CommitBy::Resume => self.ask(first.id, out),
            CommitBy::Log if self.is_restored(first) => self.take_over(out),
            CommitBy::Log => return Progress::Impossible(Reason::Kafka { op: Op::Commit(first.id), code }),
        }
        Progress::Waiting
    }

    /// Whether a transaction is of an attempt before this one.
    pub(super) fn is_restored(&self, committable: &Committable) -> bool {
        committable.id.attempt != self.attempt
    }

    /// The transaction of a checkpoint.
    pub(crate) fn of(&self, checkpoint: CheckpointId) -> Option<Committable> {
        self.unconfirmed.iter().find(|committable| committable.checkpoint == checkpoint).copied()
    }

    fn ask<B, S>(&self, id: TransactionalId, out: &mut impl Effects<B, S>) {
        out.push(Effect::Start { op: Op::Describe(id), request: Request::Describe(id) });
    }

    pub(super) fn confirm(&mut self) -> Progress {
        self.busy = false;
        Progress::Committed(self.unconfirmed.pop_front().expect("it was under way"))
    }

    fn first(&self, id: TransactionalId) -> Committable {
        let first = *self.unconfirmed.front().expect("an operation of the committer is under way");
        assert!(self.busy && first.id == id, "commits go one at a time, in order");
        first
    }
}
