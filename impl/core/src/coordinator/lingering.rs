//! Transactions that dead attempts left open: they would block `read_committed` readers until they time out.
//!
//! The set to abort has one owner and is a pure function: listed ids of older attempts with this job's prefix, minus all
//! committables of the restored checkpoint. Listing goes on after the first completed checkpoint of the attempt until one
//! is complete and finds nothing: brokers may have been loading. Where zombies may live it begins anew with each completed
//! checkpoint: they may open new ones. A job ends only when nothing is found.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;

use crate::alphabet::{Effect, Op, Outcome, Reason, Request, Timer};
use crate::id::Attempt;
use crate::kafka::{Meaning, is_whole, meaning};
use crate::operator::unexpected;
use crate::role::Effects;
use crate::snapshot::Checkpoint;
use crate::transaction::{TransactionState, TransactionalId};

/// The clean-up of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lingering {
    attempt: Attempt,
    /// The transaction timeout to state when fencing.
    timeout_ms: u32,
    /// What the restored checkpoint lists: never to be aborted.
    keep: BTreeSet<TransactionalId>,
    /// A listing is under way; whether it began after a checkpoint of the attempt was complete.
    listing: Option<bool>,
    /// A checkpoint of the attempt is complete, or every sink of a job that had ended has confirmed its commits: no sink of the
    /// attempt writes again what Kafka aborted.
    completed: bool,
    /// To be fenced; the first is under way. Invariant: none of them is kept.
    fencing: VecDeque<TransactionalId>,
    /// A listing that began after a completed checkpoint was complete and found nothing.
    clean: bool,
    /// Processes that were given up may live: a worker that fell silent, or whatever another coordinator started.
    haunted: bool,
}

/// The ids to abort among the listed names.
pub(super) fn abort_set(
    prefix: &str,
    names: &[String],
    attempt: Attempt,
    keep: &BTreeSet<TransactionalId>,
    completed: bool,
) -> BTreeSet<TransactionalId> {
    let ours = names.iter().filter_map(|name| TransactionalId::parse(prefix, name));
    // Until then a sink may be writing under its recovery id.
    let may_be_in_use = |id: &TransactionalId| id.is_recovery() && !completed;
    ours.filter(|id| id.attempt < attempt && !keep.contains(id) && !may_be_in_use(id)).collect()
}

impl Lingering {
    /// Nothing to do before the first attempt.
    pub(super) fn idle(timeout_ms: u32) -> Self {
        Self {
            attempt: Attempt::new(0),
            timeout_ms,
            keep: BTreeSet::new(),
            listing: None,
            completed: false,
            fencing: VecDeque::new(),
            clean: true,
            haunted: false,
        }
    }

    /// From now on zombies may open transactions of older attempts at any time, so that what is clean does not stay so: it is looked
    /// for again after each completed checkpoint.
    pub(super) fn haunt(&mut self) {
        self.haunted = true;
    }

    /// An attempt restores this checkpoint.
    pub(super) fn begin<B, S>(
        &mut self,
        attempt: Attempt,
        restored: &Checkpoint<S>,
        out: &mut impl Effects<B, S>,
    ) {
        self.attempt = attempt;
        self.keep = restored.committables().map(|committable| committable.id).collect();
        self.completed = false;
        self.clean = false;
        // A recovery id may be in use by the sinks of this attempt; only one that is being fenced already can't be helped.
        let under_way = self.fencing.pop_front();
        self.fencing.retain(|id| !id.is_recovery());
        self.fencing.extend(under_way);
        self.fencing.rotate_right(usize::from(under_way.is_some()));
        // A listing that the attempt before asked for may be older than what that attempt left open.
        self.listing = self.listing.map(|_| false);
        assert!(
            self.fencing.iter().all(|id| !self.keep.contains(id)),
            "a fenced id is listed by no later checkpoint"
        );
        self.list(out);
    }

    /// Whether nothing that dead attempts left is open any more.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }

    /// A checkpoint of the attempt is complete, or all commits of a job that had ended are confirmed.
    pub(super) fn completed<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        self.completed = true;
        if self.haunted {
            self.clean = false;
            self.listing = self.listing.map(|_| false);
        }
        if !self.clean {
            self.list(out);
        }
    }

    fn list<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        if self.listing.is_none() && self.fencing.is_empty() {
            self.listing = Some(self.completed);
            // Only an open one holds up readers; one whose end is decided ends without us.
            let request = Request::ListTransactions(TransactionState::Ongoing);
            out.push(Effect::Start { op: Op::ListTransactions, request });
        }
    }

    /// A listing was answered. Gives the reason if there will never be one.
    pub(super) fn listed<B, S>(
        &mut self,
        prefix: &str,
        outcome: Outcome<S>,
        out: &mut impl Effects<B, S>,
    ) -> Option<Reason> {
        let after_completion = self.listing.take().expect("a listing was under way");
        let (complete, names) = match outcome {
            Outcome::Listed { topic, leaderless, brokers, names } => {
                match is_whole(topic, leaderless, &brokers) {
                    Ok(complete) => (complete, names),
                    Err(code) => return Some(Reason::Kafka { op: Op::ListTransactions, code }),
                }
            }
            Outcome::Failed { .. } => return Some(unexpected(Op::ListTransactions, outcome)),
            _ => {
                out.push(Effect::Arm(Timer::Retry(Op::ListTransactions)));
                return None;
            }
        };
        let found = abort_set(prefix, &names, self.attempt, &self.keep, after_completion);
        self.clean |= complete && found.is_empty() && after_completion;
        self.fencing = found.into_iter().collect();
        self.fence(out);
        self.list_again(out, !complete);
        None
    }

    /// Once a checkpoint of the attempt is complete, listing goes on until it is clean.
    fn list_again<B, S>(&self, out: &mut impl Effects<B, S>, incomplete: bool) {
        if self.fencing.is_empty() && (incomplete || self.completed && !self.clean) {
            out.push(Effect::Arm(Timer::Retry(Op::ListTransactions)));
        }
    }

    fn fence<B, S>(&self, out: &mut impl Effects<B, S>) {
        if let Some(id) = self.fencing.front() {
            let request = Request::Fence { id: *id, timeout_ms: self.timeout_ms };
            out.push(Effect::Start { op: Op::Fence(*id), request });
        }
    }

    /// A fencing was answered. One that somebody else was quicker with is found again by the next listing, if it is open still.
    /// Gives the reason if the id can't be fenced: what it left open would hide records from readers for as long as it is open.
    pub(super) fn fenced<B, S>(
        &mut self,
        id: TransactionalId,
        outcome: Outcome<S>,
        out: &mut impl Effects<B, S>,
    ) -> Option<Reason> {
        assert!(self.fencing.front() == Some(&id), "ids are fenced one at a time");
        let op = Op::Fence(id);
        let told = match &outcome {
            Outcome::Answer(code) => meaning(*code),
            Outcome::Failed { .. } => Meaning::Refused,
            _ => Meaning::Retry,
        };
        match told {
            Meaning::Done | Meaning::Fenced => {}
            Meaning::Refused => return Some(unexpected(op, outcome)),
            Meaning::Retry => {
                out.push(Effect::Arm(Timer::Retry(op)));
                return None;
            }
        }
        self.fencing.pop_front();
        self.fence(out);
        self.list_again(out, false);
        None
    }

    /// A retry timer fired.
    pub(super) fn retry_fired<B, S>(&mut self, op: Op, out: &mut impl Effects<B, S>) {
        match op {
            Op::ListTransactions => self.list(out),
            Op::Fence(id) => {
                assert!(self.fencing.front() == Some(&id), "ids are fenced one at a time");
                self.fence(out);
            }
            _ => unreachable!("not an operation of the clean-up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Slot;

    #[test]
    fn what_is_listed_ours_or_newer_is_never_aborted() {
        let id = |attempt, slot| TransactionalId {
            attempt: Attempt::new(attempt),
            subtask: 0,
            slot: Slot::new(slot),
        };
        let names =
            ["app/1/0/0", "app/1/0/1", "app/2/0/0", "app2/1/0/0", "other", "app/0/0/65535"].map(String::from);
        let keep = BTreeSet::from([id(1, 1)]);
        let abort = |attempt, completed| abort_set("app", &names, Attempt::new(attempt), &keep, completed);
        assert_eq!(abort(2, false), BTreeSet::from([id(1, 0)]));
        assert_eq!(abort(3, false), BTreeSet::from([id(1, 0), id(2, 0)]));
        assert_eq!(abort(2, true), BTreeSet::from([TransactionalId::recovery(0), id(1, 0)]));
    }
}
