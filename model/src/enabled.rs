//! Which steps are possible in a state, in a fixed order. The question is asked part by part, so that a part that reads little
//! can be answered from memory (`engine/memo.rs`).

use truecut_core::{Attempt, CheckpointId, Guarantee, Op, Partition, Subtask, Vertex};

use crate::action::Action;
use crate::assumption::Assumption;
use crate::late;
use crate::scope::Scope;
use crate::small_faults;
use crate::state::State;
use crate::store_fault;
use crate::world::process::{Host, Machine, Side, Task, UnderWay};
use crate::zombie;

/// Whose steps are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Coordinator,
    /// A machine's mail and its process.
    Machine(usize),
    /// A task of a machine.
    Task(usize, usize),
    /// A data channel.
    Link(usize),
    /// Requests of dead senders.
    Orphans,
    /// Checkpoints that take too long.
    Expiries,
    /// A machine's worker is killed.
    Crash(usize),
    /// Transactions that time out.
    TimeOuts,
    /// A coordinator that was taken over from, and taking over.
    Former,
    /// A machine's worker is given up although it lives, or learns that it was.
    Zombie(usize),
    /// A data channel breaks, and its ends learn it.
    Break(usize),
    /// Subtasks of a machine fail.
    Failures(usize),
    /// What is on its way to a machine is lost.
    LostMail(usize),
    /// What the store does not do when it is asked.
    Store,
    /// Answers to a task that are lost.
    LostAnswers(usize, usize),
    /// What Kafka does by itself, and hears late.
    Kafka,
}

/// All parts that can have steps in a scope, in order, where a machine has at most so many tasks and the network at most so many links.
pub(crate) fn parts(scope: &Scope, tasks: usize, links: usize) -> Vec<Part> {
    let machines = 0..scope.places();
    let of_tasks = machines.clone().flat_map(|place| (0..tasks).map(move |task| (place, task)));
    let mut parts = vec![Part::Coordinator];
    parts.extend(machines.clone().map(Part::Machine));
    parts.extend(of_tasks.clone().map(|(place, task)| Part::Task(place, task)));
    parts.extend((0..links).map(Part::Link));
    parts.push(Part::Orphans);
    if scope.assumes(Assumption::Expiry) {
        parts.push(Part::Expiries);
    }
    if scope.assumes(Assumption::Takeover) {
        parts.push(Part::Former);
    }
    if scope.has_zombies() {
        parts.extend(machines.clone().map(Part::Zombie));
    }
    if scope.assumes(Assumption::ChannelBreak) {
        parts.extend((0..links).map(Part::Break));
    }
    if scope.assumes(Assumption::TaskFailure) {
        parts.extend(machines.clone().map(Part::Failures));
    }
    if scope.assumes(Assumption::LostNotification) {
        parts.extend(machines.clone().map(Part::LostMail));
    }
    if scope.assumes(Assumption::StoreFault) {
        parts.push(Part::Store);
    }
    if scope.assumes(Assumption::Crash) {
        parts.extend(machines.map(Part::Crash));
    }
    if scope.assumes(Assumption::TransactionTimeout) {
        parts.push(Part::TimeOuts);
    }
    if scope.assumes(Assumption::LostAnswer) {
        parts.extend(of_tasks.map(|(place, task)| Part::LostAnswers(place, task)));
    }
    if late::is_assumed(scope) {
        parts.push(Part::Kafka);
    }
    parts
}

/// All steps that are possible.
pub(crate) fn enabled(scope: &Scope, state: &State, actions: &mut Vec<Action>) {
    let tasks = state.machines.iter().map(|machine| machine.running().len()).max().unwrap_or(0);
    for part in parts(scope, tasks, state.network.links().len()) {
        part.enabled(scope, state, actions);
    }
}

impl Part {
    /// The steps of this part that are possible.
    pub(crate) fn enabled(self, scope: &Scope, state: &State, actions: &mut Vec<Action>) {
        match self {
            Self::Coordinator => coordinator(scope, state, actions),
            Self::Machine(place) => machine(state, place, actions),
            Self::Task(place, task) => {
                let machine = &state.machines[place];
                let Some((attempt, subtask)) = machine.running().get(task) else { return };
                let task = &machine.tasks()[task];
                match subtask.vertex {
                    Vertex::Source => source(scope, state, place, &task.host, actions),
                    Vertex::Operator => {}
                    Vertex::Sink => sink(scope, state, place, (*attempt, *subtask), task, actions),
                }
            }
            Self::Link(link) => channel(state, link, actions),
            Self::Orphans => {
                actions.extend(state.broker.orphans.iter().map(|orphan| Action::LandOrphan(*orphan)));
            }
            Self::Expiries => {
                if state.budget.allows(Assumption::Expiry) && state.halted.is_none() {
                    actions.extend(state.desk.expiries.iter().map(|id| Action::Expire(*id)));
                }
            }
            Self::Former => zombie::of_former(state, actions),
            Self::Zombie(place) => zombie::of_machine(scope, state, place, actions),
            Self::Break(link) => small_faults::breaks(state, link, actions),
            Self::Failures(place) => small_faults::failures(state, place, actions),
            Self::LostMail(place) => small_faults::lost_mail(state, place, actions),
            Self::Store => store_fault::enabled(state, actions),
            Self::Crash(place) => {
                if may_crash(scope, state) && state.halted.is_none() {
                    crash(&state.machines[place], place, actions);
                }
            }
            Self::TimeOuts => {
                if state.budget.allows(Assumption::TransactionTimeout) && state.halted.is_none() {
                    actions.extend(state.broker.kafka.open_ids().map(Action::TimeOut));
                }
            }
            Self::LostAnswers(place, task) => {
                if state.budget.allows(Assumption::LostAnswer) && state.halted.is_none() {
                    lost_answers(&state.machines[place], place, task, actions);
                }
            }
            Self::Kafka => late::enabled(scope, state, actions),
        }
    }
}

fn coordinator(scope: &Scope, state: &State, actions: &mut Vec<Action>) {
    let ops = state.ops.iter().filter(|under_way| !late::must_ask_again(scope, state, &under_way.request));
    actions.extend(ops.map(|under_way| match under_way.outcome {
        None => Action::LandCoordinator(under_way.op),
        Some(_) => Action::AnswerCoordinator(under_way.op),
    }));
    if state.desk.heartbeat && state.halted.is_none() {
        actions.push(Action::Heartbeat);
    }
    let overlaps = scope.assumes(Assumption::Overlapping);
    if !state.may_trigger(overlaps) {
        return;
    }
    if *state.budget.checkpoints > 0 && state.desk.interval && is_at(scope, state) {
        actions.push(Action::Trigger);
    }
    if !scope.bounded && has_read_all(scope, state) && zombie::may_end(scope, state) {
        actions.push(Action::Stop);
    }
}

fn machine(state: &State, place: usize, actions: &mut Vec<Action>) {
    let machine = &state.machines[place];
    if !machine.up.is_empty() {
        actions.push(Action::TakeReport(place));
    }
    if !machine.head.alive && state.halted.is_none() && zombie::is_missed(state, machine) {
        actions.push(Action::LoseWorker(place));
    }
    if !machine.down.is_empty() {
        actions.push(Action::TakeOrder(place));
    }
}

/// Whether sources are where a course wants them for its checkpoint.
fn is_at(scope: &Scope, state: &State) -> bool {
    if scope.course.is_none() {
        return true;
    }
    let mut positions = state.sources().flat_map(|host| &host.positions);
    positions.all(|(partition, next)| bound(scope, state, *partition).is_none_or(|bound| next.get() == bound))
}

/// The offset at which a source waits for what comes next in a course.
fn bound(scope: &Scope, state: &State, partition: Partition) -> Option<i64> {
    let course = scope.course?;
    let wanted = match (*state.budget.checkpoints, state.budget.allows(Assumption::Crash)) {
        (0, false) => return None,
        (0, true) => course.crash_before,
        (_, _) => course.checkpoint_at,
    };
    wanted.get(usize::try_from(partition.get()).ok()?).copied()
}

/// Whether a crash may happen: in a course, once the checkpoint is complete.
fn may_crash(scope: &Scope, state: &State) -> bool {
    let completed = || {
        state.store.head().and_then(|head| head.latest).is_some_and(|latest| latest.id > CheckpointId::new(1))
    };
    state.budget.allows(Assumption::Crash) && (scope.course.is_none() || completed())
}

/// Whether every source subtask runs and has read its partitions to their end.
fn has_read_all(scope: &Scope, state: &State) -> bool {
    let ended = |host: &Host| {
        host.positions.iter().all(|(partition, next)| scope.next_record(*partition, next.get()).is_none())
    };
    let ours = state.machines.iter().filter(|machine| machine.head.side == Side::Current);
    ours.flat_map(Machine::running).filter(|(_, subtask)| subtask.vertex == Vertex::Source).count()
        == usize::from(scope.sources)
        && state.sources().all(ended)
}

fn source(scope: &Scope, state: &State, place: usize, host: &Host, actions: &mut Vec<Action>) {
    for (partition, next) in &host.positions {
        let Some(record) = scope.next_record(*partition, next.get()) else { continue };
        if bound(scope, state, *partition).is_some_and(|bound| next.get() >= bound) {
            continue;
        }
        let to = Subtask::operator(scope.operator_of(record));
        let link = state.network.place(host.attempt, host.subtask, to);
        if link.is_none_or(|link| state.network.queue(link).len() < scope.credit) {
            actions.push(Action::Fetch(place, host.attempt, host.subtask, *partition));
        }
    }
}

fn channel(state: &State, place: usize, actions: &mut Vec<Action>) {
    let Some(link) = state.network.links().get(place).filter(|link| link.delivers()) else { return };
    if state.network.queue(place).is_empty() {
        return;
    }
    let Some(machine) = state.find(link.attempt, link.to).map(|place| &state.machines[place]) else { return };
    let is_held = machine.host(link.attempt, link.to).is_some_and(|host| host.is_held(link.from.index));
    if !is_held && machine.sink_of(link.attempt, link.to).is_none_or(Host::takes_more) {
        actions.push(Action::Take(place));
    }
}

fn sink(
    scope: &Scope,
    state: &State,
    place: usize,
    (attempt, subtask): (Attempt, Subtask),
    task: &Task,
    actions: &mut Vec<Action>,
) {
    if scope.assumes(Assumption::EarlyLanding) || scope.guarantee == Guarantee::None {
        for (slot, _) in task.lanes.iter().filter(|(_, lane)| !lane.records.is_empty()) {
            actions.push(Action::LandRecords(place, attempt, subtask, *slot));
        }
    }
    let ops = task.ops.iter().filter(|under_way| !late::must_ask_again(scope, state, &under_way.request));
    actions.extend(ops.map(|under_way| match under_way.outcome {
        None if lands_apart(under_way) => Action::Land(place, attempt, subtask, under_way.op),
        _ => Action::Answer(place, attempt, subtask, under_way.op),
    }));
}

/// Whether landing and answer are two steps. Only for a commit does it matter in between: a flush that has landed and is
/// not answered is, for all that outlives a crash, records that have landed.
fn lands_apart(under_way: &UnderWay) -> bool {
    matches!(under_way.op, Op::Commit(_))
}

fn crash(machine: &Machine, place: usize, actions: &mut Vec<Action>) {
    if machine.head.alive && machine.head.side == Side::Current {
        actions.extend((0..=most_landing(machine)).map(|landed| Action::Crash(place, landed)));
    }
}

/// How many records of a producer may still reach Kafka when the process ends.
pub(crate) fn most_landing(machine: &Machine) -> usize {
    let running = machine.running().iter().zip(machine.tasks());
    let sinks = running.filter(|((_, subtask), _)| subtask.vertex == Vertex::Sink);
    let lanes = sinks.flat_map(|(_, task)| task.lanes.values());
    let rewrites = machine.tasks().iter().flat_map(|task| &*task.ops);
    let rewrites = rewrites.filter(|under_way| matches!(under_way.op, Op::Rewrite(_))).count();
    lanes.map(|lane| lane.records.len()).max().unwrap_or(0).max(rewrites.min(1))
}

fn lost_answers(machine: &Machine, place: usize, task: usize, actions: &mut Vec<Action>) {
    let Some((attempt, subtask)) = machine.running().get(task) else { return };
    let ops = machine.tasks()[task].ops.iter();
    let lost = ops.filter(|under_way| matches!(under_way.op, Op::Commit(_) | Op::InitProducer(_)));
    actions.extend(lost.map(|under_way| Action::LoseAnswer(place, *attempt, *subtask, under_way.op)));
}
