//! Bytes of the alphabets, for traces, the control connection and checkpoint files: all three carry exactly what the core
//! saw. One tag byte per variant, LEB128 for numbers, a length before text and lists.
//!
//! `encode` matches without a wildcard, so that a new variant without a tag does not compile.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::alphabet::{
    Deployment, Effect, Element, Halt, Input, Message, Op, Order, Outcome, Peer, Reason, Report, Request,
    Task, Timer,
};
use crate::id::{
    Attempt, CheckpointId, CheckpointName, HeadVersion, NextOffset, Offset, Partition, Subtask, Token,
    Vertex, WorkerId,
};
use crate::job::{CommitBy, Exchange, Guarantee, Isolation, Job, Position, Settings, StartPosition};
use crate::sink::Fate;
use crate::snapshot::{Checkpoint, Committable, Head, LogName, Marker, MarkerEvent, Snapshot};
use crate::transaction::{Described, Producer, Slot, TransactionProtocol, TransactionState, TransactionalId};

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where, in bytes from the start.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

impl core::error::Error for Malformed {}

/// Reads bytes front to back.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.malformed("more bytes"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// Succeeds if nothing is left.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.malformed("the end")) }
    }

    /// Whether nothing is left.
    pub const fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// An error at this place.
    pub const fn malformed(&self, expected: &'static str) -> Malformed {
        Malformed { at: self.at, expected }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed("a number of at most 64 bits"))
    }

    /// A length, checked against what is left, so that a corrupt one allocates nothing.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| self.malformed("a length"))?;
        if length > self.bytes.len() - self.at {
            return Err(self.malformed("a length within the bytes"));
        }
        Ok(length)
    }
}

/// What can be written as bytes.
pub trait Encode {
    /// Appends its bytes.
    fn encode(&self, out: &mut Vec<u8>);
}

/// What can be read from bytes.
pub trait Decode: Sized {
    /// Reads one from the front.
    ///
    /// # Errors
    /// The bytes are not those of one.
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

macro_rules! numbers {
    ($($unsigned:ty),*; $($signed:ty),*) => {
        $(impl Encode for $unsigned {
            fn encode(&self, out: &mut Vec<u8>) {
                varint(u64::from(*self), out);
            }
        }
        impl Decode for $unsigned {
            fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                Self::try_from(from.varint()?).map_err(|_| from.malformed(concat!("a ", stringify!($unsigned))))
            }
        })*
        $(impl Encode for $signed {
            fn encode(&self, out: &mut Vec<u8>) {
                let wide = i64::from(*self); // zigzag, so that small negative numbers stay short
                varint((wide << 1 ^ wide >> 63).cast_unsigned(), out);
            }
        }
        impl Decode for $signed {
            fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                let zigzag = from.varint()?;
                let wide = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
                Self::try_from(wide).map_err(|_| from.malformed(concat!("an ", stringify!($signed))))
            }
        })*
    };
}
numbers!(u8, u16, u32, u64; i16, i64);

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Decode for bool {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(from.malformed("0 or 1")),
        }
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Vec<u8>) {
        varint(u64::try_from(self.len()).expect("a length fits"), out);
        out.extend_from_slice(self.as_bytes());
    }
}

impl Decode for String {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = from.length()?;
        let bytes = from.take(length)?;
        Self::from_utf8(bytes.to_vec()).map_err(|_| from.malformed("UTF-8 text"))
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        bool::decode(from)?.then(|| T::decode(from)).transpose()
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        varint(u64::try_from(self.len()).expect("a length fits"), out);
        self.iter().for_each(|value| value.encode(out));
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        (0..from.length()?).map(|_| T::decode(from)).collect()
    }
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, out: &mut Vec<u8>) {
        varint(u64::try_from(self.len()).expect("a length fits"), out);
        for (key, value) in self {
            key.encode(out);
            value.encode(out);
        }
    }
}

impl<K: Decode + Ord, V: Decode> Decode for BTreeMap<K, V> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = from.length()?;
        let map: Self =
            (0..length).map(|_| Ok((K::decode(from)?, V::decode(from)?))).collect::<Result<_, _>>()?;
        if map.len() == length { Ok(map) } else { Err(from.malformed("distinct keys")) }
    }
}

macro_rules! newtypes {
    ($($name:ident($inner:ty)),* $(,)?) => {
        $(impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.get().encode(out);
            }
        }
        impl Decode for $name {
            fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                <$inner>::decode(from).map(Self::new)
            }
        })*
    };
}
newtypes!(
    CheckpointId(u64),
    Attempt(u64),
    Offset(i64),
    NextOffset(i64),
    Partition(u32),
    WorkerId(u32),
    HeadVersion(u64),
    Token(u64),
    Slot(u16),
);

macro_rules! structs {
    ($($name:ident $(<$p:ident>)? { $($field:ident),* $(,)? })*) => {
        $(impl $(<$p: Encode>)? Encode for $name $(<$p>)? {
            fn encode(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.encode(out);)*
            }
        }
        impl $(<$p: Decode>)? Decode for $name $(<$p>)? {
            fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                $(let $field = Decode::decode(from)?;)*
                Ok(Self { $($field),* })
            }
        })*
    };
}
structs! {
    Subtask { vertex, index }
    CheckpointName { attempt, id }
    TransactionalId { attempt, subtask, slot }
    Producer { id, epoch }
    Described { state, producer }
    Committable { checkpoint, id, producer, protocol, records }
    Checkpoint<S> { name, origin, last, snapshots }
    Marker { origin, checkpoint }
    LogName { of, subtask }
    Head { token, attempt, latest, next }
    Task<S> { subtask, restore }
    Deployment<S> { attempt, restored, origin, drained, tasks, placement }
    Settings { max_concurrent, tolerable_failures, max_restarts, retained, min_pause }
    Job { topic, partitions, sources, operators, exchange, guarantee, commit_by, prefix, start, isolation, bounded,
        transaction_timeout_ms, accept_loss, settings }
}

macro_rules! enums {
    ($($name:ident $(<$($p:ident),*>)? {
        $($tag:literal $variant:ident $({ $($field:ident),* })? $(($value:ident))?),* $(,)?
    })*) => {
        $(impl $(<$($p: Encode),*>)? Encode for $name $(<$($p),*>)? {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field),* })? $(($value))? => {
                        out.push($tag);
                        $($($field.encode(out);)*)?
                        $($value.encode(out);)?
                    })*
                }
            }
        }
        impl $(<$($p: Decode),*>)? Decode for $name $(<$($p),*>)? {
            fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(match from.byte()? {
                    $($tag => {
                        $($(let $field = Decode::decode(from)?;)*)?
                        $(let $value = Decode::decode(from)?;)?
                        Self::$variant $({ $($field),* })? $(($value))?
                    })*
                    _ => return Err(from.malformed(concat!("a tag of ", stringify!($name)))),
                })
            }
        })*
    };
}
enums! {
    Vertex { 0 Source, 1 Operator, 2 Sink }
    Exchange { 0 Forward, 1 Rebalance, 2 Key }
    Guarantee { 0 ExactlyOnce, 1 AtLeastOnce, 2 None }
    StartPosition { 0 Earliest, 1 Latest, 2 GroupOrEarliest, 3 GroupOrLatest }
    Isolation { 0 ReadCommitted, 1 ReadUncommitted }
    CommitBy { 0 Resume, 1 Log }
    Position { 0 Earliest, 1 Latest, 2 Committed }
    TransactionState { 0 Empty, 1 Ongoing, 2 PrepareCommit, 3 PrepareAbort, 4 CompleteCommit, 5 CompleteAbort, 6 Other }
    TransactionProtocol { 0 V1, 1 V2 }
    Fate { 0 Committed, 1 Aborted, 2 Unknowable }
    MarkerEvent { 0 Written { producer, marker }, 1 Ended { producer, committed } }
    Snapshot<S> { 0 Source(offsets), 1 Operator(state), 2 Sink(committables) }
    Element<B> { 0 Batch(batch), 1 Barrier { checkpoint, last }, 2 Cancel { checkpoint }, 3 End }
    Op {
        0 ReadHead, 1 SwapHead, 2 ReadCheckpoint, 3 WriteCheckpoint(id), 4 Discard(id), 5 ResolveStart, 6 ListTransactions,
        7 Fence(id), 8 CommitOffsets, 9 Restore, 10 Snapshot(id), 11 InitProducer(slot), 12 Flush(slot), 13 Commit(id),
        14 Describe(id), 15 Upload(id), 16 ReadMarker, 17 Rewrite(id), 18 DiscardBelow(id),
    }
    Request<S> {
        0 ReadHead, 1 SwapHead { expected, head }, 2 ReadCheckpoint(name), 3 WriteCheckpoint(checkpoint), 4 Discard(name),
        5 ResolveStart { position, isolation }, 6 ListTransactions(state), 7 Fence { id, timeout_ms }, 8 CommitOffsets(offsets), 9 Restore(state), 10 Snapshot(name),
        11 InitProducer { id, timeout_ms }, 12 Flush(slot), 13 Commit(committable), 14 Describe(id), 15 OpenProducer(slot), 16 Upload { slot, log },
        17 ReadMarker(subtask), 18 Rewrite { slot, log, marker }, 19 DiscardBelow(id),
    }
    Outcome<S> {
        0 Answer(code), 1 Unknown, 2 Failed { detail }, 3 Head { version, head }, 4 Swapped, 5 Conflict, 6 Checkpoint(checkpoint),
        7 Written, 8 Offsets(offsets), 9 Listed { topic, leaderless, brokers, names }, 10 Restored, 11 Snapshotted(state), 12 Initialised { described, protocol },
        13 Flushed, 14 Described(described), 15 Opened, 16 Uploaded, 17 Markers(events),
    }
    Timer { 0 Interval, 1 MinPause, 2 Expiry(id), 3 Heartbeat, 4 Silence(worker), 5 Restart, 6 Retry(op) }
    Reason {
        0 Kafka { op, code }, 1 Environment { op, detail }, 2 Task { detail }, 3 ChannelBroken, 4 WorkerLost(worker), 5 Expired(id),
        6 Declined(id), 7 NotStored(id), 8 Input { code, detail },
    }
    Halt { 0 Finished(name), 1 Failed { reason, resume }, 2 DataLoss { committable, fate, resume }, 3 Superseded }
    Order { 0 Trigger { checkpoint, last }, 1 Completed(id), 2 Aborted(id) }
    Report<S> {
        0 Ready, 1 Acknowledged { checkpoint, snapshot }, 2 Declined(id), 3 AtEnd, 4 Drained, 5 Lost { committable, fate },
        6 Failed(reason),
    }
    Message<S> {
        0 Deploy(deployment), 1 Cancel(attempt), 2 Heartbeat { attempt, latest }, 3 ToSubtask { attempt, subtask, order }, 4 Pulse,
        5 FromSubtask { attempt, subtask, report },
    }
    Peer { 0 Coordinator, 1 Worker(worker), 2 Subtask(subtask) }
    Input<B, S> {
        0 Begin, 1 Element { channel, element }, 2 Fetched { partition, batch, first, last }, 3 EndOfPartition(partition), 4 Message { from, message },
        5 Done { op, outcome }, 6 Fired(timer), 7 WorkerJoined { worker, slots }, 8 WorkerLost(worker),
        9 ChannelOffered { attempt, from, to }, 10 ChannelBroken { attempt, subtask }, 11 TaskFailed { detail }, 12 StopRequested,
        13 FetchFailed { code, detail }, 14 LaunchFailed { attempt, detail }, 15 CoordinatorLost,
    }
    Effect<B, S> {
        0 Emit(element), 1 Process(batch), 2 Produce { slot, batch, keep }, 3 Hold(channel), 4 Release(channel), 5 Consume { offsets, isolation, report_end },
        6 Send { to, message }, 7 Start { op, request }, 8 Arm(timer), 9 Disarm(timer), 10 Launch(deployment), 11 Stop(attempt),
        12 Accept { attempt, from, to }, 13 Refuse { attempt, from, to }, 14 Disconnect(worker), 15 Halt(halt), 16 CloseProducer(slot), 17 Mark { slot, marker },
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
