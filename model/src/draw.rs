//! What a sequence chart shows of a step: who sends what to whom, and what becomes visible by it.
#![expect(clippy::wildcard_enum_match_arm, reason = "what has no words of its own is told by its name")]

use truecut_core::{
    CheckpointId, Element, Message, Op, Outcome, Request, Slot, Subtask, TransactionState, TransactionalId,
};

use crate::action::Action;
use crate::chart::{Event, Lane, Look, Place};
use crate::late::{KafkaStep, Late};
use crate::lineage::{Lineage, Record};
use crate::scope::Scope;
use crate::state::State;
use crate::tell::{ending, order, report};
use crate::world::ending::Told;
use crate::world::process::UnderWay;

/// The rows of a step; `after` is none if a role's own assertion failed.
pub(crate) fn draw(before: &State, action: &Action, after: Option<&State>) -> Vec<Event> {
    let mut events = vec![event(before, action)];
    if let Some(after) = after {
        changes(before, after, &mut events);
    }
    events
}

fn event(state: &State, action: &Action) -> Event {
    use Lane::{Coordinator, Former, Kafka, Store};
    match action {
        Action::TakeReport(place) => hear(state, *place),
        Action::LoseWorker(place) => {
            let lost = state.machines[*place].head.worker;
            let label = format!("{lost} is gone, w{} registers", *state.next_worker);
            Event::between(Lane::Machine(*place), Coordinator, Look::Lost, label)
        }
        Action::LandCoordinator(op) => {
            Event::between(Coordinator, target(*op), Look::Call, asked(&state.ops, *op))
        }
        Action::AnswerCoordinator(op) => {
            let answer = answered(&state.ops, *op);
            Event::between(target(*op), Coordinator, Look::Answer, format!("{}{answer}", request(*op)))
        }
        Action::Stop => Event::at(Coordinator, Look::Note, "is asked to end the job"),
        Action::TakeOrder(place) => {
            let label = state.machines[*place].down.front().map_or_else(String::new, order);
            Event::between(Coordinator, Lane::Machine(*place), Look::Call, label)
        }
        Action::Fetch(place, _, subtask, partition) => {
            let machine = &state.machines[*place];
            let mut tasks = machine.tasks().iter().filter(|task| task.host.subtask == *subtask);
            let next = tasks.find_map(|task| task.host.positions.get(partition).map(|next| next.get()));
            let label = format!("record {} of partition {}", next.unwrap_or(0), partition.get());
            Event::between(Kafka, Lane::Subtask(*subtask), Look::Call, label)
        }
        Action::Take(link) => {
            let label = state.network.queue(*link).front().map_or_else(String::new, element);
            let link = &state.network.links()[*link];
            Event::between(Lane::Subtask(link.from), Lane::Subtask(link.to), Look::Call, label)
        }
        Action::LandRecords(_, attempt, subtask, slot) => {
            let label = format!("records of {}", name(transaction(*attempt, *subtask, *slot)));
            Event::between(Lane::Subtask(*subtask), Kafka, Look::Call, label)
        }
        Action::Land(_, _, subtask, op) => {
            Event::between(Lane::Subtask(*subtask), target(*op), Look::Call, request(*op))
        }
        Action::Answer(place, attempt, subtask, op) => {
            let task = state.machines[*place].task(*attempt, *subtask);
            let answer = task.map_or_else(String::new, |task| answered(&task.ops, *op));
            let label = format!("{}{answer}", request(*op));
            Event::between(target(*op), Lane::Subtask(*subtask), Look::Answer, label)
        }
        Action::Trigger => Event::at(Coordinator, Look::Note, "triggers a checkpoint"),
        Action::Expire(id) => {
            Event::at(Coordinator, Look::Abort, format!("checkpoint {id} takes too long: aborted"))
        }
        Action::Crash(place, _) => crash(state, *place),
        Action::TimeOut(id) => Event::at(Kafka, Look::Abort, format!("{} times out", name(*id))),
        Action::LoseAnswer(_, _, subtask, op) => {
            let label = format!("{}: no answer", request(*op));
            Event::between(target(*op), Lane::Subtask(*subtask), Look::Lost, label)
        }
        Action::BreakChannel(link) => {
            let link = &state.network.links()[*link];
            let (from, to) = (Lane::Subtask(link.from), Lane::Subtask(link.to));
            Event::between(from, to, Look::Lost, "the channel breaks")
        }
        Action::LearnBroken(link, sender) => {
            let link = &state.network.links()[*link];
            let end = if *sender { link.from } else { link.to };
            Event::at(Lane::Subtask(end), Look::Note, "learns that the channel is broken")
        }
        Action::FailTask(_, _, subtask) => Event::at(Lane::Subtask(*subtask), Look::Abort, "fails"),
        Action::FailLaunch(place, _) => {
            Event::at(Lane::Machine(*place), Look::Abort, "can't start its subtasks")
        }
        Action::LoseNotification(place) => {
            let label = state.machines[*place].down.front().map_or_else(String::new, order);
            Event::between(Coordinator, Lane::Machine(*place), Look::Lost, label)
        }
        Action::Heartbeat => Event::at(Coordinator, Look::Note, "sends a heartbeat"),
        Action::RefuseStore(op) => {
            Event::between(Store, Coordinator, Look::Abort, format!("{}: refused", request(*op)))
        }
        Action::LoseStore(op) => {
            Event::between(Store, Coordinator, Look::Lost, format!("{}: no answer", request(*op)))
        }
        Action::LandStray(place) => {
            let request = &state.strays[*place];
            let to = if matches!(request, Request::Fence { .. }) { Kafka } else { Store };
            Event::between(Coordinator, to, Look::Lost, format!("late: {}", late(request)))
        }
        Action::GiveUp(place) => {
            let label = format!("{} is silent and given up", state.machines[*place].head.worker);
            Event::between(Coordinator, Lane::Machine(*place), Look::Lost, label)
        }
        Action::Vanish(place, _) => crash(state, *place),
        Action::TakeOver => Event::at(Coordinator, Look::Note, "another coordinator takes over"),
        Action::LandFormer(op) => {
            Event::between(Former, target(*op), Look::Call, asked(&state.former_ops, *op))
        }
        Action::AnswerFormer(op) => {
            let answer = answered(&state.former_ops, *op);
            Event::between(target(*op), Former, Look::Answer, format!("{}{answer}", request(*op)))
        }
        Action::Kafka(step) => by_kafka(step),
        Action::LandOrphan(orphan) => {
            let label = format!("late commit {} of a dead sender", name(orphan.id));
            Event::between(Lane::Subtask(Subtask::sink(orphan.id.subtask)), Kafka, Look::Late, label)
        }
    }
}

/// What Kafka does by itself, or hears late of.
fn by_kafka(step: &KafkaStep) -> Event {
    let late = |id: TransactionalId, what: &str| {
        let label = format!("late: {what} {}", name(id));
        Event::between(Lane::Subtask(Subtask::sink(id.subtask)), Lane::Kafka, Look::Lost, label)
    };
    match step {
        KafkaStep::Land(Late::Init(id)) => late(*id, "initialise"),
        KafkaStep::Land(Late::AddPartitions(id, ..)) => late(*id, "add a partition to"),
        KafkaStep::Land(Late::Produce(id, ..)) => late(*id, "record of"),
        KafkaStep::WriteMarker(id, told) => {
            let who = match told {
                Told::Output(partition) => format!("partition {partition}"),
                Told::Markers => "the marker topic".into(),
            };
            Event::at(Lane::Kafka, Look::Note, format!("{who} learns that {} ended", name(*id)))
        }
        KafkaStep::Forget(id) => Event::at(Lane::Kafka, Look::Abort, format!("forgets {}", name(*id))),
        KafkaStep::TimeOutAtLast(id) => {
            Event::at(Lane::Kafka, Look::Abort, format!("{} times out", name(*id)))
        }
    }
}

fn hear(state: &State, place: usize) -> Event {
    let message = state.machines[place].up.front();
    let label = message.map_or_else(String::new, report);
    let from = match message {
        Some(Message::FromSubtask { subtask, .. }) => Lane::Subtask(*subtask),
        _ => Lane::Machine(place),
    };
    Event::between(from, Lane::Coordinator, Look::Call, label)
}

fn crash(state: &State, place: usize) -> Event {
    let machine = &state.machines[place];
    let mut gone = vec![Lane::Machine(place)];
    gone.extend(machine.running().iter().map(|(_, subtask)| Lane::Subtask(*subtask)));
    Event { place: Place::In(gone), label: format!("{} ends", machine.head.worker), look: Look::Crash }
}

/// What a step made visible, beyond who spoke to whom.
fn changes(before: &State, after: &State, events: &mut Vec<Event>) {
    transactions(before, after, events);
    let acknowledged = |state: &State, of: CheckpointId| {
        state.ops.iter().any(|under_way| under_way.op == Op::WriteCheckpoint(of))
    };
    for under_way in &*after.ops {
        if let Op::WriteCheckpoint(id) = under_way.op
            && !acknowledged(before, id)
        {
            let label = format!("checkpoint {id} has every acknowledgement");
            events.push(Event::at(Lane::Coordinator, Look::Note, label));
        }
    }
    let (was, is) = (before.store.head(), after.store.head());
    if let Some(head) = is.filter(|head| was.is_none_or(|was| was.attempt != head.attempt)) {
        let label = format!("claims attempt {}", head.attempt);
        events.push(Event::between(Lane::Coordinator, Lane::Store, Look::Call, label));
    }
    let latest = is.and_then(|head| head.latest);
    if let Some(name) = latest.filter(|latest| was.and_then(|head| head.latest) != Some(*latest)) {
        let label = format!("checkpoint {} is complete", name.id);
        events.push(Event::at(Lane::Store, Look::Done, label));
    }
    if let (None, Some(halt)) = (&*before.halted, &*after.halted) {
        let label = format!("the job ends: {}", ending(halt));
        events.push(Event::at(Lane::Coordinator, Look::Note, label));
    }
}

/// Transactions that ended.
fn transactions(before: &State, after: &State, events: &mut Vec<Event>) {
    let (was, is) = (&before.broker.kafka, &after.broker.kafka);
    for id in was.open_ids() {
        let (old, new) = (was.entry(id), is.entry(id));
        if old == new {
            continue;
        }
        let name = name(id);
        events.push(match new.map(|entry| entry.state) {
            Some(TransactionState::PrepareCommit | TransactionState::CompleteCommit) => {
                let number = was.open_records(id).count();
                let plural = if number == 1 { "" } else { "s" };
                let label = format!("{name} is committed: {number} record{plural}");
                Event::at(Lane::Kafka, Look::Done, label)
            }
            _ => Event::at(Lane::Kafka, Look::Abort, format!("{name} is aborted")),
        });
    }
}

/// Who is asked.
fn target(op: Op) -> Lane {
    match op {
        Op::ReadHead
        | Op::SwapHead
        | Op::ReadCheckpoint
        | Op::WriteCheckpoint(_)
        | Op::Discard(_)
        | Op::DiscardBelow(_)
        | Op::Restore
        | Op::Snapshot(_)
        | Op::Upload(_) => Lane::Store,
        _ => Lane::Kafka,
    }
}

fn asked(ops: &[UnderWay], op: Op) -> String {
    let swap = ops.iter().find_map(|under_way| match &under_way.request {
        Request::SwapHead { head, .. } if under_way.op == op => head.latest,
        _ => None,
    });
    swap.map_or_else(|| request(op), |name| format!("head names checkpoint {}", name.id))
}

fn answered(ops: &[UnderWay], op: Op) -> String {
    let outcome = ops.iter().find(|under_way| under_way.op == op).and_then(|found| found.outcome.as_ref());
    match outcome {
        Some(Outcome::Answer(0)) | None => ": done".into(),
        Some(Outcome::Answer(code)) => format!(": error {code}"),
        Some(Outcome::Listed { names, .. }) => format!(": {} open", names.len()),
        Some(Outcome::Conflict) => ": another head".into(),
        Some(Outcome::Unknown) => ": unknown".into(),
        Some(Outcome::Failed { .. }) => ": failed".into(),
        Some(_) => ": done".into(),
    }
}

/// A request to the store that nobody waits for.
fn late(request: &Request<Lineage>) -> String {
    match request {
        Request::SwapHead { head, .. } => format!("head of attempt {}", head.attempt),
        Request::WriteCheckpoint(checkpoint) => format!("write checkpoint {}", checkpoint.name.id),
        Request::Discard(name) => format!("discard checkpoint {}", name.id),
        Request::DiscardBelow(id) => format!("discard below checkpoint {id}"),
        Request::Fence { id, .. } => format!("abort {}", name(*id)),
        _ => "a request".into(),
    }
}

fn request(op: Op) -> String {
    match op {
        Op::Commit(id) => format!("commit {}", name(id)),
        Op::Fence(id) => format!("abort {}", name(id)),
        Op::Describe(id) => format!("describe {}", name(id)),
        Op::Flush(slot) => format!("flush slot {}", slot.get()),
        Op::InitProducer(slot) => format!("initialise slot {}", slot.get()),
        Op::WriteCheckpoint(id) => format!("write checkpoint {id}"),
        Op::Snapshot(id) | Op::Upload(id) | Op::Rewrite(id) => {
            format!("{} of checkpoint {id}", op.name().replace('_', " "))
        }
        other => other.name().replace('_', " "),
    }
}

fn element(element: &Element<Record>) -> String {
    match element {
        Element::Batch(record) => format!("record {} of partition {}", record.offset, record.partition),
        Element::Barrier { checkpoint, .. } => format!("barrier {checkpoint}"),
        Element::Cancel { checkpoint } => format!("checkpoint {checkpoint} is cancelled"),
        Element::End => "end".into(),
    }
}

fn transaction(attempt: truecut_core::Attempt, subtask: Subtask, slot: Slot) -> TransactionalId {
    TransactionalId { attempt, subtask: subtask.index, slot }
}

fn name(id: TransactionalId) -> String {
    id.render(Scope::PREFIX)
}
