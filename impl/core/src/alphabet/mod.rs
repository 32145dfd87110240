//! The two alphabets: what may go into a role, and what may come out of it.
//!
//! Order is guaranteed within a *lane* only: a data channel, a control connection, a producer, the store. Every other
//! dependence is explicit: `Done(a)` comes in, `Start(b)` goes out. In a crash each lane keeps a prefix; an operation
//! that was started has landed, has not landed, or lands later. So the crash points of a role are, for each operation:
//! before its start; started and unanswered; answered and not stepped.

mod failure;
mod kind;
mod message;
mod operation;

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::id::{Attempt, CheckpointId, NextOffset, Offset, Partition, Subtask, WorkerId};
use crate::job::Isolation;
use crate::kafka::ErrorCode;
use crate::snapshot::Marker;
use crate::transaction::Slot;

pub use failure::{Halt, Reason};
pub use kind::Kind;
pub use message::{Deployment, Message, Order, Peer, Report, Task};
pub use operation::{Op, Outcome, Request};

/// An input channel of a subtask: the index of the subtask upstream. A chained input is channel 0.
pub type Channel = u16;

/// What flows through a data channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element<B> {
    /// Records.
    Batch(B),
    /// What came before belongs to the checkpoint, what comes after does not.
    Barrier {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Nothing comes after it: the job ends with this checkpoint.
        last: bool,
    },
    /// No barrier of this checkpoint will come on this channel (Flink's `CancelCheckpointMarker`).
    Cancel {
        /// The checkpoint.
        checkpoint: CheckpointId,
    },
    /// The channel is finished; it counts as having delivered every later barrier.
    End,
}

/// A timer by name. The driver owns the durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Coordinator: time for the next checkpoint.
    Interval,
    /// Coordinator: the shortest pause between two checkpoints is over.
    MinPause,
    /// Coordinator: this checkpoint took too long.
    Expiry(CheckpointId),
    /// Coordinator: time to tell the workers that it lives.
    Heartbeat,
    /// Coordinator: this worker was silent for too long.
    Silence(WorkerId),
    /// Coordinator: time to start the next attempt.
    Restart,
    /// Any: time to try this operation again.
    Retry(Op),
}

/// What goes into a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input<B, S> {
    /// The role begins. Comes once and first.
    Begin,
    /// An element arrived on an input channel.
    Element {
        /// The channel.
        channel: Channel,
        /// The element.
        element: Element<B>,
    },
    /// Source: records of a partition, in offset order.
    Fetched {
        /// The partition.
        partition: Partition,
        /// The records; at least one.
        batch: B,
        /// Offset of the first of them.
        first: Offset,
        /// Offset of the last of them.
        last: Offset,
    },
    /// Source: all that was in a partition at this moment was read. Comes as often as the end is met.
    EndOfPartition(Partition),
    /// Source: the client says that it has trouble. The code tells whether it may get over it by itself.
    FetchFailed {
        /// The raw code.
        code: ErrorCode,
        /// What, where; for a person.
        detail: String,
    },
    /// A message arrived.
    Message {
        /// Who sent it.
        from: Peer,
        /// The message.
        message: Message<S>,
    },
    /// An operation was answered.
    Done {
        /// The operation.
        op: Op,
        /// The answer.
        outcome: Outcome<S>,
    },
    /// A timer fired.
    Fired(Timer),
    /// Coordinator: a worker registered.
    WorkerJoined {
        /// Its identity.
        worker: WorkerId,
        /// Slots that it offers.
        slots: u16,
    },
    /// Coordinator: a worker's connection is gone.
    WorkerLost(WorkerId),
    /// Worker: another worker offers a data channel of this attempt.
    ChannelOffered {
        /// The attempt of the sender.
        attempt: Attempt,
        /// The sending subtask.
        from: Subtask,
        /// The receiving subtask.
        to: Subtask,
    },
    /// Worker: a data channel of this attempt broke.
    ChannelBroken {
        /// The attempt of the channel.
        attempt: Attempt,
        /// The subtask at this end.
        subtask: Subtask,
    },
    /// Worker: subtasks of this attempt could not be started.
    LaunchFailed {
        /// The attempt.
        attempt: Attempt,
        /// What the shell says of it.
        detail: String,
    },
    /// Worker: the connection to the coordinator is gone. The last input.
    CoordinatorLost,
    /// A source or an operator subtask: the job's own code or a client failed.
    TaskFailed {
        /// What the shell says of it.
        detail: String,
    },
    /// Coordinator: end the job with a last checkpoint.
    StopRequested,
}

/// What comes out of a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect<B, S> {
    /// Send an element downstream: a batch is partitioned over the output channels by the shell, anything else goes to each.
    Emit(Element<B>),
    /// Operator: apply the job's function to the records and pass what it returns downstream.
    Process(B),
    /// Sink: produce the records to the slot's transaction.
    Produce {
        /// The slot.
        slot: Slot,
        /// The records.
        batch: B,
        /// Keep them, to be uploaded.
        keep: bool,
    },
    /// Sink: produce this marker to the slot's transaction, into the subtask's partition of the marker topic.
    Mark {
        /// The slot.
        slot: Slot,
        /// The marker.
        marker: Marker,
    },
    /// Sink: nothing more goes to the slot's producer, which is let go. What becomes of its transaction is not its affair.
    CloseProducer(Slot),
    /// Take nothing more from an input channel until it is released.
    Hold(Channel),
    /// Take from the channel again.
    Release(Channel),
    /// Source: begin to read.
    Consume {
        /// Partitions, each with the offset to begin at.
        offsets: BTreeMap<Partition, NextOffset>,
        /// Which records to read.
        isolation: Isolation,
        /// Say when the end of a partition is met.
        report_end: bool,
    },
    /// Send a message.
    Send {
        /// To whom.
        to: Peer,
        /// The message.
        message: Message<S>,
    },
    /// Start an operation.
    Start {
        /// Its key.
        op: Op,
        /// What to do.
        request: Request<S>,
    },
    /// Start a timer, or start it again.
    Arm(Timer),
    /// Stop a timer.
    Disarm(Timer),
    /// Worker: run these subtasks.
    Launch(Deployment<S>),
    /// Worker: stop what runs of this attempt.
    Stop(Attempt),
    /// Worker: take the offered channel.
    Accept {
        /// The attempt of the channel.
        attempt: Attempt,
        /// The sending subtask.
        from: Subtask,
        /// The receiving subtask.
        to: Subtask,
    },
    /// Worker: refuse the offered channel.
    Refuse {
        /// The attempt of the channel.
        attempt: Attempt,
        /// The sending subtask.
        from: Subtask,
        /// The receiving subtask.
        to: Subtask,
    },
    /// Coordinator: close the connection to this worker and have no more to do with it.
    Disconnect(WorkerId),
    /// The role ended; nothing comes after it.
    Halt(Halt),
}
