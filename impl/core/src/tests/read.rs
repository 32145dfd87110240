//! What can be written in scripts, and the inputs that it stands for.
//!
//! ```text
//! begin                              fetched 0 A B to 2                end of 0       failed text
//! 0: A B       0: barrier 3          0: last 3         0: cancel 3     0: end
//! trigger 3    last 3                complete 3        abort 3         (to the subtask itself, of attempt 1; `3/2` of 2)
//! OP = OUTCOME                       retry OP          fire TIMER      stop
//! join w0 2    lost w0    pulse w0   source-0 ready    source-0 ack 3 SNAPSHOT   (from w0, of attempt 1; `/2` for another)
//! ```

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{In, Words, name};
use crate::{
    Attempt, Checkpoint, CheckpointId, Committable, Described, Element, Fate, Head, HeadVersion, Input,
    Marker, MarkerEvent, Message, NextOffset, Offset, Op, Order, Outcome, Partition, Peer, Producer, Reason,
    Report, Slot, Snapshot, Subtask, Timer, Token, TransactionProtocol, TransactionState, TransactionalId,
    Vertex, WorkerId,
};

/// The coordinator that began every history of these tests.
pub(super) const ORIGIN: Token = Token::new(5);

/// Reads one statement.
#[track_caller]
pub(super) fn input(statement: &str) -> In {
    let words: Vec<&str> = statement.split_whitespace().collect();
    if let Some((op, outcome)) = statement.split_once(" = ") {
        let op = self::op(&op.split_whitespace().collect::<Vec<_>>());
        return Input::Done { op, outcome: self::outcome(op, outcome) };
    }
    match words.as_slice() {
        ["begin"] => Input::Begin,
        ["coordinator", "lost"] => Input::CoordinatorLost,
        ["launch", "failed", attempt] => Input::LaunchFailed {
            attempt: Attempt::new(number(attempt)),
            detail: "there is no thread left".into(),
        },
        ["end", "of", partition] => Input::EndOfPartition(Partition::new(number(partition))),
        ["stop"] => Input::StopRequested,
        ["failed", ..] => Input::TaskFailed { detail: statement["failed ".len()..].into() },
        ["fetched", partition, records @ .., "to", next] => Input::Fetched {
            partition: Partition::new(number(partition)),
            first: Offset::new(number::<i64>(next) - i64::try_from(records.len()).unwrap()),
            last: Offset::new(number::<i64>(next) - 1),
            batch: Words(records.join(" ")),
        },
        ["fetch", "failed", code] => {
            Input::FetchFailed { code: number(code), detail: "the broker says so".into() }
        }
        [channel, element @ ..] if channel.ends_with(':') => {
            Input::Element { channel: number(channel.trim_end_matches(':')), element: self::element(element) }
        }
        [word @ ("trigger" | "last" | "complete" | "abort"), id] => to_subtask(word, id),
        ["retry", op @ ..] => Input::Fired(Timer::Retry(self::op(op))),
        ["fire", timer @ ..] => Input::Fired(self::timer(timer)),
        ["join", worker, slots] => Input::WorkerJoined { worker: self::worker(worker), slots: number(slots) },
        ["lost", worker] => Input::WorkerLost(self::worker(worker)),
        ["pulse", worker] => {
            Input::Message { from: Peer::Worker(self::worker(worker)), message: Message::Pulse }
        }
        [by, report @ ..] => from_subtask(by, report),
        [] => panic!("an empty statement"),
    }
}

fn element(words: &[&str]) -> Element<Words> {
    match words {
        ["barrier", id] => Element::Barrier { checkpoint: CheckpointId::new(number(id)), last: false },
        ["last", id] => Element::Barrier { checkpoint: CheckpointId::new(number(id)), last: true },
        ["cancel", id] => Element::Cancel { checkpoint: CheckpointId::new(number(id)) },
        ["end"] => Element::End,
        records => Element::Batch(Words(records.join(" "))),
    }
}

/// To whichever subtask the script is about: a subtask takes its worker's word that it is meant.
fn to_subtask(word: &str, id: &str) -> In {
    let (id, attempt) = id.split_once('/').unwrap_or((id, "1"));
    let checkpoint = CheckpointId::new(number(id));
    let order = match word {
        "trigger" => Order::Trigger { checkpoint, last: false },
        "last" => Order::Trigger { checkpoint, last: true },
        "complete" => Order::Completed(checkpoint),
        _ => Order::Aborted(checkpoint),
    };
    let message =
        Message::ToSubtask { attempt: Attempt::new(number(attempt)), subtask: Subtask::source(0), order };
    Input::Message { from: Peer::Coordinator, message }
}

/// Such as `source-0 ready`, or `source-0/2 ready` of attempt 2.
fn from_subtask(by: &str, words: &[&str]) -> In {
    let (subtask, attempt) = by.split_once('/').unwrap_or((by, "1"));
    let subtask = self::subtask(subtask);
    let checkpoint = |id: &str| CheckpointId::new(number(id));
    let report = match words {
        ["ready"] => Report::Ready,
        ["ack", id, part @ ..] => {
            Report::Acknowledged { checkpoint: checkpoint(id), snapshot: snapshot(subtask, part) }
        }
        ["declines", id] => Report::Declined(checkpoint(id)),
        ["at-end"] => Report::AtEnd,
        ["drained"] => Report::Drained,
        ["lost", id] => Report::Lost { committable: committable(id), fate: Fate::Aborted },
        ["failed", detail @ ..] => Report::Failed(Reason::Task { detail: detail.join(" ") }),
        other => panic!("no report: {other:?}"),
    };
    let message = Message::FromSubtask { attempt: Attempt::new(number(attempt)), subtask, report };
    Input::Message { from: Peer::Worker(WorkerId::new(0)), message }
}

/// A part: next offset of the source's one partition, state, or the checkpoints whose transactions a sink lists.
fn snapshot(subtask: Subtask, words: &[&str]) -> Snapshot<String> {
    match subtask.vertex {
        Vertex::Source => {
            let next = words
                .iter()
                .map(|next| (Partition::new(u32::from(subtask.index)), NextOffset::new(number(next))));
            Snapshot::Source(next.collect())
        }
        Vertex::Operator => Snapshot::Operator(Some(words.join(" "))),
        Vertex::Sink => Snapshot::Sink(words.iter().map(|id| committable(id)).collect()),
    }
}

/// Such as `2@1/0/1`: of checkpoint 2, transactional id job/1/0/1, by producer 7.0, with 3 records.
pub(super) fn committable(text: &str) -> Committable {
    let (checkpoint, id) = text.split_once('@').expect("CHECKPOINT@ID");
    Committable {
        checkpoint: CheckpointId::new(number(checkpoint)),
        id: self::id(id),
        producer: Producer { id: 7, epoch: 0 },
        protocol: TransactionProtocol::V1,
        records: 3,
    }
}

fn op(words: &[&str]) -> Op {
    match words {
        ["head"] => Op::ReadHead,
        ["swap"] => Op::SwapHead,
        ["read"] => Op::ReadCheckpoint,
        ["write", id] => Op::WriteCheckpoint(CheckpointId::new(number(id))),
        ["discard", "below", id] => Op::DiscardBelow(CheckpointId::new(number(id))),
        ["discard", id] => Op::Discard(CheckpointId::new(number(id))),
        ["start"] => Op::ResolveStart,
        ["list"] => Op::ListTransactions,
        ["fence", id] => Op::Fence(self::id(id)),
        ["offsets"] => Op::CommitOffsets,
        ["restore"] => Op::Restore,
        ["snapshot", id] => Op::Snapshot(CheckpointId::new(number(id))),
        ["init", slot] => Op::InitProducer(Slot::new(number(slot))),
        ["flush", slot] => Op::Flush(Slot::new(number(slot))),
        ["commit", id] => Op::Commit(self::id(id)),
        ["describe", id] => Op::Describe(self::id(id)),
        ["upload", id] => Op::Upload(CheckpointId::new(number(id))),
        ["marker"] => Op::ReadMarker,
        ["rewrite", id] => Op::Rewrite(CheckpointId::new(number(id))),
        ["take"] => Op::InitProducer(Slot::RECOVERY),
        other => panic!("no operation: {other:?}"),
    }
}

/// `unknown`, `failed`, a Kafka code, `ok`, or what the operation answers when it succeeds.
fn outcome(op: Op, text: &str) -> Outcome<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match (op, words.as_slice()) {
        (_, ["unknown"]) => Outcome::Unknown,
        (_, ["failed"]) => Outcome::Failed { detail: "the disk is full".into() },
        (Op::ReadHead, ["none"]) => Outcome::Head { version: HeadVersion::new(0), head: None },
        (Op::ReadHead, [version, head @ ..]) => {
            Outcome::Head { version: HeadVersion::new(number(version)), head: Some(self::head(head)) }
        }
        (Op::SwapHead, ["ok"]) => Outcome::Swapped,
        (Op::SwapHead, ["conflict"]) => Outcome::Conflict,
        (Op::WriteCheckpoint(_) | Op::Discard(_), ["ok"]) => Outcome::Written,
        (Op::ReadCheckpoint, [name, first, second, state, committables @ ..]) => {
            Outcome::Checkpoint(checkpoint(name, [first, second], state, committables))
        }
        (Op::ResolveStart, found @ [_, _]) => {
            let known = (0..).map(Partition::new).zip(found).filter(|(_, offset)| **offset != "-");
            Outcome::Offsets(
                known.map(|(partition, offset)| (partition, NextOffset::new(number(offset)))).collect(),
            )
        }
        (Op::ListTransactions, [whole @ ("all" | "some"), names @ ..]) => Outcome::Listed {
            topic: Some(0),
            leaderless: 0,
            brokers: if *whole == "all" { vec![Some(0)] } else { vec![Some(0), Some(14)] },
            names: names.iter().map(|name| String::from(*name)).collect(),
        },
        (Op::Restore, ["ok"]) => Outcome::Restored,
        (Op::Snapshot(_), state @ [_, ..]) => Outcome::Snapshotted(state.join(" ")),
        (Op::InitProducer(_), [state @ .., generation]) if generation.contains('.') => Outcome::Initialised {
            described: Described {
                state: TransactionState::from_name(state.first().unwrap_or(&"Empty")),
                producer: producer(generation),
            },
            protocol: TransactionProtocol::V1,
        },
        (Op::InitProducer(_), ["ok"]) => Outcome::Opened,
        (Op::Flush(_) | Op::Rewrite(_), ["ok"]) => Outcome::Flushed,
        (Op::Upload(_), ["ok"]) => Outcome::Uploaded,
        (Op::ReadMarker, ["none"]) => Outcome::Markers(Vec::new()),
        (Op::ReadMarker, [origin, "at", id]) => {
            let marker =
                Marker { origin: Token::new(number(origin)), checkpoint: CheckpointId::new(number(id)) };
            Outcome::Markers(vec![
                MarkerEvent::Written { producer: 1, marker },
                MarkerEvent::Ended { producer: 1, committed: true },
            ])
        }
        (Op::Describe(_), [state, generation]) => Outcome::Described(Described {
            state: TransactionState::from_name(state),
            producer: producer(generation),
        }),
        (_, [code]) => Outcome::Answer(number(code)),
        other => panic!("no outcome: {other:?}"),
    }
}

/// `ATTEMPT.ID OFFSET OFFSET STATE COMMITTABLE*` of the seed's job; no state is `-`.
fn checkpoint(name: &str, next: [&str; 2], state: &str, committables: &[&str]) -> Checkpoint<String> {
    let (attempt, id) = name.split_once('.').expect("ATTEMPT.ID");
    let source =
        |index: u16| (Subtask::source(index), snapshot(Subtask::source(index), &[next[usize::from(index)]]));
    let state = Some(String::from(state)).filter(|state| state != "-");
    let snapshots = BTreeMap::from([
        source(0),
        source(1),
        (Subtask::operator(0), Snapshot::Operator(state)),
        (Subtask::sink(0), snapshot(Subtask::sink(0), committables)),
    ]);
    Checkpoint { name: super::name(number(attempt), number(id)), origin: ORIGIN, last: false, snapshots }
}

/// `TOKEN ATTEMPT LATEST NEXT`, where the latest is `ATTEMPT.ID` or `none`.
fn head(words: &[&str]) -> Head {
    let [token, attempt, latest, next] = words else { panic!("no head: {words:?}") };
    let latest = latest.split_once('.').map(|(attempt, id)| name(number(attempt), number(id)));
    Head {
        token: Token::new(number(token)),
        attempt: Attempt::new(number(attempt)),
        latest,
        next: CheckpointId::new(number(next)),
    }
}

fn timer(words: &[&str]) -> Timer {
    match words {
        ["interval"] => Timer::Interval,
        ["min-pause"] => Timer::MinPause,
        ["expiry", id] => Timer::Expiry(CheckpointId::new(number(id))),
        ["heartbeat"] => Timer::Heartbeat,
        ["silence", worker] => Timer::Silence(self::worker(worker)),
        ["restart"] => Timer::Restart,
        other => panic!("no timer: {other:?}"),
    }
}

fn producer(text: &str) -> Producer {
    let (id, epoch) = text.split_once('.').expect("ID.EPOCH");
    Producer { id: number(id), epoch: number(epoch) }
}

fn id(text: &str) -> TransactionalId {
    TransactionalId::parse("job", &format!("job/{text}")).expect("ATTEMPT/SUBTASK/SLOT")
}

pub(super) fn subtask(text: &str) -> Subtask {
    let (vertex, index) = text.split_once('-').unwrap_or_else(|| panic!("no statement: {text}"));
    let index = number(index);
    match vertex {
        "source" => Subtask::source(index),
        "operator" => Subtask::operator(index),
        "sink" => Subtask::sink(index),
        other => panic!("no vertex: {other}"),
    }
}

pub(super) fn worker(text: &str) -> WorkerId {
    WorkerId::new(number(text.trim_start_matches('w')))
}

fn number<T: core::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}
