//! The store's side of the coordinator: one write and one swap at a time; completion is the swap.
//!
//! A swap whose outcome is unknown is neither success nor failure (FLINK-22494): it is sent again as it was, until it is
//! swapped or meets another version; then the head says whether that version is its own.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

use crate::alphabet::{Effect, Halt, Op, Outcome, Reason, Request, Timer};
use crate::coordinator::{Coordinator, Phase};
use crate::id::{CheckpointId, HeadVersion};
use crate::role::Effects;
use crate::snapshot::{Checkpoint, Head};

/// What the store is doing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Store {
    /// Nothing.
    Idle,
    /// A checkpoint's data is being made durable.
    Writing { id: CheckpointId, what: Stored },
    /// The head is being replaced by this one; `what` of the checkpoint that this completes, if it completes one.
    Swapping { head: Head, what: Option<Stored> },
}

/// What is to be known of a checkpoint that is being stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stored {
    /// The job ends with it.
    pub(super) last: bool,
    /// The oldest checkpoint whose data restoring it needs.
    pub(super) needs: CheckpointId,
}

impl Store {
    /// Whether the swap that completes this checkpoint was started.
    pub(super) fn is_completing(&self, checkpoint: CheckpointId) -> bool {
        matches!(self, Self::Swapping { head, .. } if head.latest.is_some_and(|latest| latest.id == checkpoint))
    }
}

impl<S: Clone> Coordinator<S> {
    /// Makes a whole checkpoint durable, when the store is free.
    pub(super) fn store<B>(&mut self, checkpoint: Checkpoint<S>, out: &mut impl Effects<B, S>) {
        if self.store != Store::Idle {
            self.whole.push_back(checkpoint);
            return;
        }
        let id = checkpoint.name.id;
        let what = Stored { last: checkpoint.last, needs: checkpoint.needs() };
        self.store = Store::Writing { id, what };
        out.push(Effect::Start {
            op: Op::WriteCheckpoint(id),
            request: Request::WriteCheckpoint(checkpoint),
        });
    }

    pub(super) fn written<B>(&mut self, id: CheckpointId, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        let Store::Writing { id: writing, what } = self.store else {
            panic!("a checkpoint was being written")
        };
        assert!(id == writing, "one write at a time");
        self.store = Store::Idle;
        let initial = matches!(self.phase, Phase::Loading);
        if !initial && !self.pending.contains_key(&id) {
            self.idle(out); // its attempt failed, or a newer checkpoint subsumed it
            return;
        }
        match outcome {
            Outcome::Written => {
                let head = self.head.expect("the head was read");
                let name = crate::id::CheckpointName { attempt: head.attempt, id };
                self.swap(Head { latest: Some(name), next: self.next, ..head }, Some(what), out);
            }
            // It is made again, under the next id.
            Outcome::Unknown if initial => out.push(Effect::Arm(Timer::Retry(Op::ResolveStart))),
            other if initial => self.halt_unexpected(Op::WriteCheckpoint(id), other, out),
            _ => {
                self.checkpoint_failed(id, Reason::NotStored(id), out);
                self.idle(out);
            }
        }
    }

    /// Replaces the head. The version is the one that this coordinator read or wrote last.
    pub(super) fn swap<B>(&mut self, head: Head, what: Option<Stored>, out: &mut impl Effects<B, S>) {
        assert!(self.store == Store::Idle, "one swap at a time");
        assert!(head.latest.is_none_or(|latest| latest.id < head.next), "ids are never reused");
        self.store = Store::Swapping { head, what };
        self.send_swap(out);
    }

    pub(super) fn send_swap<B>(&self, out: &mut impl Effects<B, S>) {
        let Store::Swapping { head, .. } = self.store else { panic!("a swap is under way") };
        out.push(Effect::Start {
            op: Op::SwapHead,
            request: Request::SwapHead { expected: self.version, head },
        });
    }

    pub(super) fn swapped<B>(&mut self, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        let Store::Swapping { head, what } = self.store else { panic!("a swap was under way") };
        match outcome {
            Outcome::Swapped => self.adopt(head, what, out),
            Outcome::Conflict => out.push(Effect::Start { op: Op::ReadHead, request: Request::ReadHead }),
            _ => out.push(Effect::Arm(Timer::Retry(Op::SwapHead))),
        }
    }

    pub(super) fn head_read<B>(&mut self, outcome: Outcome<S>, out: &mut impl Effects<B, S>) {
        let (version, head) = match outcome {
            Outcome::Head { version, head } => (version, head),
            // Nothing is known of the store yet: a read that it refuses is for a person, one without an answer is asked again.
            other @ Outcome::Failed { .. }
                if matches!(self.phase, Phase::Opening) && self.store == Store::Idle =>
            {
                return self.halt_unexpected(Op::ReadHead, other, out);
            }
            _ => return out.push(Effect::Arm(Timer::Retry(Op::ReadHead))),
        };
        match self.store {
            Store::Swapping { head: ours, what } if head == Some(ours) && version == self.version.next() => {
                self.adopt(ours, what, out);
            }
            Store::Swapping { .. } if self.supersedes(head) => self.claim_back(version, head, out),
            Store::Swapping { .. } => self.halt(Halt::Superseded, out),
            Store::Idle | Store::Writing { .. } => self.opened(version, head, out),
        }
    }

    /// Whether a swap met one of a coordinator that this one supersedes: of any that began before it, whether that lives still, has
    /// slept, or died and its swap landed late. Then the claim is made again. With the head of one that began later this
    /// coordinator has lost. So there is always one that goes on, and never two.
    fn supersedes(&self, head: Option<Head>) -> bool {
        head.is_some_and(|head| head.token < self.token)
    }

    /// Gives up what was under way on top of the head that another coordinator replaced, and claims on top of its one. Whether the swap
    /// that was under way had landed before is not known, so that nothing is discarded.
    fn claim_back<B>(&mut self, version: HeadVersion, head: Option<Head>, out: &mut impl Effects<B, S>) {
        self.cancel(out);
        self.store = Store::Idle;
        self.retained.clear();
        self.learn(version, head);
        if !matches!(self.phase, Phase::Backoff) {
            self.phase = Phase::Opening;
            self.claim(out);
        }
    }

    /// The head is the one that this coordinator wanted.
    fn adopt<B>(&mut self, head: Head, what: Option<Stored>, out: &mut impl Effects<B, S>) {
        let before = self.head.replace(head);
        assert!(before.is_none_or(|before| before.attempt <= head.attempt), "attempts go forward");
        self.version = self.version.next();
        self.store = Store::Idle;
        match what {
            Some(what) => self.completed(head, what, out),
            None => self.claimed(head, out),
        }
        self.idle(out);
    }

    /// The store is free: a claim goes first, then the oldest whole checkpoint.
    pub(super) fn idle<B>(&mut self, out: &mut impl Effects<B, S>) {
        if self.store != Store::Idle {
            return;
        }
        if matches!(self.phase, Phase::Claiming) {
            self.claim(out);
        } else if let Some(checkpoint) = self.whole.pop_front() {
            self.store(checkpoint, out);
        }
    }

    /// The version of a store without a head.
    pub(super) const ABSENT: HeadVersion = HeadVersion::new(0);
}
