//! The vocabulary of faults: what can be done to a job, its Kafka, the network between them and its checkpoints. Plain data, in plans
//! written by hand as in plans drawn from a seed. How each is done is the nemesis's.

use serde::{Deserialize, Serialize};
use truecut_proxy::{ClientSees, LinkFaultKind, Rule, Side};

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
    /// SIGKILL to a broker, which is started again.
    BrokerKill {
        /// Which, from 1; one that the step draws if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<u8>,
        /// It is down for so long, ms.
        ms: u64,
    },
    /// A broker is frozen: its connections live, and nothing is answered.
    BrokerPause {
        /// Which, as for `broker_kill`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<u8>,
        /// For so long, ms.
        ms: u64,
    },
    /// A broker is stopped in good order, and started again.
    BrokerRestart {
        /// Which, as for `broker_kill`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<u8>,
    },
    /// Every broker is stopped in good order and started again, one after another.
    RollingRestart {},
    /// A broker is cut off from the other brokers; clients still reach it.
    BrokerIsolate {
        /// Which, as for `broker_kill`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<u8>,
        /// In which direction.
        #[serde(default)]
        direction: Direction,
        /// For so long, ms.
        ms: u64,
    },
    /// The disk of a broker is full.
    BrokerDiskFull {
        /// Which, as for `broker_kill`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<u8>,
        /// For so long, ms.
        ms: u64,
    },
    /// A partition gets another leader.
    MoveLeader {
        /// Of which topic.
        of: Topic,
        /// Which partition.
        #[serde(default)]
        partition: i32,
    },
    /// The transactions of the job's open transactional ids get another coordinator.
    MoveTransactionCoordinator {},
    /// One request of the job to Kafka, or its answer, is lost, late, sent twice, or on its way while its sender gives up.
    /// Without a filter of transactional ids: of any client of the job.
    KafkaApi(Rule),
    /// A request of the job to Kafka is kept on its way while its sender gives up, and delivered at a chosen moment.
    KafkaHold {
        /// Its API, as in `EndTxn`.
        frame: String,
        /// Which of them, from when the step begins; 1 is the first.
        #[serde(default = "first_frame", skip_serializing_if = "is_first_frame")]
        nth: u64,
        /// What its sender sees of it.
        #[serde(default)]
        client: ClientSees,
        /// It is delivered when this is seen, which waits until it has been; without it, by the step `release`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Until>,
    },
    /// What steps before this one keep on its way is delivered.
    Release {},
    /// The network between the job and Kafka is cut, one way too, reset, or slow.
    KafkaLink {
        /// What is wrong with it.
        link: LinkFaultKind,
        /// The broker that it leads to, as for `broker_kill`; all if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<u8>,
        /// For so long, ms.
        ms: u64,
    },
    /// One message between coordinator and workers is lost, late, or comes twice.
    /// The names are those of crash points, such as `acknowledge`.
    ControlMessage(Rule),
    /// The network between coordinator and workers is cut, one way too, reset, or slow.
    ControlLink {
        /// What is wrong with it.
        link: LinkFaultKind,
        /// For so long, ms.
        ms: u64,
    },
    /// The disk of the checkpoint directory is full.
    StoreFull {
        /// For so long, ms.
        ms: u64,
    },
    /// The checkpoint directory refuses to be written.
    StoreReadOnly {
        /// For so long, ms.
        ms: u64,
    },
    /// All processes die; the file of the latest completed checkpoint is damaged before they are started again.
    DamageCheckpoint {
        /// How.
        damage: Damage,
    },
    /// A wall clock jumps: from now on it is this far from the machine's.
    ClockJump {
        /// Whose.
        of: Clocks,
        /// So far ahead of the machine's clock, ms; behind it if negative, right again if 0.
        ahead_ms: i64,
    },
    /// A topic of the job is deleted.
    DeleteTopic {
        /// Which.
        of: Topic,
    },
}

/// What ends the wait of a request that is kept on its way: a frame of the same transactional id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// Its API.
    pub frame: String,
    /// The request, or its answer.
    pub side: Side,
    /// Which of them, from when the held one was caught; 1 is the first.
    #[serde(default = "first_frame", skip_serializing_if = "is_first_frame")]
    pub nth: u64,
}

/// Which direction of a broker's network is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both.
    #[default]
    Both,
    /// It hears the others, and is not heard.
    Mute,
    /// It is heard, and hears nothing.
    Deaf,
}

/// A topic of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What it reads.
    Input,
    /// What it writes.
    Output,
}

/// Whose wall clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clocks {
    /// The coordinator's, and its successors'.
    Coordinators,
    /// All brokers'.
    Brokers,
}

/// How a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// Its second half is missing.
    Torn,
    /// One bit in the middle is flipped.
    Flipped,
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_first(ordinal: &u32) -> bool {
    *ordinal == 1
}

fn first_frame() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_first_frame(nth: &u64) -> bool {
    *nth == 1
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
    FaultInfo { name: "broker_kill", meaning: "A broker is killed with SIGKILL, and started again." },
    FaultInfo {
        name: "broker_pause",
        meaning: "A broker is frozen: its connections live, and nothing is answered.",
    },
    FaultInfo { name: "broker_restart", meaning: "A broker is stopped in good order, and started again." },
    FaultInfo {
        name: "rolling_restart",
        meaning: "Every broker is stopped in good order and started again, one after another.",
    },
    FaultInfo {
        name: "broker_isolate",
        meaning: "A broker is cut off from the other brokers, in one direction or both; clients still reach it.",
    },
    FaultInfo { name: "broker_disk_full", meaning: "The disk of a broker is full." },
    FaultInfo { name: "move_leader", meaning: "A partition of the input or the output gets another leader." },
    FaultInfo {
        name: "move_transaction_coordinator",
        meaning: "The job's transactions get another coordinator.",
    },
    FaultInfo {
        name: "kafka_api",
        meaning: "One request to Kafka of a chosen kind, or its answer, is lost, late, sent twice, or on its way while its sender gives up.",
    },
    FaultInfo {
        name: "kafka_hold",
        meaning: "One request to Kafka is kept on its way while its sender gives up, and delivered when a chosen other one is seen, or by `release`.",
    },
    FaultInfo { name: "release", meaning: "Requests that `kafka_hold` keeps on their way are delivered." },
    FaultInfo {
        name: "kafka_link",
        meaning: "The network between the job and Kafka is cut, one way too, reset, or slow.",
    },
    FaultInfo {
        name: "control_message",
        meaning: "One message of a chosen kind between coordinator and workers is lost, late, or comes twice.",
    },
    FaultInfo {
        name: "control_link",
        meaning: "The network between coordinator and workers is cut, one way too, reset, or slow.",
    },
    FaultInfo { name: "store_full", meaning: "The disk of the checkpoint directory is full." },
    FaultInfo { name: "store_read_only", meaning: "The checkpoint directory refuses to be written." },
    FaultInfo {
        name: "damage_checkpoint",
        meaning: "All processes die, and the file of the latest completed checkpoint is damaged before they start again.",
    },
    FaultInfo {
        name: "clock_jump",
        meaning: "The wall clock of the coordinator, or of all brokers, jumps, ahead or back.",
    },
    FaultInfo { name: "delete_topic", meaning: "A topic of the job is deleted while it runs." },
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
            Self::BrokerKill { .. } => "broker_kill",
            Self::BrokerPause { .. } => "broker_pause",
            Self::BrokerRestart { .. } => "broker_restart",
            Self::RollingRestart {} => "rolling_restart",
            Self::BrokerIsolate { .. } => "broker_isolate",
            Self::BrokerDiskFull { .. } => "broker_disk_full",
            Self::MoveLeader { .. } => "move_leader",
            Self::MoveTransactionCoordinator {} => "move_transaction_coordinator",
            Self::KafkaApi(_) => "kafka_api",
            Self::KafkaHold { .. } => "kafka_hold",
            Self::Release {} => "release",
            Self::KafkaLink { .. } => "kafka_link",
            Self::ControlMessage(_) => "control_message",
            Self::ControlLink { .. } => "control_link",
            Self::StoreFull { .. } => "store_full",
            Self::StoreReadOnly { .. } => "store_read_only",
            Self::DamageCheckpoint { .. } => "damage_checkpoint",
            Self::ClockJump { .. } => "clock_jump",
            Self::DeleteTopic { .. } => "delete_topic",
        }
    }

    /// The crash point that it names.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "few faults name one")]
    pub fn point(&self) -> Option<(Who, &str)> {
        match self {
            Self::CrashPoint { who, point, .. } | Self::Pause { who, point: Some(point), .. } => {
                Some((*who, point))
            }
            Self::Outage { point: Some(point), .. } => Some((Who::Worker, point)),
            _ => None,
        }
    }

    /// What it hits is told as it happens; of the others only that they did.
    #[must_use]
    pub fn tells_itself(&self) -> bool {
        !matches!(
            self,
            Self::Kill { .. }
                | Self::CrashPoint { .. }
                | Self::KillAll {}
                | Self::Pause { .. }
                | Self::Outage { .. }
        )
    }

    /// Kills that it is sure to bring.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "few faults are kills")]
    pub fn kills(&self) -> u64 {
        match self {
            Self::Kill { .. }
            | Self::CrashPoint { .. }
            | Self::KillAll {}
            | Self::Outage { .. }
            | Self::DamageCheckpoint { .. } => 1,
            _ => 0,
        }
    }

    /// The job must reach Kafka through a proxy for it.
    #[must_use]
    pub fn needs_kafka_proxy(&self) -> bool {
        matches!(self, Self::KafkaApi(_) | Self::KafkaHold { .. } | Self::KafkaLink { .. })
    }

    /// The workers must reach the coordinator through a proxy for it.
    #[must_use]
    pub fn needs_control_proxy(&self) -> bool {
        matches!(self, Self::ControlMessage(_) | Self::ControlLink { .. })
    }

    /// The checkpoint directory must be a small disk of its own for it.
    #[must_use]
    pub fn needs_own_disk(&self) -> bool {
        matches!(self, Self::StoreFull { .. } | Self::StoreReadOnly { .. })
    }

    /// A broker falls silent for it, and is to come back soon.
    #[must_use]
    pub fn stops_brokers(&self) -> bool {
        matches!(
            self,
            Self::BrokerKill { .. }
                | Self::BrokerPause { .. }
                | Self::BrokerRestart { .. }
                | Self::RollingRestart {}
                | Self::BrokerDiskFull { .. }
        )
    }

    /// The brokers must be this run's own for it.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is done to the job")]
    pub fn needs_own_brokers(&self) -> bool {
        match self {
            Self::BrokerKill { .. }
            | Self::BrokerPause { .. }
            | Self::BrokerRestart { .. }
            | Self::RollingRestart {}
            | Self::BrokerIsolate { .. }
            | Self::BrokerDiskFull { .. }
            | Self::ClockJump { of: Clocks::Brokers, .. } => true,
            other => other.needs_kafka_proxy(),
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
            r#"{"broker_kill":{"ms":500}}"#,
            r#"{"broker_pause":{"broker":2,"ms":500}}"#,
            r#"{"broker_restart":{}}"#,
            r#"{"rolling_restart":{}}"#,
            r#"{"broker_isolate":{"direction":"deaf","ms":500}}"#,
            r#"{"broker_disk_full":{"ms":500}}"#,
            r#"{"move_leader":{"of":"output","partition":1}}"#,
            r#"{"move_transaction_coordinator":{}}"#,
            r#"{"kafka_api":{"frame":"EndTxn","side":"response","when":{"nth":2},"action":{"drop":{"close_after_ms":0}}}}"#,
            r#"{"kafka_hold":{"frame":"EndTxn","client":"reset","until":{"frame":"Produce","side":"response"}}}"#,
            r#"{"release":{}}"#,
            r#"{"kafka_link":{"link":{"cut":{"side":"response","newcomers":"stall"}},"ms":500}}"#,
            r#"{"control_message":{"frame":"acknowledge","side":"request","when":{"nth":3},"action":{"delay":{"ms":100}}}}"#,
            r#"{"control_link":{"link":"reset","ms":0}}"#,
            r#"{"store_full":{"ms":500}}"#,
            r#"{"store_read_only":{"ms":500}}"#,
            r#"{"damage_checkpoint":{"damage":"torn"}}"#,
            r#"{"clock_jump":{"of":"brokers","ahead_ms":-500}}"#,
            r#"{"delete_topic":{"of":"output"}}"#,
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
