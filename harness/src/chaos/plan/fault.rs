//! The vocabulary of faults: what can be done to a job, its Kafka, the network between them and its checkpoints. Plain data, in plans
//! written by hand as in plans drawn from a seed. How each is done is the nemesis's.

use serde::{Deserialize, Serialize};

use crate::history::Who;

/// A fault. In a plan: `{ kill = { who = "worker" } }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// SIGKILL.
    Kill {
        /// Whom.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
    },
    /// A process kills itself with SIGKILL at a crash point.
    CrashPoint {
        /// Its name.
        point: String,
        /// The visit at which it strikes, counted from when it is armed; 1 is the first.
        #[serde(default = "first")]
        ordinal: u32,
        /// Whose.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
    },
    /// SIGKILL to every process of the job, at once.
    KillAll {},
    /// SIGSTOP until the others go on without it, then SIGCONT: a zombie.
    Pause {
        /// Whom.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
        /// It stops itself at this crash point; without one, at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        point: Option<String>,
        /// The visit at which it does, as for `crash_point`.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        ordinal: u32,
        /// It stays away for so long after the others have gone on without it, ms.
        asleep_ms: u64,
    },
    /// SIGTERM to one process.
    Stop {
        /// Whom.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
    },
    /// The job is ended in good order, with a last checkpoint, and started again from it.
    RestartJob {},
    /// All workers are killed and stay away.
    Outage {
        /// One of them kills itself at this crash point first; without one, all die at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        point: Option<String>,
        /// The visit at which it does, as for `crash_point`.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        ordinal: u32,
        /// For so long, ms.
        ms: u64,
    },
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_first(ordinal: &u32) -> bool {
    *ordinal == 1
}

/// What is told about a kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultInfo {
    /// Its name, in plans and reports.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub meaning: &'static str,
}

/// Every kind of fault, in the order in which they are listed.
pub const FAULTS: &[FaultInfo] = &[
    FaultInfo {
        name: "kill",
        meaning: "A worker or the coordinator is killed with SIGKILL at a moment that the plan gives.",
    },
    FaultInfo {
        name: "crash_point",
        meaning: "A process kills itself with SIGKILL at a named place of the protocol.",
    },
    FaultInfo { name: "kill_all", meaning: "Every process of the job is killed at once." },
    FaultInfo {
        name: "pause",
        meaning: "A process is stopped, at a moment or at a named place of the protocol, until the others go on without it, and comes back as a zombie.",
    },
    FaultInfo { name: "stop", meaning: "A process is asked to end, with SIGTERM." },
    FaultInfo {
        name: "restart_job",
        meaning: "The job is ended in good order, with a last checkpoint, and started again.",
    },
    FaultInfo {
        name: "outage",
        meaning: "All workers die and stay away; longer than Kafka lets a transaction live, if the plan says so.",
    },
];

impl Fault {
    /// Its name: one of [`FAULTS`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::CrashPoint { .. } => "crash_point",
            Self::KillAll {} => "kill_all",
            Self::Pause { .. } => "pause",
            Self::Stop { .. } => "stop",
            Self::RestartJob {} => "restart_job",
            Self::Outage { .. } => "outage",
        }
    }

    /// The crash point that it names.
    #[must_use]
    pub fn point(&self) -> Option<(Who, &str)> {
        match self {
            Self::CrashPoint { who, point, .. } => Some((*who, point)),
            Self::Pause { who, point: Some(point), .. } => Some((*who, point)),
            Self::Outage { point: Some(point), .. } => Some((Who::Worker, point)),
            Self::Kill { .. }
            | Self::KillAll {}
            | Self::Pause { point: None, .. }
            | Self::Stop { .. }
            | Self::RestartJob {}
            | Self::Outage { point: None, .. } => None,
        }
    }

    /// Kills that it is sure to bring.
    #[must_use]
    pub fn kills(&self) -> u64 {
        match self {
            Self::Kill { .. } | Self::CrashPoint { .. } | Self::KillAll {} | Self::Outage { .. } => 1,
            Self::Pause { .. } | Self::Stop { .. } | Self::RestartJob {} => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_plans() {
        let faults = [
            r#"{"kill":{"who":"coordinator"}}"#,
            r#"{"crash_point":{"point":"commit.before","ordinal":2}}"#,
            r#"{"kill_all":{}}"#,
            r#"{"pause":{"point":"flush.before","asleep_ms":5}}"#,
            r#"{"stop":{}}"#,
            r#"{"restart_job":{}}"#,
            r#"{"outage":{"ms":8000}}"#,
        ];
        let mut names = Vec::new();
        for text in faults {
            let fault: Fault = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), text);
            assert!(text.starts_with(&format!("{{\"{}\"", fault.name())), "{text}");
            names.push(fault.name());
        }
        assert_eq!(names, FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_misspelt_field_is_refused_by_name() {
        let refused = serde_json::from_str::<Fault>(r#"{"kill":{"whom":"worker"}}"#).unwrap_err();
        assert!(refused.to_string().contains("whom"), "{refused}");
    }
}
