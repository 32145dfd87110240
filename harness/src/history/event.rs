//! The kinds of line in a history, and their exact JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One line: an event with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since the run started.
    pub t_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What the harness saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The seed of plan and workload.
        seed: u64,
    },
    /// Kafka has acknowledged input records.
    Fed {
        /// How many so far.
        records_total: u64,
    },
    /// A worker process was started.
    WorkerStarted {
        /// Its number; a restarted worker keeps it.
        worker: u32,
        /// Its process id.
        pid: u32,
    },
    /// A coordinator process was started.
    CoordinatorStarted {
        /// Which one since the run began, from 1.
        coordinator: u32,
        /// Its process id.
        pid: u32,
    },
    /// A process was killed with SIGKILL, from outside or by an armed crash point.
    Kill {
        /// The number of the kill in the plan, from 1.
        ordinal: u64,
        /// Who was killed: a worker, unless it says otherwise.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
        /// Its number: the worker's, or which coordinator it was.
        worker: u32,
        /// Its process id.
        pid: u32,
        /// Where in the protocol.
        at: KillAt,
        /// The exit status says that SIGKILL ended it.
        confirmed: bool,
    },
    /// A worker process has ended.
    WorkerExited {
        /// Its number.
        worker: u32,
        /// Its process id.
        pid: u32,
        /// How, in words, for example `signal 9` or `exit code 0`.
        status: String,
    },
    /// A coordinator process has ended.
    CoordinatorExited {
        /// Which one.
        coordinator: u32,
        /// Its process id.
        pid: u32,
        /// How, in words.
        status: String,
    },
    /// A process was stopped with SIGSTOP. Others must give it up for lost.
    Paused {
        /// Who.
        who: Who,
        /// Its number.
        number: u32,
        /// Its process id.
        pid: u32,
        /// Where in the protocol.
        #[serde(default, skip_serializing_if = "KillAt::is_random")]
        at: KillAt,
    },
    /// A process that was paused goes on, as a zombie.
    Resumed {
        /// Who.
        who: Who,
        /// Its number.
        number: u32,
        /// Its process id.
        pid: u32,
    },
    /// A fault of the plan, other than a kill: each phase of it is told.
    Fault {
        /// The step of the plan, from 1.
        step: u32,
        /// The kind of fault, by the name that plans use.
        fault: String,
        /// What of it.
        phase: Phase,
        /// What exactly, in words.
        text: String,
    },
    /// The coordinator began to deploy an attempt.
    Attempt {
        /// Its number.
        attempt: u64,
    },
    /// All subtasks of an attempt are restored and run.
    JobRunning {
        /// The attempt.
        attempt: u64,
    },
    /// The coordinator triggered a checkpoint.
    CheckpointTriggered {
        /// The attempt.
        attempt: u64,
        /// The checkpoint's id.
        id: u64,
    },
    /// A checkpoint is durable.
    CheckpointCompleted {
        /// The attempt.
        attempt: u64,
        /// The checkpoint's id.
        id: u64,
    },
    /// A checkpoint was given up.
    CheckpointAborted {
        /// The attempt.
        attempt: u64,
        /// The checkpoint's id.
        id: u64,
        /// Why, in words.
        reason: String,
    },
    /// A `read_committed` reader has seen output records.
    Visible {
        /// How many so far.
        records_total: u64,
    },
    /// Where the output ends, as a reader of committed records is told with what it fetches.
    OutputEnds {
        /// High watermarks of all output partitions, added up.
        high_watermark_total: u64,
        /// Their last stable offsets, added up: from here to the high watermarks open transactions hold readers back.
        last_stable_total: u64,
    },
    /// The job ended.
    JobEnded {
        /// Its exit code; 0 after a last checkpoint whose commits are all confirmed.
        exit_code: u8,
        /// What came of it, in words.
        message: String,
    },
    /// At rest, transactions of the job are still open, or hold readers of committed records back.
    LeftOpen {
        /// The open ones.
        transactions: Vec<String>,
        /// Output partitions that can't be read to their end.
        partitions: Vec<i32>,
    },
    /// The harness did not wait any longer.
    GaveUp {
        /// For what, in words.
        reason: String,
    },
    /// The job came to rest and the output was read to its end.
    Drained,
    /// Anything else worth telling.
    Note {
        /// What.
        text: String,
    },
}

/// What a line about a fault says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is in force from now on.
    Began,
    /// It has struck: there is proof that something was hit.
    Struck,
    /// It is over, and what it broke is whole again.
    Healed,
    /// It could not be done, or hit nothing.
    Missed,
}

/// A kind of process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A worker.
    #[default]
    Worker,
    /// A coordinator.
    Coordinator,
}

impl Who {
    /// Whether it is a worker.
    #[must_use]
    pub fn is_worker(&self) -> bool {
        *self == Who::Worker
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Who::Worker => "worker",
            Who::Coordinator => "coordinator",
        })
    }
}

/// Where a kill struck. In JSON a string: `random`, or the crash point's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum KillAt {
    /// At a moment drawn from the seed.
    #[default]
    Random,
    /// At the crash point of this name.
    CrashPoint(String),
}

impl KillAt {
    /// Whether it is no crash point.
    #[must_use]
    pub fn is_random(&self) -> bool {
        *self == Self::Random
    }
}

impl From<String> for KillAt {
    fn from(name: String) -> Self {
        if name == "random" { KillAt::Random } else { KillAt::CrashPoint(name) }
    }
}

impl From<KillAt> for String {
    fn from(at: KillAt) -> Self {
        at.to_string()
    }
}

impl fmt::Display for KillAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KillAt::Random => f.write_str("random"),
            KillAt::CrashPoint(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_every_kind_is_pinned() {
        let lines = [
            r#"{"t_ms":0,"kind":"run_started","seed":18446744073709551615}"#,
            r#"{"t_ms":1,"kind":"fed","records_total":10}"#,
            r#"{"t_ms":2,"kind":"worker_started","worker":2,"pid":71}"#,
            r#"{"t_ms":3,"kind":"kill","ordinal":1,"worker":2,"pid":71,"at":"random","confirmed":true}"#,
            r#"{"t_ms":3,"kind":"kill","ordinal":2,"worker":0,"pid":72,"at":"sink.end_txn.before","confirmed":false}"#,
            r#"{"t_ms":3,"kind":"coordinator_started","coordinator":1,"pid":70}"#,
            r#"{"t_ms":3,"kind":"kill","ordinal":3,"who":"coordinator","worker":1,"pid":70,"at":"random","confirmed":true}"#,
            r#"{"t_ms":3,"kind":"coordinator_exited","coordinator":1,"pid":70,"status":"signal 9"}"#,
            r#"{"t_ms":3,"kind":"paused","who":"worker","number":2,"pid":71}"#,
            r#"{"t_ms":3,"kind":"paused","who":"worker","number":2,"pid":71,"at":"flush.before"}"#,
            r#"{"t_ms":3,"kind":"fault","step":4,"fault":"broker_kill","phase":"healed","text":"broker 1"}"#,
            r#"{"t_ms":3,"kind":"resumed","who":"coordinator","number":1,"pid":70}"#,
            r#"{"t_ms":4,"kind":"worker_exited","worker":2,"pid":71,"status":"signal 9"}"#,
            r#"{"t_ms":5,"kind":"attempt","attempt":2}"#,
            r#"{"t_ms":6,"kind":"job_running","attempt":2}"#,
            r#"{"t_ms":7,"kind":"checkpoint_triggered","attempt":2,"id":9}"#,
            r#"{"t_ms":8,"kind":"checkpoint_completed","attempt":2,"id":9}"#,
            r#"{"t_ms":9,"kind":"checkpoint_aborted","attempt":2,"id":10,"reason":"expired"}"#,
            r#"{"t_ms":10,"kind":"visible","records_total":7}"#,
            r#"{"t_ms":10,"kind":"output_ends","high_watermark_total":20,"last_stable_total":12}"#,
            r#"{"t_ms":11,"kind":"job_ended","exit_code":4,"message":"data loss"}"#,
            r#"{"t_ms":11,"kind":"left_open","transactions":["a/1/0/0"],"partitions":[2]}"#,
            r#"{"t_ms":11,"kind":"gave_up","reason":"time is over"}"#,
            r#"{"t_ms":11,"kind":"drained"}"#,
            r#"{"t_ms":12,"kind":"note","text":"restarted \"w2\""}"#,
        ];
        for line in lines {
            let entry: Entry = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&entry).unwrap(), line);
        }
    }
}
