//! How effects look in scripts.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Out, Words};
use crate::{
    Checkpoint, CheckpointName, Committable, Deployment, Effect, Element, Halt, Head, LogName, Marker,
    Message, NextOffset, Op, Order, Partition, Peer, Producer, Reason, Report, Request, Snapshot, Timer,
    TransactionalId,
};

pub(super) fn effect(effect: &Out) -> String {
    match effect {
        Effect::Emit(element) => format!("emit {}", self::element(element)),
        Effect::Process(Words(words)) => format!("process {words}"),
        Effect::Produce { slot, batch: Words(words), keep } => {
            let kept = if *keep { ", and keep it" } else { "" };
            format!("produce {words} in slot {}{kept}", slot.get())
        }
        Effect::Mark { slot, marker } => format!("mark {} in slot {}", self::marker(*marker), slot.get()),
        Effect::Hold(channel) => format!("hold {channel}"),
        Effect::Release(channel) => format!("release {channel}"),
        Effect::Consume { offsets, isolation: _, report_end } => {
            let until = if *report_end { ", and say when the end is met" } else { "" };
            format!("consume from {}{until}", self::offsets(offsets))
        }
        Effect::CloseProducer(slot) => format!("close the producer of slot {}", slot.get()),
        Effect::Send { to: Peer::Coordinator, message } => {
            format!("tell the coordinator: {}", self::message(message))
        }
        Effect::Send { to: Peer::Worker(worker), message } => {
            format!("tell {worker}: {}", self::message(message))
        }
        Effect::Send { to: Peer::Subtask(subtask), message } => {
            format!("tell {subtask}: {}", self::message(message))
        }
        Effect::Start { op: _, request } => format!("start: {}", self::request(request)),
        Effect::Arm(timer) => format!("arm {}", self::timer(*timer)),
        Effect::Disarm(timer) => format!("disarm {}", self::timer(*timer)),
        Effect::Launch(deployment) => format!("launch {}", self::deployment(deployment)),
        Effect::Stop(attempt) => format!("stop attempt {attempt}"),
        Effect::Accept { attempt, from, to } => {
            format!("accept the channel {from} -> {to} of attempt {attempt}")
        }
        Effect::Refuse { attempt, from, to } => {
            format!("refuse the channel {from} -> {to} of attempt {attempt}")
        }
        Effect::Disconnect(worker) => format!("disconnect {worker}"),
        Effect::Halt(halt) => format!("halt: {}", self::halt(halt)),
    }
}

pub(super) fn element(element: &Element<Words>) -> String {
    match element {
        Element::Batch(Words(words)) => words.clone(),
        Element::Barrier { checkpoint, last: false } => format!("barrier {checkpoint}"),
        Element::Barrier { checkpoint, last: true } => format!("last barrier {checkpoint}"),
        Element::Cancel { checkpoint } => format!("cancellation of {checkpoint}"),
        Element::End => "end".into(),
    }
}

fn message(message: &Message<String>) -> String {
    match message {
        Message::Deploy(deployment) => format!("deploy {}", self::deployment(deployment)),
        Message::Cancel(attempt) => format!("cancel attempt {attempt}"),
        Message::Heartbeat { attempt, latest } => {
            let latest = latest.map_or("nothing".into(), |latest| latest.to_string());
            format!("attempt {attempt} is in force, {latest} is complete")
        }
        Message::ToSubtask { subtask, order, .. } => match order {
            Order::Trigger { checkpoint, last: false } => format!("{subtask}: trigger {checkpoint}"),
            Order::Trigger { checkpoint, last: true } => format!("{subtask}: trigger {checkpoint}, the last"),
            Order::Completed(checkpoint) => format!("{subtask}: {checkpoint} is complete"),
            Order::Aborted(checkpoint) => format!("{subtask}: {checkpoint} is aborted"),
        },
        Message::Pulse => "alive".into(),
        Message::FromSubtask { attempt, subtask, report } => {
            format!("{subtask} of attempt {attempt} {}", self::report(report))
        }
    }
}

fn report(report: &Report<String>) -> String {
    match report {
        Report::Ready => "is ready".into(),
        Report::Acknowledged { checkpoint, snapshot } => {
            format!("acknowledges {checkpoint} with {}", self::snapshot(snapshot))
        }
        Report::Declined(checkpoint) => format!("declines {checkpoint}"),
        Report::AtEnd => "is at the end of its input".into(),
        Report::Drained => "is drained".into(),
        Report::Lost { committable, fate } => format!("lost {} ({fate:?})", self::committable(committable)),
        Report::Failed(reason) => format!("failed: {}", self::reason(reason)),
    }
}

fn deployment(deployment: &Deployment<String>) -> String {
    let Deployment { attempt, restored, origin: _, drained, tasks, placement } = deployment;
    let tasks: Vec<String> =
        tasks.iter().map(|task| format!("{} with {}", task.subtask, snapshot(&task.restore))).collect();
    let drained = if *drained { ", drained" } else { "" };
    let placement: Vec<String> = placement.iter().map(ToString::to_string).collect();
    let (tasks, placement) = (tasks.join(", "), placement.join(" "));
    format!("attempt {attempt} from {}{drained} on {placement}: {tasks}", self::name(restored))
}

fn request(request: &Request<String>) -> String {
    match request {
        Request::ReadHead => "read the head".into(),
        Request::SwapHead { expected, head } => format!("swap {expected} for {}", self::head(head)),
        Request::ReadCheckpoint(checkpoint) => format!("read {}", name(checkpoint)),
        Request::WriteCheckpoint(checkpoint) => format!("write {}", self::checkpoint(checkpoint)),
        Request::Discard(checkpoint) => format!("discard {}", name(checkpoint)),
        Request::DiscardBelow(checkpoint) => format!("discard what is older than {checkpoint}"),
        Request::ResolveStart { position, isolation: _ } => format!("resolve the start ({position:?})"),
        Request::ListTransactions(state) => format!("list transactions that are {}", state.name()),
        Request::Fence { id, timeout_ms: _ } => format!("fence {}", self::id(*id)),
        Request::CommitOffsets(offsets) => format!("commit offsets {}", self::offsets(offsets)),
        Request::Restore(state) => format!("restore {}", self::state(state.as_ref())),
        Request::Snapshot(checkpoint) => format!("snapshot for {}", name(checkpoint)),
        Request::InitProducer { id, timeout_ms: _ } => format!("init {}", self::id(*id)),
        Request::OpenProducer(slot) => format!("open a producer in slot {}", slot.get()),
        Request::Upload { slot, log } => {
            format!("upload what was kept of slot {} as {}", slot.get(), self::log(*log))
        }
        Request::ReadMarker(subtask) => format!("read the marker of sink-{subtask}"),
        Request::Rewrite { slot: _, log, marker } => {
            format!("write {} again, and mark {}", self::log(*log), self::marker(*marker))
        }
        Request::Flush(slot) => format!("flush slot {}", slot.get()),
        Request::Commit(committable) => format!("commit {}", self::committable(committable)),
        Request::Describe(id) => format!("describe {}", self::id(*id)),
    }
}

pub(super) fn timer(timer: Timer) -> String {
    match timer {
        Timer::Interval => "interval".into(),
        Timer::MinPause => "min-pause".into(),
        Timer::Expiry(checkpoint) => format!("expiry {checkpoint}"),
        Timer::Heartbeat => "heartbeat".into(),
        Timer::Silence(worker) => format!("silence {worker}"),
        Timer::Restart => "restart".into(),
        Timer::Retry(op) => format!("retry {}", self::op(op)),
    }
}

fn op(op: Op) -> String {
    match op {
        Op::Commit(id) | Op::Describe(id) | Op::Fence(id) => format!("{} {}", op.name(), self::id(id)),
        Op::InitProducer(slot) | Op::Flush(slot) => format!("{} {}", op.name(), slot.get()),
        Op::WriteCheckpoint(checkpoint)
        | Op::Discard(checkpoint)
        | Op::DiscardBelow(checkpoint)
        | Op::Upload(checkpoint)
        | Op::Rewrite(checkpoint)
        | Op::Snapshot(checkpoint) => {
            format!("{} {checkpoint}", op.name())
        }
        Op::ReadHead
        | Op::SwapHead
        | Op::ReadCheckpoint
        | Op::ResolveStart
        | Op::ReadMarker
        | Op::ListTransactions
        | Op::CommitOffsets
        | Op::Restore => op.name().into(),
    }
}

fn halt(halt: &Halt) -> String {
    let resume = |resume: &Option<CheckpointName>| resume.as_ref().map_or("nothing".into(), name);
    match halt {
        Halt::Finished(checkpoint) => format!("finished at {}", name(checkpoint)),
        Halt::Failed { reason, resume: from } => {
            format!("{}; resume from {}", self::reason(reason), resume(from))
        }
        Halt::DataLoss { committable, fate, resume: from } => {
            format!("data loss: {} is {fate:?}; resume from {}", self::committable(committable), resume(from))
        }
        Halt::Superseded => "superseded".into(),
    }
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Kafka { op, code } => format!("{} was answered {code}", self::op(*op)),
        Reason::Environment { op, detail } => format!("{}: {detail}", self::op(*op)),
        Reason::Input { code, detail } => format!("the input: {code}, {detail}"),
        Reason::Task { detail } => format!("task: {detail}"),
        Reason::ChannelBroken => "a channel broke".into(),
        Reason::WorkerLost(worker) => format!("{worker} was lost"),
        Reason::Expired(checkpoint) => format!("{checkpoint} expired"),
        Reason::Declined(checkpoint) => format!("{checkpoint} was declined"),
        Reason::NotStored(checkpoint) => format!("{checkpoint} could not be stored"),
    }
}

fn head(head: &Head) -> String {
    let Head { token, attempt, latest, next } = head;
    let latest = latest.as_ref().map_or("none".into(), name);
    format!("attempt {attempt} of coordinator {token}, latest {latest}, next {next}")
}

fn checkpoint(checkpoint: &Checkpoint<String>) -> String {
    let Checkpoint { name, origin: _, last, snapshots } = checkpoint;
    let last = if *last { ", the last" } else { "" };
    let parts: Vec<String> = snapshots.iter().map(|(by, part)| format!("{by} {}", snapshot(part))).collect();
    format!("{}{last}: {}", self::name(name), parts.join(", "))
}

fn snapshot(snapshot: &Snapshot<String>) -> String {
    match snapshot {
        Snapshot::Source(offsets) => self::offsets(offsets),
        Snapshot::Operator(state) => self::state(state.as_ref()),
        Snapshot::Sink(committables) => {
            let all: Vec<String> = committables.iter().map(committable).collect();
            format!("[{}]", all.join(", "))
        }
    }
}

fn state(state: Option<&String>) -> String {
    state.map_or("no state".into(), |state| format!("`{state}`"))
}

/// Such as `2@job/1/0/0 by 7.0 (3 records)`: of checkpoint 2, with its generation.
fn committable(committable: &Committable) -> String {
    let Committable { checkpoint, id, producer: Producer { id: producer, epoch }, protocol: _, records } =
        committable;
    let plural = if *records == 1 { "" } else { "s" };
    format!("{checkpoint}@{} by {producer}.{epoch} ({records} record{plural})", self::id(*id))
}

/// Next offset per partition, such as `0:2 1:1`.
fn offsets(offsets: &BTreeMap<Partition, NextOffset>) -> String {
    let all: Vec<String> = offsets.iter().map(|(partition, next)| format!("{partition}:{next}")).collect();
    if all.is_empty() { "no offsets".into() } else { all.join(" ") }
}

fn name(name: &CheckpointName) -> String {
    format!("checkpoint {} of attempt {}", name.id, name.attempt)
}

fn id(id: TransactionalId) -> String {
    id.render("job")
}

fn marker(marker: Marker) -> String {
    format!("{} of history {}", marker.checkpoint, marker.origin)
}

fn log(log: LogName) -> String {
    format!("the log of sink-{} at {}", log.subtask, name(&log.of))
}
