//! What a chaos run will do: the job, its Kafka, and the faults in order. Written by hand, kept under a name, or drawn from a seed; and
//! always written down whole in the run directory, so that it can be carried out again.

mod draw;
mod exposure;
mod fault;
mod file;
mod named;
mod points;
mod setting;

use serde::{Deserialize, Serialize};
use truecut_proxy::{Action, Rule};
use truecut_runtime::trace::Delivery;

pub use draw::{Victims, Wanted};
pub use fault::{Clocks, Damage, Direction, FAULTS, Fault, FaultInfo, Topic, Until};
pub use named::{PLANS, PlanInfo};
pub(super) use points::visits;
pub(crate) use points::{Comes, comes};
pub use setting::{JobSetting, KafkaSetting};

use crate::verdict::Thresholds;

/// The plan's name in a run directory.
pub const PLAN_FILE: &str = "plan.json";
/// The version of a plan's form.
pub const PLAN_SCHEMA: u32 = 2;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always [`PLAN_SCHEMA`].
    #[serde(default = "schema")]
    pub schema: u32,
    /// Its name; `drawn` if it has none of its own.
    pub name: String,
    /// Decides the workload, and every choice that a step leaves open.
    #[serde(default)]
    pub seed: u64,
    /// Input records.
    #[serde(default = "records")]
    pub records: u64,
    /// The job under test.
    #[serde(default)]
    pub job: JobSetting,
    /// Its Kafka.
    #[serde(default)]
    pub kafka: KafkaSetting,
    /// The faults, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The job is expected to end by itself with this exit code, after a fault that nobody can get over; not as long as the input
    /// lasts if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_with: Option<u8>,
    /// What the run must show before it can hold.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// One fault, and when it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is waited for first.
    #[serde(default)]
    pub when: When,
    /// So long after that, ms.
    #[serde(default)]
    pub after_ms: u64,
    /// What happens then.
    pub fault: Fault,
    /// Decides what the fault leaves open, such as which of the workers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub draw: u64,
}

/// What a step waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The attempt has completed a checkpoint.
    #[default]
    Checkpointed,
    /// All subtasks of the attempt run.
    Running,
    /// An attempt is being deployed, or was: after a kill, in the middle of the recovery from it.
    Recovering,
    /// The attempt has completed a checkpoint; as soon as the fault is in force, the job is asked to end.
    Ending,
    /// Nothing.
    Now,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn schema() -> u32 {
    PLAN_SCHEMA
}

fn records() -> u64 {
    100_000
}

impl Plan {
    /// Kills that it asks for.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.steps.iter().map(|step| step.fault.kills()).sum()
    }

    /// The job must reach Kafka through a proxy.
    #[must_use]
    pub fn needs_kafka_proxy(&self) -> bool {
        self.steps.iter().any(|step| step.fault.needs_kafka_proxy())
    }

    /// The workers must reach the coordinator through a proxy.
    #[must_use]
    pub fn needs_control_proxy(&self) -> bool {
        let by_way = |comes| comes == Comes::AfterLostTrigger;
        let of_point = |fault: &Fault| fault.point().is_some_and(|(who, point)| by_way(comes(who, point)));
        self.steps.iter().any(|step| step.fault.needs_control_proxy() || of_point(&step.fault))
    }

    /// These wall clocks jump.
    #[must_use]
    pub fn moves_clock(&self, of: Clocks) -> bool {
        self.steps.iter().any(|step| matches!(step.fault, Fault::ClockJump { of: whose, .. } if whose == of))
    }

    /// Some wall clock jumps.
    #[must_use]
    pub fn moves_clocks(&self) -> bool {
        [Clocks::Coordinators, Clocks::Brokers].into_iter().any(|of| self.moves_clock(of))
    }

    /// A request of the job may reach Kafka once more after it was answered: it is sent twice, or was kept on its way when librdkafka sent
    /// it again by itself.
    #[must_use]
    pub fn repeats_requests(&self) -> bool {
        let of_rule = |rule: &Rule| matches!(rule.action, Action::Duplicate { .. } | Action::Hold { .. });
        self.steps.iter().any(|step| {
            matches!(&step.fault, Fault::KafkaApi(rule) if of_rule(rule))
                || matches!(step.fault, Fault::KafkaHold { .. })
        })
    }

    /// Its output is gone in the end.
    #[must_use]
    pub fn deletes_output(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.fault, Fault::DeleteTopic { of: Topic::Output }))
    }

    /// What is done to messages between coordinator and workers.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        let is = |wanted: fn(&Action) -> bool| {
            self.steps
                .iter()
                .any(|step| matches!(&step.fault, Fault::ControlMessage(rule) if wanted(&rule.action)))
        };
        let of_points = self.needs_control_proxy();
        Delivery {
            loses: of_points || is(|action| matches!(action, Action::Drop { .. } | Action::Hold { .. })),
            repeats: is(|action| matches!(action, Action::Duplicate { .. } | Action::Hold { .. })),
        }
    }

    /// The same plan, with what it must show: every kill; and less of the rest if it ends early, which is what it is for.
    #[must_use]
    pub fn demanding_all(mut self) -> Self {
        if self.ends_with.is_some() {
            (self.thresholds.records_min, self.thresholds.checkpoints_min) = (1_000, 1);
        }
        self.thresholds.kills_min = self.kills();
        self
    }
}
