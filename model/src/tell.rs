//! Histories in plain sentences.
#![expect(clippy::wildcard_enum_match_arm, reason = "what has no sentence of its own is told by its name")]

use truecut_core::{Element, Halt, Message, Op, Order, Outcome, Report, Request, Subtask, TransactionalId};

use crate::action::Action;
use crate::lineage::{Lineage, Record};
use crate::property::Property;
use crate::scope::Scope;
use crate::state::State;

/// What follows from a step at once and deserves a sentence.
pub(crate) fn consequences(before: &State, after: &State) -> String {
    let mut told = String::new();
    let writes = |state: &State, op| state.ops.iter().any(|under_way| under_way.op == op);
    for under_way in &*after.ops {
        if let Op::WriteCheckpoint(id) = under_way.op
            && !writes(before, under_way.op)
        {
            told += &format!(" Checkpoint {id} has every acknowledgement; the coordinator writes it.");
        }
    }
    let attempt = |state: &State| state.store.head().map(|head| head.attempt);
    if let Some(claimed) = attempt(after).filter(|claimed| Some(*claimed) != attempt(before)) {
        told += &format!(" The coordinator claims attempt {}.", claimed.get());
    }
    if let (None, Some(halt)) = (&*before.halted, &*after.halted) {
        told += &format!(" The job ends: {}.", ending(halt));
    }
    told
}

/// How a counterexample ends: what it violates.
pub(crate) fn verdict(property: &Property) -> String {
    let (first, rest) = property.meaning.split_at(1);
    format!(" This violates {}: {}{rest}", property.name, first.to_lowercase())
}

/// What happens in a step.
pub(crate) fn sentence(state: &State, action: &Action) -> String {
    match action {
        Action::TakeReport(place) => {
            let machine = &state.machines[*place];
            let message = machine.up.front().map_or_else(String::new, report);
            format!("The coordinator hears from worker {}: {message}.", machine.head.worker)
        }
        Action::LoseWorker(place) => {
            format!(
                "The coordinator learns that worker {} is gone; worker w{} registers.",
                state.machines[*place].head.worker, *state.next_worker
            )
        }
        Action::LandCoordinator(op) => at_coordinator(state, *op),
        Action::AnswerCoordinator(op) => heard_by_coordinator(state, *op),
        Action::Stop => "The coordinator is asked to end the job: it triggers the last checkpoint.".into(),
        Action::TakeOrder(place) => {
            let machine = &state.machines[*place];
            let message = machine.down.front().map_or_else(String::new, order);
            format!("Worker {} is told: {message}.", machine.head.worker)
        }
        Action::Fetch(place, _, subtask, partition) => {
            let offset = state.machines[*place]
                .tasks()
                .iter()
                .find(|task| task.host.subtask == *subtask)
                .and_then(|task| task.host.positions.get(partition));
            let offset = offset.map_or(0, |next| next.get());
            format!(
                "{} reads the record at offset {offset} of partition {partition}.",
                subtask_name(*subtask),
                partition = partition.get()
            )
        }
        Action::Take(link) => {
            let what = state.network.queue(*link).front().map_or_else(String::new, element);
            let link = &state.network.links()[*link];
            format!("{} takes {what} from {}.", subtask_name(link.to), link.from)
        }
        Action::LandRecords(_, attempt, subtask, slot) => {
            let id = TransactionalId { attempt: *attempt, subtask: subtask.index, slot: *slot };
            format!("Records of transaction {} reach Kafka.", id.render(Scope::PREFIX))
        }
        Action::Land(_, _, _, op) => format!("Kafka takes {}.", request_name(*op)),
        Action::Answer(place, attempt, subtask, op) => {
            let task = state.machines[*place].task(*attempt, *subtask);
            let outcome = task
                .and_then(|task| task.ops.iter().find(|under_way| under_way.op == *op))
                .and_then(|under_way| under_way.outcome.as_ref());
            format!(
                "{} hears the answer to {}{}.",
                subtask_name(*subtask),
                request_name(*op),
                outcome.map_or_else(String::new, answer)
            )
        }
        Action::Trigger => "The coordinator triggers a checkpoint.".into(),
        Action::Expire(id) => format!("Checkpoint {id} takes too long: the coordinator aborts it."),
        Action::Crash(place, landed) => crash(state, *place, *landed),
        Action::TimeOut(id) => {
            format!("Transaction {} times out: Kafka aborts it.", id.render(Scope::PREFIX))
        }
        Action::LoseAnswer(place, attempt, subtask, op) => {
            let task = state.machines[*place].task(*attempt, *subtask);
            let landed = task
                .and_then(|task| task.ops.iter().find(|under_way| under_way.op == *op))
                .is_some_and(|under_way| under_way.outcome.is_some());
            let when = if landed || matches!(op, Op::InitProducer(_)) {
                "after Kafka took it"
            } else {
                "while it is on its way"
            };
            format!(
                "{} loses its connection to Kafka and hears no answer to {}, {when}.",
                subtask_name(*subtask),
                request_name(*op)
            )
        }
        Action::GiveUp(place) => format!(
            "Worker {} was silent for too long and is given up, although it lives; worker w{} registers.",
            state.machines[*place].head.worker, *state.next_worker
        ),
        Action::Vanish(place, landed) => {
            format!(
                "Worker {} has no coordinator any more and ends{}.",
                state.machines[*place].head.worker,
                ends(state, *place, *landed)
            )
        }
        Action::TakeOver => format!(
            "Another coordinator takes over and reads the head; worker w{} registers with it.",
            *state.next_worker
        ),
        Action::LandFormer(op) => {
            format!(
                "What the coordinator before has under way is done, and it hears of it: {}.",
                request_name(*op)
            )
        }
        Action::AnswerFormer(op) => {
            format!("The coordinator before hears the answer to {}.", request_name(*op))
        }
        Action::BreakChannel(link) => {
            let link = &state.network.links()[*link];
            format!("The data channel from {} to {} breaks.", link.from, link.to)
        }
        Action::LearnBroken(link, sender) => {
            let link = &state.network.links()[*link];
            let end = subtask_name(if *sender { link.from } else { link.to });
            format!("{end} learns that its data channel is broken.")
        }
        Action::FailTask(_, _, subtask) => format!("{} fails.", subtask_name(*subtask)),
        Action::FailLaunch(place, _) => {
            format!("Worker {} can't start its subtasks.", state.machines[*place].head.worker)
        }
        Action::LoseNotification(place) => {
            let machine = &state.machines[*place];
            let message = machine.down.front().map_or_else(String::new, order);
            format!("Worker {} is not told: {message}.", machine.head.worker)
        }
        Action::Heartbeat => "The coordinator sends a heartbeat.".into(),
        Action::RefuseStore(op) => {
            format!("The store refuses what the coordinator asks: {}.", request_name(*op))
        }
        Action::LoseStore(op) => {
            format!(
                "The coordinator hears no answer of the store: {}; it may land at any later time.",
                request_name(*op)
            )
        }
        Action::LandStray(place) => stray(&state.strays[*place]),
        Action::Kafka(step) => step.tell(),
        Action::LandOrphan(orphan) => {
            format!(
                "The commit of transaction {} that a dead sender had sent reaches Kafka.",
                orphan.id.render(Scope::PREFIX)
            )
        }
    }
}

fn subtask_name(subtask: Subtask) -> String {
    let name = subtask.to_string();
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn crash(state: &State, place: usize, landed: usize) -> String {
    format!("Worker {} is killed{}.", state.machines[place].head.worker, ends(state, place, landed))
}

/// In the middle of what a process ends.
fn ends(state: &State, place: usize, landed: usize) -> String {
    let machine = &state.machines[place];
    let mut when = Vec::new();
    for under_way in machine.tasks().iter().flat_map(|task| &*task.ops) {
        let name = request_name(under_way.op);
        when.push(match &under_way.outcome {
            Some(_) => format!("after Kafka took {name} and before it heard the answer"),
            None => format!("while {name} is on its way"),
        });
    }
    let sent: usize =
        machine.tasks().iter().flat_map(|task| task.lanes.values()).map(|lane| lane.records.len()).sum();
    if sent > 0 {
        when.push(format!("with {sent} records on their way to Kafka, of which {} arrive", landed.min(sent)));
    }
    if when.is_empty() { String::new() } else { format!(" {}", when.join(", ")) }
}

fn request_name(op: Op) -> String {
    match op {
        Op::Commit(id) => format!("the commit of transaction {}", id.render(Scope::PREFIX)),
        Op::Fence(id) => format!("the abort of transaction {}", id.render(Scope::PREFIX)),
        Op::Flush(slot) => format!("the flush of slot {}", slot.get()),
        Op::InitProducer(slot) => format!("the initialisation of slot {}", slot.get()),
        other => other.name().replace('_', " "),
    }
}

fn answer(outcome: &Outcome<Lineage>) -> String {
    match outcome {
        Outcome::Answer(0) => ": it is done".into(),
        Outcome::Answer(code) => format!(": error {code}"),
        _ => String::new(),
    }
}

fn at_coordinator(state: &State, op: Op) -> String {
    match op {
        Op::WriteCheckpoint(id) => format!("The data of checkpoint {id} is durable."),
        Op::SwapHead => {
            let swap = state.ops.iter().find_map(|under_way| match &under_way.request {
                Request::SwapHead { head, .. } => Some(head),
                _ => None,
            });
            let before = state.store.head();
            let completes =
                |head: &&truecut_core::Head| before.is_some_and(|before| before.attempt == head.attempt);
            match swap.filter(completes).and_then(|head| head.latest) {
                Some(name) => format!("The head names checkpoint {}: it is complete.", name.id),
                None => "A claim of the coordinator reaches the head.".into(),
            }
        }
        Op::ListTransactions => "Kafka lists its open transactions for the coordinator.".into(),
        Op::ReadHead | Op::ReadCheckpoint | Op::Discard(_) | Op::DiscardBelow(_) => {
            format!("The store does what the coordinator asks: {}.", request_name(op))
        }
        other => format!("Kafka takes {} from the coordinator.", request_name(other)),
    }
}

fn heard_by_coordinator(state: &State, op: Op) -> String {
    let listed = state
        .ops
        .iter()
        .find(|under_way| under_way.op == op)
        .and_then(|under_way| under_way.outcome.as_ref());
    match listed {
        Some(Outcome::Listed { names, .. }) if names.is_empty() => {
            "The coordinator hears that no transaction is open.".into()
        }
        Some(Outcome::Listed { names, .. }) => {
            format!("The coordinator hears which transactions are open: {}.", names.join(", "))
        }
        _ => format!("The coordinator hears the answer to {}.", request_name(op)),
    }
}

/// What a report says.
pub(crate) fn report(message: &Message<Lineage>) -> String {
    let Message::FromSubtask { subtask, report, .. } = message else { return "it lives".into() };
    let what = match report {
        Report::Ready => "is ready".into(),
        Report::Acknowledged { checkpoint, .. } => format!("acknowledges checkpoint {checkpoint}"),
        Report::Declined(checkpoint) => format!("declines checkpoint {checkpoint}"),
        Report::AtEnd => "has read its input".into(),
        Report::Drained => "has committed everything".into(),
        Report::Lost { committable, .. } => {
            format!("has lost transaction {}", committable.id.render(Scope::PREFIX))
        }
        Report::Failed(_) => "failed".into(),
    };
    format!("{subtask} {what}")
}

/// What an order says.
pub(crate) fn order(message: &Message<Lineage>) -> String {
    match message {
        Message::Deploy(deployment) => {
            format!("run attempt {} from checkpoint {}", deployment.attempt.get(), deployment.restored.id)
        }
        Message::Cancel(attempt) => format!("stop attempt {}", attempt.get()),
        Message::ToSubtask { order: Order::Trigger { checkpoint, last: false }, .. } => {
            format!("take checkpoint {checkpoint}")
        }
        Message::ToSubtask { order: Order::Trigger { checkpoint, last: true }, .. } => {
            format!("take checkpoint {checkpoint}, the last")
        }
        Message::ToSubtask { order: Order::Completed(checkpoint), .. } => {
            format!("checkpoint {checkpoint} is complete")
        }
        Message::ToSubtask { order: Order::Aborted(checkpoint), .. } => {
            format!("checkpoint {checkpoint} is aborted")
        }
        Message::Heartbeat { .. } | Message::Pulse | Message::FromSubtask { .. } => {
            "the coordinator lives".into()
        }
    }
}

fn element(element: &Element<Record>) -> String {
    match element {
        Element::Batch(record) => {
            format!("the record at offset {} of partition {}", record.offset, record.partition)
        }
        Element::Barrier { checkpoint, .. } => format!("barrier {checkpoint}"),
        Element::Cancel { checkpoint } => format!("the cancellation of checkpoint {checkpoint}"),
        Element::End => "the end".into(),
    }
}

/// How a job ended.
pub(crate) fn ending(halt: &Halt) -> String {
    match halt {
        Halt::Finished(name) => format!("finished with checkpoint {}", name.id),
        Halt::Failed { .. } => "failed".into(),
        Halt::DataLoss { committable, .. } => {
            format!("data loss, transaction {}", committable.id.render(Scope::PREFIX))
        }
        Halt::Superseded => "another coordinator took over".into(),
    }
}

/// A request that lands when nobody waits for its answer.
fn stray(request: &Request<Lineage>) -> String {
    let what = match request {
        Request::SwapHead { head, .. } => {
            format!("a swap of the head, for attempt {}", head.attempt.get())
                + &head
                    .latest
                    .map_or_else(String::new, |name| format!(" with checkpoint {} as the latest", name.id))
        }
        Request::WriteCheckpoint(checkpoint) => format!("a write of checkpoint {}", checkpoint.name.id),
        Request::Discard(name) => format!("a discard of checkpoint {}", name.id),
        Request::DiscardBelow(id) => format!("a discard of what is older than checkpoint {id}"),
        Request::Fence { id, .. } => format!("an abort of transaction {}", id.render(Scope::PREFIX)),
        _ => "a request".into(),
    };
    format!("What nobody waits for any more lands late: {what}.")
}
