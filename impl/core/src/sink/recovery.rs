//! Recovery by log: what Kafka aborted of the restored transactions is written again, once, in order.
//!
//! Taking the subtask's one recovery id comes first: it aborts what another recoverer has open and excludes that recoverer
//! from here on. Then every listed id is fenced, so that nothing more can be committed under it. Only then is the marker
//! read: what it covers is committed, and what it does not cover never will be, except by us. Whoever takes the recovery id
//! again, to write the next one, reads again: in between another recoverer may have had it. Once one transaction is written
//! again, all later ones of the subtask are too, since their old records lie before it.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not the awaited outcome is handled alike")]

use alloc::collections::VecDeque;

use crate::alphabet::{Effect, Op, Outcome, Request};
use crate::kafka::{Meaning, meaning};
use crate::operator::unexpected;
use crate::role::Effects;
use crate::sink::committer::{Committer, Progress};
use crate::sink::slots::Generation;
use crate::snapshot::{Committable, Marker, MarkerEvent, committed_up_to};
use crate::transaction::{Described, Slot, TransactionState, TransactionalId};

/// How far a recovery is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Recovery {
    /// The recovery id's generation; gone once a transaction of it was committed.
    generation: Option<Generation>,
    /// Listed ids that are to be fenced; the first is under way.
    fencing: VecDeque<TransactionalId>,
    /// The marker was read under this generation, and what it covers is confirmed.
    is_known: bool,
}

impl Committer {
    /// Takes the recovery id.
    pub(super) fn take_over<B, S>(&mut self, out: &mut impl Effects<B, S>) {
        let fencing = self.unconfirmed.iter().map(|listed| listed.id).collect();
        self.recovery = Some(Recovery { generation: None, fencing, is_known: false });
        self.take_recovery_id(out);
    }

    fn take_recovery_id<B, S>(&self, out: &mut impl Effects<B, S>) {
        let id = TransactionalId::recovery(self.index);
        let request = Request::InitProducer { id, timeout_ms: self.timeout_ms };
        out.push(Effect::Start { op: Op::InitProducer(Slot::RECOVERY), request });
    }

    /// An operation of the recovery was answered.
    pub(crate) fn recover<B, S>(
        &mut self,
        op: Op,
        outcome: Outcome<S>,
        out: &mut impl Effects<B, S>,
    ) -> Progress {
        let not_yet = match &outcome {
            Outcome::Unknown => true,
            Outcome::Answer(code) => meaning(*code) == Meaning::Retry,
            _ => false,
        };
        match (op, outcome) {
            (Op::Rewrite(_), _) if not_yet => {
                // Nobody knows how much of it is there: the next generation aborts it all.
                self.recovery().generation = None;
                self.retry(Op::InitProducer(Slot::RECOVERY), out)
            }
            (op, _) if not_yet => self.retry(op, out),
            (
                Op::InitProducer(_),
                Outcome::Initialised {
                    described: Described { state: TransactionState::Empty, producer },
                    protocol,
                },
            ) => {
                let recovery = self.recovery();
                recovery.generation = Some(Generation { producer, protocol });
                recovery.is_known = false;
                self.go_on(out)
            }
            (Op::InitProducer(_), Outcome::Initialised { .. }) => self.retry(op, out),
            (Op::Fence(_), Outcome::Answer(0)) => {
                self.recovery().fencing.pop_front();
                self.go_on(out)
            }
            (Op::ReadMarker, Outcome::Markers(events)) => self.marker_read(&events),
            (Op::Rewrite(_), Outcome::Flushed) => {
                out.push(Effect::CloseProducer(Slot::RECOVERY));
                self.commit_again(out);
                Progress::Waiting
            }
            // Another recoverer took over, or the log can't be used: the attempt fails, and the next one tries again.
            (op, outcome) => Progress::Impossible(unexpected(op, outcome)),
        }
    }

    /// The recovery id is ours: fences what is left to fence, then looks, then writes.
    fn go_on<B, S>(&mut self, out: &mut impl Effects<B, S>) -> Progress {
        let (index, timeout_ms) = (self.index, self.timeout_ms);
        let recovery = self.recovery();
        if let Some(id) = recovery.fencing.front().copied() {
            out.push(Effect::Start { op: Op::Fence(id), request: Request::Fence { id, timeout_ms } });
        } else if recovery.is_known {
            self.write_again(out);
        } else {
            out.push(Effect::Start { op: Op::ReadMarker, request: Request::ReadMarker(index) });
        }
        Progress::Waiting
    }

    fn marker_read(&mut self, events: &[MarkerEvent]) -> Progress {
        let committed = committed_up_to(self.origin, events);
        let is_committed = |listed: &Committable| Some(listed.checkpoint) <= committed;
        while self.unconfirmed.pop_front_if(|first| is_committed(first)).is_some() {}
        self.recovery().is_known = true;
        self.busy = false;
        Progress::Recovered
    }

    /// Writes the first one again; under a new generation, as one has one transaction only.
    pub(super) fn write_again<B, S>(&self, out: &mut impl Effects<B, S>) {
        if self.generation().is_none() {
            return self.take_recovery_id(out);
        }
        let first = self.unconfirmed.front().expect("there is something to write again");
        let marker = Marker { origin: self.origin, checkpoint: first.checkpoint };
        let request = Request::Rewrite { slot: Slot::RECOVERY, log: first.log(), marker };
        out.push(Effect::Start { op: Op::Rewrite(first.checkpoint), request });
    }

    fn commit_again<B, S>(&self, out: &mut impl Effects<B, S>) {
        let first = self.unconfirmed.front().expect("it was written again");
        let Generation { producer, protocol } = self.generation().expect("it was written under one");
        let id = TransactionalId::recovery(self.index);
        let request = Request::Commit(Committable { id, producer, protocol, ..*first });
        out.push(Effect::Start { op: Op::Commit(id), request });
    }

    /// The commit of what was written again was answered, or was not.
    pub(super) fn written_again<B, S>(
        &mut self,
        outcome: Outcome<S>,
        out: &mut impl Effects<B, S>,
    ) -> Progress {
        let op = Op::Commit(TransactionalId::recovery(self.index));
        match outcome {
            Outcome::Answer(0) => {
                self.recovery().generation = None;
                self.confirm()
            }
            Outcome::Unknown => self.retry(op, out),
            Outcome::Answer(code) if meaning(code) == Meaning::Retry => self.retry(op, out),
            other => Progress::Impossible(unexpected(op, other)),
        }
    }

    /// A retry timer of the recovery fired.
    pub(super) fn recovery_again<B, S>(&self, op: Op, out: &mut impl Effects<B, S>) {
        match op {
            Op::InitProducer(_) => self.take_recovery_id(out),
            Op::Commit(_) => self.commit_again(out),
            Op::Fence(id) => {
                let request = Request::Fence { id, timeout_ms: self.timeout_ms };
                out.push(Effect::Start { op, request });
            }
            Op::ReadMarker => {
                out.push(Effect::Start { op, request: Request::ReadMarker(self.index) });
            }
            _ => unreachable!("not an operation of the committer"),
        }
    }

    fn generation(&self) -> Option<Generation> {
        self.recovery.as_ref().and_then(|recovery| recovery.generation)
    }

    fn recovery(&mut self) -> &mut Recovery {
        self.recovery.as_mut().expect("a recovery is under way")
    }
}
