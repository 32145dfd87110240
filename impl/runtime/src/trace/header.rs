//! The first thing in a trace: whose it is, and all that is needed to build that role again.

use truecut_core::{
    AnyRole, Attempt, CheckpointId, Coordinator, Decode, Encode, Job, Malformed, Reader, Subtask, Task,
    Token, Worker, WorkerId,
};

use crate::store::StateHandle;

/// Whose trace it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleId {
    /// The coordinator.
    Coordinator,
    /// A worker.
    Worker(WorkerId),
    /// A subtask of an attempt.
    Subtask {
        /// The attempt.
        attempt: Attempt,
        /// The subtask.
        subtask: Subtask,
    },
}

impl std::fmt::Display for RoleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Coordinator => f.write_str("coordinator"),
            Self::Worker(worker) => write!(f, "worker {worker}"),
            Self::Subtask { attempt, subtask } => write!(f, "{subtask} of attempt {attempt}"),
        }
    }
}

/// What a role is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Construction {
    /// Of a coordinator.
    Coordinator {
        /// The job.
        job: Job,
        /// What tells it from other coordinators.
        token: Token,
        /// Completed checkpoints are left behind.
        fresh: bool,
    },
    /// Of a worker: nothing.
    Worker,
    /// Of a subtask.
    Subtask {
        /// The job.
        job: Job,
        /// The attempt.
        attempt: Attempt,
        /// The history that the restored checkpoint belongs to.
        origin: Token,
        /// The subtask and what it restores.
        task: Task<StateHandle>,
        /// The checkpoint at which the job had ended, if it had.
        drained_at: Option<CheckpointId>,
    },
}

impl Construction {
    /// The role in its first state.
    #[must_use]
    pub fn build(&self) -> AnyRole<StateHandle> {
        match self {
            Self::Coordinator { job, token, fresh } => {
                AnyRole::Coordinator(Coordinator::new(job.clone(), *token, *fresh))
            }
            Self::Worker => AnyRole::Worker(Worker::new()),
            Self::Subtask { job, attempt, origin, task, drained_at } => {
                AnyRole::of_task(job, *attempt, *origin, *drained_at, task.clone())
            }
        }
    }
}

/// The header of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose trace it is.
    pub role: RoleId,
    /// Tells this instance of the role from others of the same name: the token of the coordinator that it is, or serves. No
    /// two traces of a run have the same role and instance.
    pub instance: u64,
    /// What the role was made of.
    pub construction: Construction,
    /// The wrong protocol that ran in place of the core's, if one did.
    pub mutant: Option<String>,
}

impl Encode for RoleId {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Coordinator => 0_u8.encode(out),
            Self::Worker(worker) => {
                1_u8.encode(out);
                worker.encode(out);
            }
            Self::Subtask { attempt, subtask } => {
                2_u8.encode(out);
                attempt.encode(out);
                subtask.encode(out);
            }
        }
    }
}

impl Decode for RoleId {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::decode(from)? {
            0 => Ok(Self::Coordinator),
            1 => Ok(Self::Worker(Decode::decode(from)?)),
            2 => Ok(Self::Subtask { attempt: Decode::decode(from)?, subtask: Decode::decode(from)? }),
            _ => Err(from.malformed("a tag of RoleId")),
        }
    }
}

impl Encode for Construction {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Coordinator { job, token, fresh } => {
                0_u8.encode(out);
                job.encode(out);
                token.encode(out);
                fresh.encode(out);
            }
            Self::Worker => 1_u8.encode(out),
            Self::Subtask { job, attempt, origin, task, drained_at } => {
                2_u8.encode(out);
                job.encode(out);
                attempt.encode(out);
                origin.encode(out);
                task.encode(out);
                drained_at.encode(out);
            }
        }
    }
}

impl Decode for Construction {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::decode(from)? {
            0 => Ok(Self::Coordinator {
                job: Decode::decode(from)?,
                token: Decode::decode(from)?,
                fresh: Decode::decode(from)?,
            }),
            1 => Ok(Self::Worker),
            2 => Ok(Self::Subtask {
                job: Decode::decode(from)?,
                attempt: Decode::decode(from)?,
                origin: Decode::decode(from)?,
                task: Decode::decode(from)?,
                drained_at: Decode::decode(from)?,
            }),
            _ => Err(from.malformed("a tag of Construction")),
        }
    }
}

impl Encode for Header {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { role, instance, construction, mutant } = self;
        role.encode(out);
        instance.encode(out);
        construction.encode(out);
        mutant.encode(out);
    }
}

impl Decode for Header {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            role: Decode::decode(from)?,
            instance: Decode::decode(from)?,
            construction: Decode::decode(from)?,
            mutant: Decode::decode(from)?,
        })
    }
}
