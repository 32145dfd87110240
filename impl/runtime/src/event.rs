//! What a coordinator process tells its supervisor: one JSON object a line on standard output.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// An event of a running job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Workers may connect here.
    Listening {
        /// `HOST:PORT`.
        address: String,
    },
    /// A worker registered.
    WorkerJoined {
        /// Its identity.
        worker: u32,
        /// Its process.
        pid: u32,
    },
    /// A worker's connection is gone, or it fell silent.
    WorkerLost {
        /// Its identity.
        worker: u32,
    },
    /// An attempt is being deployed.
    Attempt {
        /// The attempt.
        attempt: u64,
        /// The checkpoint that it restores.
        restored: u64,
        /// The workers that host it.
        workers: BTreeSet<u32>,
    },
    /// Every subtask of the attempt is ready.
    Running {
        /// The attempt.
        attempt: u64,
    },
    /// A checkpoint was triggered.
    Triggered {
        /// Its attempt.
        attempt: u64,
        /// Its id.
        checkpoint: u64,
        /// The job ends with it.
        last: bool,
    },
    /// A checkpoint is complete.
    Completed {
        /// Its attempt.
        attempt: u64,
        /// Its id.
        checkpoint: u64,
    },
    /// A checkpoint was aborted.
    Aborted {
        /// Its attempt.
        attempt: u64,
        /// Its id.
        checkpoint: u64,
    },
    /// The attempt failed; the next one is being prepared.
    Restarting {
        /// The attempt that failed.
        attempt: u64,
    },
    /// The coordinator process was killed, and another one takes over. Only a supervisor tells this.
    CoordinatorDied {
        /// How, in words, for example `signal 9`.
        status: String,
    },
    /// The job ended.
    Ended {
        /// What came of it.
        end: End,
        /// For a person: what happened and what to do.
        message: String,
        /// The process's exit code.
        exit_code: u8,
    },
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The last checkpoint is complete and all its commits are confirmed.
    Finished,
    /// It can't go on.
    Failed,
    /// A pre-committed transaction was lost, or may be.
    DataLoss,
    /// Another coordinator took over.
    Superseded,
}
