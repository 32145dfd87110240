//! Operations: what a role asks of its environment, under which key, and what can be answered.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{CheckpointId, CheckpointName, HeadVersion, NextOffset, Partition};
use crate::job::{Isolation, Position};
use crate::kafka::ErrorCode;
use crate::snapshot::{Checkpoint, Committable, Head, LogName, Marker, MarkerEvent};
use crate::transaction::{Described, Slot, TransactionProtocol, TransactionState, TransactionalId};

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
    /// The name of its kind, as in the name of a crash point.
    pub const fn name(self) -> &'static str {
        self.kind().name()
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
        /// Partitions of that topic that nobody is sure to have listed: without a leader, or their leader changed meanwhile.
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
