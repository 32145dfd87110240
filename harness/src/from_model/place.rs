//! Where in the protocol a process is at a moment of the model: the crash point that a real one reaches at the same place.

use truecut_core::Op;
use truecut_model::{Action, Moment, Pending};
use truecut_runtime::crash_point::name_of_message;

/// Where a worker is: what it waits for, else what it is to be told next, else what it did last. None: nowhere in particular.
pub(super) fn of_worker(moment: &Moment, machine: usize, before: &[Action]) -> Option<String> {
    let here = moment.machines.get(machine)?;
    let waits = most_telling(&here.pending);
    let told = here.orders.first().map(|order| format!("{}.received", name_of_message(order)));
    match waits {
        Some(pending) if rank(pending.op) > RANK_OF_ORDERS => Some(point(pending)),
        waits => told.or_else(|| last_done(before, machine)).or_else(|| waits.map(point)),
    }
}

/// Where the coordinator is.
#[expect(clippy::wildcard_enum_match_arm, reason = "what it did last is one of few")]
pub(super) fn of_coordinator(moment: &Moment, before: &[Action]) -> Option<String> {
    let waits = most_telling(&moment.coordinator).map(point);
    waits.or_else(|| {
        let done = before.iter().rev().find_map(|action| match action {
            Action::LandCoordinator(op) | Action::AnswerCoordinator(op) => Some(*op),
            _ => None,
        });
        done.map(|op| match op {
            // What follows from a completed checkpoint is that subtasks are told.
            Op::SwapHead => "completed.before".to_owned(),
            other => format!("{}.answered", other.name()),
        })
    })
}

fn point(pending: Pending) -> String {
    let place = if pending.landed { "answered" } else { "unanswered" };
    format!("{}.{place}", pending.op.name())
}

/// Operations from here on say more of where a process is than the mail that waits for it.
const RANK_OF_ORDERS: u8 = 2;

fn most_telling(pending: &[Pending]) -> Option<Pending> {
    pending.iter().copied().max_by_key(|pending| rank(pending.op))
}

/// What tells most of where a process is: what changes the world, before what only prepares.
fn rank(op: Op) -> u8 {
    match op {
        Op::SwapHead | Op::Commit(_) => 9,
        Op::Rewrite(_) => 8,
        Op::Fence(_) => 7,
        Op::WriteCheckpoint(_) | Op::Upload(_) => 6,
        Op::Flush(_) => 5,
        Op::ReadMarker | Op::Describe(_) | Op::ListTransactions => 4,
        Op::ReadHead | Op::ReadCheckpoint | Op::Restore => 3,
        Op::CommitOffsets | Op::Snapshot(_) => 2,
        Op::InitProducer(_) | Op::Discard(_) | Op::DiscardBelow(_) | Op::ResolveStart => 1,
    }
}

/// The effect that followed from the last step of this machine.
#[expect(clippy::wildcard_enum_match_arm, reason = "some steps leave a process nowhere in particular")]
fn last_done(before: &[Action], machine: usize) -> Option<String> {
    before.iter().rev().find_map(|action| {
        let point = match action {
            Action::Answer(place, _, _, Op::Flush(_)) if *place == machine => "acknowledge.after",
            Action::Answer(place, _, _, Op::Upload(_)) if *place == machine => "acknowledge.after",
            Action::Answer(place, _, _, Op::Commit(_)) if *place == machine => "commit.answered",
            Action::Fetch(place, ..) if *place == machine => "emit.after",
            Action::LandRecords(place, ..) if *place == machine => "produce.after",
            Action::Take(_) => "process.after",
            _ => return None,
        };
        Some(point.to_owned())
    })
}
