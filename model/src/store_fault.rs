//! The store fails, or its answer is lost: what is then a step, and what becomes of requests for whose answer nobody waits.
//!
//! A request whose answer is lost was not done, was done, or is done at any later time: it becomes a stray, and that it was
//! done is that it lands next. Some requests are never refused for certain:
//! `may_be_refused` says which.

use truecut_core::{Checkpoint, Input, Op, Outcome, Request, Snapshot};

use crate::action::Action;
use crate::assumption::Assumption;
use crate::lineage::Lineage;
use crate::state::State;
use crate::step::{Step, Work, take};

/// Requests that may land late, in the order of their values.
pub(crate) type Strays = Vec<Request<Lineage>>;

/// What the store may fail to do, and what may land late.
pub(crate) fn enabled(state: &State, actions: &mut Vec<Action>) {
    actions.extend((0..state.strays.len()).map(Action::LandStray));
    if !state.budget.allows(Assumption::StoreFault) || state.halted.is_some() {
        return;
    }
    for under_way in state.ops.iter().filter(|under_way| under_way.outcome.is_none()) {
        if is_of_store(&under_way.request) {
            actions.push(Action::LoseStore(under_way.op));
            if may_be_refused(&under_way.request) {
                actions.push(Action::RefuseStore(under_way.op));
            }
        }
    }
}

/// What ends the job when it is refused is not: reads, and the first checkpoint of a job, before which it has done nothing.
fn may_be_refused(request: &Request<Lineage>) -> bool {
    let is_first = |checkpoint: &Checkpoint<Lineage>| {
        let mut parts = checkpoint.snapshots.values();
        parts.any(|part| matches!(part, Snapshot::Operator(None)))
    };
    let first = matches!(request, Request::WriteCheckpoint(checkpoint) if is_first(checkpoint));
    !is_read(request) && !first
}

fn is_read(request: &Request<Lineage>) -> bool {
    matches!(request, Request::ReadHead | Request::ReadCheckpoint(_))
}

fn is_of_store(request: &Request<Lineage>) -> bool {
    let changes = matches!(
        request,
        Request::SwapHead { .. }
            | Request::WriteCheckpoint(_)
            | Request::Discard(_)
            | Request::DiscardBelow(_)
    );
    changes || is_read(request)
}

impl Step<'_> {
    /// Whether an operation of the store is a step of its own: it may fail, or somebody else may be quicker.
    pub(crate) fn waits_for_store(&self, request: &Request<Lineage>) -> bool {
        let may_fail = self.state.budget.allows(Assumption::StoreFault);
        let depends =
            matches!(request, Request::ReadHead | Request::SwapHead { .. } | Request::WriteCheckpoint(_));
        let is_alone = || self.state.strays.is_empty() && !self.may_be_taken_over();
        is_of_store(request) && (may_fail || depends && !is_alone())
    }

    pub(crate) fn refuse_store(&mut self, op: Op) {
        self.state.budget.spend(Assumption::StoreFault);
        take(self.state.ops.edit(), op);
        let outcome = Outcome::Failed { detail: "no space left".into() };
        self.work.push_back(Work::Coordinator(Input::Done { op, outcome }));
    }

    pub(crate) fn lose_store(&mut self, op: Op) {
        self.state.budget.spend(Assumption::StoreFault);
        let under_way = take(self.state.ops.edit(), op);
        self.stray(under_way.request);
        self.work.push_back(Work::Coordinator(Input::Done { op, outcome: Outcome::Unknown }));
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn stray(&mut self, request: Request<Lineage>) {
        if is_read(&request) {
            return;
        }
        let strays = self.state.strays.edit();
        strays.push(request);
        strays.sort();
        strays.dedup();
        self.drop_late_swaps();
    }

    pub(crate) fn land_stray(&mut self, place: usize) {
        let request = self.state.strays.edit().remove(place);
        let _ = self.ask(request);
    }

    /// A swap of another version than the head has never lands: versions only go forward.
    pub(crate) fn drop_late_swaps(&mut self) {
        let version = self.state.store.version();
        let late = |request: &Request<Lineage>| matches!(request, Request::SwapHead { expected, .. } if *expected != version);
        if self.state.strays.iter().any(late) {
            self.state.strays.edit().retain(|request| !late(request));
        }
    }
}
