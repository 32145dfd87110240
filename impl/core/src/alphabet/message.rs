//! Messages between roles: who runs what, what subtasks are told, and what they say.

use alloc::vec::Vec;

use crate::alphabet::Reason;
use crate::id::{Attempt, CheckpointId, CheckpointName, Subtask, Token, WorkerId};
use crate::sink::Fate;
use crate::snapshot::{Committable, Snapshot};

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
