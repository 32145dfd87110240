//! Which steps are possible in a state, in a fixed order.

use truecut_core::{CheckpointId, Op, Partition, Vertex};

use crate::action::Action;
use crate::scope::Scope;
use crate::state::State;
use crate::world::process::{Host, UnderWay};

/// All steps that are possible.
pub(crate) fn enabled(scope: &Scope, state: &State, actions: &mut Vec<Action>) {
    coordinator(scope, state, actions);
    for (place, machine) in state.machines.iter().enumerate() {
        if !machine.up.is_empty() {
            actions.push(Action::TakeReport(place));
        }
        if !machine.alive && state.desk.halted.is_none() {
            actions.push(Action::LoseWorker(place));
        }
        if !machine.down.is_empty() {
            actions.push(Action::TakeOrder(place));
        }
    }
    for (place, host) in state.hosts() {
        match host.subtask.vertex {
            Vertex::Source => source(scope, state, place, host, actions),
            Vertex::Operator => {}
            Vertex::Sink => sink(scope, place, host, actions),
        }
    }
    channels(state, actions);
    actions.extend(state.broker.orphans.iter().map(|orphan| Action::LandOrphan(*orphan)));
    if state.desk.halted.is_none() {
        faults(scope, state, actions);
    }
}

fn coordinator(scope: &Scope, state: &State, actions: &mut Vec<Action>) {
    actions.extend(state.desk.ops.iter().map(|under_way| match under_way.outcome {
        None => Action::LandCoordinator(under_way.op),
        Some(_) => Action::AnswerCoordinator(under_way.op),
    }));
    if !state.may_trigger() {
        return;
    }
    if state.budget.checkpoints > 0 && state.desk.interval && is_at(scope, state) {
        actions.push(Action::Trigger);
    }
    if has_read_all(scope, state) {
        actions.push(Action::Stop);
    }
}

/// Whether sources are where a course wants them for its checkpoint.
fn is_at(scope: &Scope, state: &State) -> bool {
    let mut positions = state.hosts().flat_map(|(_, host)| &host.positions);
    positions.all(|(partition, next)| bound(scope, state, *partition).is_none_or(|bound| next.get() == bound))
}

/// The offset at which a source waits for what comes next in a course.
fn bound(scope: &Scope, state: &State, partition: Partition) -> Option<i64> {
    let course = scope.course?;
    let wanted = match (state.budget.checkpoints, state.budget.crashes) {
        (0, 0) => return None,
        (0, _) => course.crash_before,
        (_, _) => course.checkpoint_at,
    };
    wanted.get(usize::try_from(partition.get()).ok()?).copied()
}

/// Whether a crash may happen: in a course, once the checkpoint is complete.
fn may_crash(scope: &Scope, state: &State) -> bool {
    let completed = || {
        state.store.head().and_then(|head| head.latest).is_some_and(|latest| latest.id > CheckpointId::new(1))
    };
    state.budget.crashes > 0 && (scope.course.is_none() || completed())
}

/// Whether every source subtask runs and has read its partitions to their end.
fn has_read_all(scope: &Scope, state: &State) -> bool {
    let sources = || state.hosts().filter(|(_, host)| host.subtask.vertex == Vertex::Source);
    let ended = |host: &Host| {
        host.positions.iter().all(|(partition, next)| scope.next_record(*partition, next.get()).is_none())
    };
    sources().count() == usize::from(scope.sources) && sources().all(|(_, host)| ended(host))
}

fn source(scope: &Scope, state: &State, place: usize, host: &Host, actions: &mut Vec<Action>) {
    for (partition, next) in &host.positions {
        let Some(record) = scope.next_record(*partition, next.get()) else { continue };
        if bound(scope, state, *partition).is_some_and(|bound| next.get() >= bound) {
            continue;
        }
        let to = scope.operator_of(record);
        let mut links = state.network.links().iter();
        let full = links.any(|link| {
            (link.attempt, link.from, link.to.index) == (host.attempt, host.subtask, to)
                && link.queue.len() >= scope.credit
        });
        if !full {
            actions.push(Action::Fetch(place, host.attempt, host.subtask, *partition));
        }
    }
}

fn channels(state: &State, actions: &mut Vec<Action>) {
    for (place, link) in
        state.network.links().iter().enumerate().filter(|(_, link)| link.accepted && !link.queue.is_empty())
    {
        let Some((machine, operator)) = state.find(link.attempt, link.to) else { continue };
        let sink = state.machines[machine].sink_of(operator);
        if !operator.is_held(link.from.index) && sink.is_none_or(Host::takes_more) {
            actions.push(Action::Take(place));
        }
    }
}

fn sink(scope: &Scope, place: usize, host: &Host, actions: &mut Vec<Action>) {
    let (attempt, subtask) = (host.attempt, host.subtask);
    if scope.early_landing {
        for (slot, _) in host.lanes.iter().filter(|(_, lane)| !lane.records.is_empty()) {
            actions.push(Action::LandRecords(place, attempt, subtask, *slot));
        }
    }
    actions.extend(host.ops.iter().map(|under_way| match under_way.outcome {
        None if lands_apart(under_way) => Action::Land(place, attempt, subtask, under_way.op),
        _ => Action::Answer(place, attempt, subtask, under_way.op),
    }));
}

/// Whether landing and answer are two steps. Only for a commit does it matter in between: a flush that has landed and is
/// not answered is, for all that outlives a crash, records that have landed.
fn lands_apart(under_way: &UnderWay) -> bool {
    matches!(under_way.op, Op::Commit(_))
}

fn faults(scope: &Scope, state: &State, actions: &mut Vec<Action>) {
    if state.budget.expiries > 0 {
        actions.extend(state.desk.expiries.iter().map(|id| Action::Expire(*id)));
    }
    if may_crash(scope, state) {
        for (place, machine) in state.machines.iter().enumerate().filter(|(_, machine)| machine.alive) {
            let lanes = machine.hosts.iter().flat_map(|host| host.lanes.values());
            let most = lanes.map(|lane| lane.records.len()).max().unwrap_or(0);
            actions.extend((0..=most).map(|landed| Action::Crash(place, landed)));
        }
    }
    if state.budget.timeouts > 0 {
        actions.extend(state.broker.kafka.open_ids().map(Action::TimeOut));
    }
    if state.budget.lost_answers > 0 {
        for (place, host) in state.hosts() {
            let ops = host
                .ops
                .iter()
                .filter(|under_way| matches!(under_way.op, Op::Commit(_) | Op::InitProducer(_)));
            actions.extend(
                ops.map(|under_way| Action::LoseAnswer(place, host.attempt, host.subtask, under_way.op)),
            );
        }
    }
}
