//! Failures: why something failed, and how a role ends.

use alloc::string::String;

use crate::alphabet::Op;
use crate::id::{CheckpointId, CheckpointName, WorkerId};
use crate::kafka::ErrorCode;
use crate::sink::Fate;
use crate::snapshot::Committable;

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
