//! Plans that have a name: one per family of faults.

use std::path::Path;

use super::{Fault, JobSetting, KafkaSetting, PLAN_SCHEMA, Plan, Step, When};
use crate::failure::Failure;
use crate::history::Who;
use crate::verdict::Thresholds;

/// What is told about a plan that has a name.
#[derive(Clone, Copy, Debug)]
pub struct PlanInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub purpose: &'static str,
    steps: fn() -> Vec<Step>,
    job: fn(JobSetting) -> JobSetting,
}

/// Every plan that has a name, in the order in which they are listed.
pub const PLANS: &[PlanInfo] = &[
    PlanInfo {
        name: "restarts",
        purpose: "The job is stopped with a last checkpoint and started again, and single processes are asked to end.",
        steps: || {
            vec![
                step(Fault::RestartJob {}),
                step(Fault::Stop { who: Who::Worker }),
                step(Fault::Stop { who: Who::Coordinator }),
                step(Fault::RestartJob {}),
            ]
        },
        job: |job| job,
    },
    PlanInfo {
        name: "recoveries",
        purpose: "Processes are killed while the job recovers from a kill, and all at once.",
        steps: || {
            let second =
                |who, after_ms| Step { when: When::Recovering, ..after(after_ms, Fault::Kill { who }) };
            vec![
                step(Fault::Kill { who: Who::Worker }),
                second(Who::Worker, 0),
                second(Who::Coordinator, 20),
                step(Fault::KillAll {}),
                second(Who::Worker, 40),
                step(Fault::Kill { who: Who::Coordinator }),
                second(Who::Worker, 10),
                step(Fault::KillAll {}),
            ]
        },
        job: |job| job,
    },
    PlanInfo {
        name: "zombies",
        purpose: "Workers and coordinators are paused at chosen places of the protocol, and come back when others have taken over.",
        steps: || {
            let pause = |who, point: &str| {
                let (point, ordinal) = (Some(point.to_owned()), 2);
                step(Fault::Pause { who, point, ordinal, asleep_ms: 800 })
            };
            vec![
                pause(Who::Worker, "flush.unanswered"),
                pause(Who::Worker, "commit.before"),
                pause(Who::Worker, "acknowledge.before"),
                pause(Who::Coordinator, "swap_head.before"),
                pause(Who::Coordinator, "completed.before"),
            ]
        },
        job: JobSetting::with_quick_heartbeats,
    },
];

fn step(fault: Fault) -> Step {
    after(200, fault)
}

fn after(after_ms: u64, fault: Fault) -> Step {
    Step { when: When::Checkpointed, after_ms, fault, draw: 0 }
}

impl PlanInfo {
    /// The plan itself.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let plan = Plan {
            schema: PLAN_SCHEMA,
            name: self.name.to_owned(),
            seed: 1,
            records: 60_000,
            job: (self.job)(JobSetting::default()),
            kafka: KafkaSetting::default(),
            steps: (self.steps)(),
            ends_with: None,
            thresholds: Thresholds::default(),
        };
        plan.demanding_all()
    }
}

impl Plan {
    /// The plan of this name, or else in this file.
    ///
    /// # Errors
    /// There is no such plan.
    pub fn named_or_read(name: &str) -> Result<Self, Failure> {
        if let Some(info) = PLANS.iter().find(|info| info.name == name) {
            return Ok(info.plan());
        }
        let path = Path::new(name);
        if !path.exists() {
            return Err(Failure::usage(format!(
                "--plan {name}: no plan has this name (`truecut list plans`), and there is no such file"
            )));
        }
        Self::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_that_has_a_name_can_be_carried_out() {
        for info in PLANS {
            let plan = info.plan();
            assert_eq!(plan.check(), Ok(()), "{}", info.name);
            assert!(!plan.steps.is_empty() && !info.purpose.is_empty());
        }
    }
}
