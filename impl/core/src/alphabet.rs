//! The two alphabets: what may go into a role, and what may come out of it.
//!
//! Order is guaranteed within a [`Lane`] only: a data channel, a control connection, a producer, the store. Every other
//! dependence is explicit: `Done(a)` comes in, `Start(b)` goes out. In a crash each lane keeps a prefix; an operation
//! that was started has landed, has not landed, or lands later. So the crash points of a role are, for each operation:
//! before its start; started and unanswered; answered and not stepped.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{
    Attempt, CheckpointId, CheckpointName, HeadVersion, NextOffset, Offset, Partition, Subtask, Token,
    WorkerId,
};
use crate::job::{Isolation, Position};
use crate::kafka::ErrorCode;
use crate::sink::Fate;
use crate::snapshot::{Checkpoint, Committable, Head, LogName, Marker, MarkerEvent, Snapshot};
use crate::transaction::{Described, Slot, TransactionProtocol, TransactionState, TransactionalId};

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

/// Key of an operation under way. A role has at most one of each at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Coordinator: read the head.
    ReadHead,
    /// Coordinator: replace the head.
    SwapHead,
    /// Coordinator: read a completed checkpoint.
    ReadCheckpoint,
    /// Coordinator: make a checkpoint's data durable.
    WriteCheckpoint(CheckpointId),
    /// Coordinator: delete a checkpoint that failed.
    Discard(CheckpointId),
    /// Coordinator: delete the checkpoints before this one.
    DiscardBelow(CheckpointId),
    /// Coordinator: find where a job without a checkpoint begins.
    ResolveStart,
    /// Coordinator: list the open transactions.
    ListTransactions,
    /// Coordinator: fence a lingering transactional id. Sink: fence one that it is going to write again.
    Fence(TransactionalId),
    /// Source: commit offsets to the consumer group.
    CommitOffsets,
    /// Operator: load its state.
    Restore,
    /// Operator: capture its state and make it durable.
    Snapshot(CheckpointId),
    /// Sink: make the producer of a slot ready.
    InitProducer(Slot),
    /// Sink: flush the producer of a slot.
    Flush(Slot),
    /// Sink: make what a transaction holds durable.
    Upload(CheckpointId),
    /// Sink: find out up to where its transactions are committed.
    ReadMarker,
    /// Sink: write again what Kafka aborted.
    Rewrite(CheckpointId),
    /// Sink: commit a pre-committed transaction.
    Commit(TransactionalId),
    /// Sink: find out what became of a transaction.
    Describe(TransactionalId),
}

impl Op {
    /// The kind of operation, as the name of a crash point.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadHead => "read_head",
            Self::SwapHead => "swap_head",
            Self::ReadCheckpoint => "read_checkpoint",
            Self::WriteCheckpoint(_) => "write_checkpoint",
            Self::Discard(_) | Self::DiscardBelow(_) => "discard",
            Self::ResolveStart => "resolve_start",
            Self::ListTransactions => "list_transactions",
            Self::Fence(_) => "fence",
            Self::CommitOffsets => "commit_offsets",
            Self::Restore => "restore",
            Self::Snapshot(_) => "snapshot",
            Self::InitProducer(_) => "init_producer",
            Self::Flush(_) => "flush",
            Self::Upload(_) => "upload",
            Self::ReadMarker => "read_marker",
            Self::Rewrite(_) => "rewrite",
            Self::Commit(_) => "commit",
            Self::Describe(_) => "describe",
        }
    }
}

/// What the environment is asked to do. The answer comes back as [`Input::Done`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request<S> {
    /// Read the head of the checkpoint store. Answers [`Outcome::Head`].
    ReadHead,
    /// Replace the head if it still has this version. Answers [`Outcome::Swapped`], [`Outcome::Conflict`], [`Outcome::Unknown`].
    SwapHead {
        /// The version to replace; version 0 is the absent head.
        expected: HeadVersion,
        /// The new head.
        head: Head,
    },
    /// Read a checkpoint. Answers [`Outcome::Checkpoint`].
    ReadCheckpoint(CheckpointName),
    /// Make a checkpoint durable, before any head names it. Answers [`Outcome::Written`].
    WriteCheckpoint(Checkpoint<S>),
    /// Delete a failed checkpoint's data, but for its logs: a later checkpoint may list the transactions. The answer does not matter.
    Discard(CheckpointName),
    /// Delete all data of checkpoints with lower ids, also of those that were never whole. The answer does not matter.
    DiscardBelow(CheckpointId),
    /// Find the offset of this position in every partition of the input topic. Answers [`Outcome::Offsets`].
    ResolveStart {
        /// The position.
        position: Position,
        /// To whom the end of a partition is the last stable offset.
        isolation: Isolation,
    },
    /// List the transactions of all brokers that are in this state. Answers [`Outcome::Listed`].
    ListTransactions(TransactionState),
    /// InitProducerId, as [`Producer::NONE`](crate::Producer::NONE), on a transactional id that nobody may use any more: aborts what is open, bumps
    /// the epoch. Answers [`Outcome::Answer`].
    Fence {
        /// The id.
        id: TransactionalId,
        /// The transaction timeout to state.
        timeout_ms: u32,
    },
    /// Commit offsets to the consumer group, for monitoring tools only; recovery never reads them. Answers [`Outcome::Answer`].
    CommitOffsets(BTreeMap<Partition, NextOffset>),
    /// Load state. Answers [`Outcome::Restored`].
    Restore(Option<S>),
    /// Capture the state as it is at this place among the effects, then make it durable. Answers [`Outcome::Snapshotted`].
    Snapshot(CheckpointName),
    /// InitProducerId, as [`Producer::NONE`](crate::Producer::NONE), for a new transaction, then DescribeTransactions to learn what it
    /// was given. Answers [`Outcome::Initialised`].
    InitProducer {
        /// The id.
        id: TransactionalId,
        /// After which time Kafka aborts the transaction if nobody ended it.
        timeout_ms: u32,
    },
    /// Make a producer without transactions. Answers [`Outcome::Opened`].
    OpenProducer(Slot),
    /// Have every record produced to the slot acknowledged by Kafka. Answers [`Outcome::Flushed`].
    Flush(Slot),
    /// Make what was kept of the slot's records durable under this name. Answers [`Outcome::Uploaded`].
    Upload {
        /// The slot.
        slot: Slot,
        /// The name.
        log: LogName,
    },
    /// Read all of the subtask's partition of the marker topic, up to where it ends now, whatever is open in it. Answers
    /// [`Outcome::Markers`].
    ReadMarker(u16),
    /// Produce logged outputs, then this marker, to the slot's transaction, and have all of it acknowledged by Kafka. Answers
    /// [`Outcome::Flushed`].
    Rewrite {
        /// The slot.
        slot: Slot,
        /// What to write.
        log: LogName,
        /// The marker.
        marker: Marker,
    },
    /// EndTxn(commit) with exactly this identity, by this protocol. Answers [`Outcome::Answer`].
    Commit(Committable),
    /// DescribeTransactions. Answers [`Outcome::Described`].
    Describe(TransactionalId),
}

/// What the environment answered, raw. No adapter interprets anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome<S> {
    /// Kafka answered with this code.
    Answer(ErrorCode),
    /// No answer came, to this request or to one that it needs first: it may have been done, may not, may still be.
    Unknown,
    /// It certainly was not done, and the environment says why.
    Failed {
        /// What, where, and what to do; for a person.
        detail: String,
    },
    /// The head as it is.
    Head {
        /// Its version; 0 when there is none.
        version: HeadVersion,
        /// The head, if there is one.
        head: Option<Head>,
    },
    /// The head was replaced.
    Swapped,
    /// The head had another version; nothing was replaced.
    Conflict,
    /// The checkpoint, whole and verified.
    Checkpoint(Checkpoint<S>),
    /// The checkpoint's data is durable.
    Written,
    /// The offset of every partition, but of those to which the group has committed nothing.
    Offsets(BTreeMap<Partition, NextOffset>),
    /// Transactions by name.
    Listed {
        /// What Kafka says of the topic that keeps the transactions; `None` if it says nothing.
        topic: Option<ErrorCode>,
        /// Partitions of that topic without a leader.
        leaderless: u32,
        /// What each broker answered; `None` for one that did not.
        brokers: Vec<Option<ErrorCode>>,
        /// Their transactional ids, of all jobs.
        names: Vec<String>,
    },
    /// The state is loaded.
    Restored,
    /// The state is durable, and this is its handle.
    Snapshotted(S),
    /// It was initialised.
    Initialised {
        /// What Kafka said of the id after that.
        described: Described,
        /// The protocol that the producer speaks.
        protocol: TransactionProtocol,
    },
    /// The producer is there.
    Opened,
    /// Every record was acknowledged.
    Flushed,
    /// What DescribeTransactions says.
    Described(Described),
    /// The log is durable.
    Uploaded,
    /// All that the partition holds, in log order.
    Markers(Vec<MarkerEvent>),
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

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Kafka refused an operation.
    Kafka {
        /// The operation.
        op: Op,
        /// Kafka's raw error code.
        code: ErrorCode,
    },
    /// The environment refused an operation.
    Environment {
        /// The operation.
        op: Op,
        /// What, where, and what to do.
        detail: String,
    },
    /// The input can't be read.
    Input {
        /// The raw code.
        code: ErrorCode,
        /// What the client says of it.
        detail: String,
    },
    /// The job's own code or a client failed.
    Task {
        /// What the shell says of it.
        detail: String,
    },
    /// A data channel broke; there is no reconnection within an attempt.
    ChannelBroken,
    /// A worker died or fell silent.
    WorkerLost(WorkerId),
    /// A checkpoint was not acknowledged in time.
    Expired(CheckpointId),
    /// A subtask could not take part in a checkpoint.
    Declined(CheckpointId),
    /// A checkpoint could not be stored.
    NotStored(CheckpointId),
}

/// How a role ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Halt {
    /// The last checkpoint is complete and every commit of it is confirmed.
    Finished(CheckpointName),
    /// The job can't go on.
    Failed {
        /// The first reason of the last failure.
        reason: Reason,
        /// The checkpoint to resume from.
        resume: Option<CheckpointName>,
    },
    /// A pre-committed transaction was lost, or may be.
    DataLoss {
        /// The transaction.
        committable: Committable,
        /// What is known of it.
        fate: Fate,
        /// The checkpoint that lists it.
        resume: Option<CheckpointName>,
    },
    /// Another coordinator took over.
    Superseded,
}

/// One subtask to run, with what it restores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task<S> {
    /// The subtask.
    pub subtask: Subtask,
    /// Its part of the restored checkpoint.
    pub restore: Snapshot<S>,
}

/// What a worker is to run in an attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deployment<S> {
    /// The attempt.
    pub attempt: Attempt,
    /// The checkpoint that the attempt restores.
    pub restored: CheckpointName,
    /// The history that the restored checkpoint belongs to.
    pub origin: Token,
    /// The job had ended at the restored checkpoint: commit what it lists, read and write nothing.
    pub drained: bool,
    /// This worker's subtasks.
    pub tasks: Vec<Task<S>>,
    /// The worker that hosts each slot of the job.
    pub placement: Vec<WorkerId>,
}

impl<S> Deployment<S> {
    /// The worker that hosts a subtask.
    ///
    /// # Panics
    /// If the job has no such subtask.
    pub fn worker_of(&self, subtask: Subtask) -> WorkerId {
        self.placement[usize::from(subtask.index)]
    }

    /// The checkpoint at which the job had ended, if it had.
    pub fn drained_at(&self) -> Option<CheckpointId> {
        self.drained.then_some(self.restored.id)
    }
}

/// What the coordinator tells a subtask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Take a checkpoint (to sources).
    Trigger {
        /// Its id.
        checkpoint: CheckpointId,
        /// The job ends with it.
        last: bool,
    },
    /// The checkpoint is complete: all that was pre-committed up to it may be committed.
    Completed(CheckpointId),
    /// The checkpoint will not be completed.
    Aborted(CheckpointId),
}

/// What a subtask tells the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Report<S> {
    /// It restored, and can take part in checkpoints.
    Ready,
    /// Its part of the checkpoint is durable.
    Acknowledged {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Its part.
        snapshot: Snapshot<S>,
    },
    /// It can't take part in the checkpoint.
    Declined(CheckpointId),
    /// Its bounded input is read to the end.
    AtEnd,
    /// The last checkpoint is complete and all its commits are confirmed.
    Drained,
    /// A pre-committed transaction is not committed and can't be any more, or nobody can know.
    Lost {
        /// The transaction.
        committable: Committable,
        /// What is known of it.
        fate: Fate,
    },
    /// It failed; the attempt must end.
    Failed(Reason),
}

/// What crosses a control connection, either way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message<S> {
    /// To a worker: run these subtasks.
    Deploy(Deployment<S>),
    /// To a worker: stop the subtasks of this attempt and of older ones.
    Cancel(Attempt),
    /// To a worker: the coordinator lives, and this is the latest completed checkpoint, so that a lost notification heals.
    Heartbeat {
        /// The attempt in force; 0 before the first.
        attempt: Attempt,
        /// The latest completed checkpoint, once there is one.
        latest: Option<CheckpointId>,
    },
    /// To a worker: for one of its subtasks.
    ToSubtask {
        /// The attempt that is meant.
        attempt: Attempt,
        /// The subtask.
        subtask: Subtask,
        /// What it is told.
        order: Order,
    },
    /// To the coordinator: the worker lives.
    Pulse,
    /// To the coordinator: from a subtask.
    FromSubtask {
        /// The subtask's attempt.
        attempt: Attempt,
        /// The subtask.
        subtask: Subtask,
        /// What it says.
        report: Report<S>,
    },
}

/// The other end of a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The coordinator.
    Coordinator,
    /// A worker.
    Worker(WorkerId),
    /// A subtask on the same worker.
    Subtask(Subtask),
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

/// Where an effect is performed. Effects of one lane are performed in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The subtask's own thread of control: data, holds, state capture, timers, launches.
    Local,
    /// A control connection.
    Control(Peer),
    /// The producer of a slot.
    Producer(Slot),
    /// The checkpoint store.
    Store,
    /// Requests to transaction coordinators.
    Transactions,
    /// The consumer.
    Consumer,
}

impl<B, S> Effect<B, S> {
    /// The lane of this effect.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Produce { slot, .. } | Self::Mark { slot, .. } | Self::CloseProducer(slot) => {
                Lane::Producer(*slot)
            }
            Self::Send { to, .. } => Lane::Control(*to),
            Self::Start { op, .. } => match op {
                Op::ReadHead
                | Op::SwapHead
                | Op::ReadCheckpoint
                | Op::WriteCheckpoint(_)
                | Op::Discard(_)
                | Op::DiscardBelow(_) => Lane::Store,
                Op::ResolveStart | Op::CommitOffsets => Lane::Consumer,
                Op::ReadMarker | Op::ListTransactions | Op::Fence(_) | Op::Commit(_) | Op::Describe(_) => {
                    Lane::Transactions
                }
                Op::Restore | Op::Snapshot(_) | Op::Upload(_) => Lane::Local,
                Op::Rewrite(_) => Lane::Producer(Slot::RECOVERY),
                Op::InitProducer(slot) | Op::Flush(slot) => Lane::Producer(*slot),
            },
            Self::Consume { .. } => Lane::Consumer,
            Self::Emit(_)
            | Self::Process(_)
            | Self::Hold(_)
            | Self::Release(_)
            | Self::Arm(_)
            | Self::Disarm(_)
            | Self::Launch(_)
            | Self::Stop(_)
            | Self::Accept { .. }
            | Self::Refuse { .. }
            | Self::Disconnect(_)
            | Self::Halt(_) => Lane::Local,
        }
    }
}
