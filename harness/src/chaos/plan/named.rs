//! Plans that have a name: one per family of faults.

use std::path::Path;

use truecut_proxy::{Action, ClientSees, LinkFaultKind, Newcomers, Occurrence, Pace, Rule, Side};
use truecut_runtime::config::{CommitByConfig, ProducerConfig};

use super::{
    Clocks, Damage, Direction, Fault, JobSetting, KafkaSetting, PLAN_SCHEMA, Plan, Step, Topic, When,
};
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
    brokers: u8,
    /// The release of Kafka; truecut's usual one if there is none.
    release: Option<&'static str>,
    ends_with: Option<u8>,
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
        brokers: 1,
        release: None,
        ends_with: None,
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
        brokers: 1,
        release: None,
        ends_with: None,
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
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "brokers",
        purpose: "Three brokers are killed, frozen, restarted and cut off in turn; leaders and transaction coordinators move.",
        steps: || {
            vec![
                step(Fault::MoveLeader { of: Topic::Output, partition: 0 }),
                step(Fault::MoveTransactionCoordinator {}),
                step(Fault::BrokerKill { broker: Some(1), ms: 2_000 }),
                step(Fault::BrokerPause { broker: Some(2), ms: 3_000 }),
                step(Fault::BrokerRestart { broker: Some(3) }),
                step(Fault::Kill { who: Who::Worker }),
                step(Fault::MoveLeader { of: Topic::Input, partition: 1 }),
                step(Fault::RollingRestart {}),
                step(Fault::Kill { who: Who::Coordinator }),
            ]
        },
        job: |job| job,
        brokers: 3,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "partitions",
        purpose: "One of three brokers is cut off from the others, in both directions and in each.",
        steps: || {
            let isolate =
                |broker, direction| step(Fault::BrokerIsolate { broker: Some(broker), direction, ms: 6_000 });
            vec![
                isolate(1, Direction::Both),
                step(Fault::Kill { who: Who::Worker }),
                isolate(2, Direction::Mute),
                isolate(3, Direction::Deaf),
            ]
        },
        job: |job| job,
        brokers: 3,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "broker",
        purpose: "The only broker, of Kafka 3.9.1, is killed, frozen and restarted; a newer one may forget markers then (KAFKA-20734).",
        steps: || {
            vec![
                step(Fault::BrokerPause { broker: None, ms: 2_000 }),
                step(Fault::BrokerKill { broker: None, ms: 500 }),
                step(Fault::Kill { who: Who::Worker }),
                step(Fault::BrokerRestart { broker: None }),
            ]
        },
        job: |job| job,
        brokers: 1,
        release: Some("3.9.1"),
        ends_with: None,
    },
    PlanInfo {
        name: "lost_answers",
        purpose: "One request of each kind to Kafka, or its answer, is lost, late, sent twice, or on its way while its sender gives up.",
        steps: || lost_answers(&["AddPartitionsToTxn"]),
        job: on_the_way_by_v1,
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "lost_answers_v2",
        purpose: "The same with truecut's own producer and transaction protocol V2 (KIP-890).",
        steps: || lost_answers(&[]),
        job: on_the_way_by_v2,
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "late_requests",
        purpose: "Requests to Kafka are on their way while their senders give up or die, and arrive when others have taken over.",
        steps: late_requests,
        job: on_the_way_by_v1,
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "late_requests_v2",
        purpose: "The same with truecut's own producer and transaction protocol V2 (KIP-890).",
        steps: late_requests,
        job: on_the_way_by_v2,
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "kafka_network",
        purpose: "The network between the job and Kafka is cut, one way too, reset, and slow.",
        steps: || {
            let cut = |side| LinkFaultKind::Cut { side, newcomers: Newcomers::Stall };
            let link = |link, ms| step(Fault::KafkaLink { link, broker: None, ms });
            let pace = |latency_ms| Pace { latency_ms, bytes_per_second: None };
            vec![
                link(LinkFaultKind::Reset, 0),
                link(cut(None), 2_000),
                link(cut(Some(Side::Request)), 2_000),
                link(cut(Some(Side::Response)), 2_000),
                link(LinkFaultKind::Slow { requests: pace(50), answers: pace(50) }, 3_000),
                step(Fault::Kill { who: Who::Worker }),
                link(LinkFaultKind::Refuse, 1_500),
            ]
        },
        job: |job| job,
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "control_messages",
        purpose: "One message of each kind between coordinator and workers is lost, late, or comes twice.",
        steps: control_messages,
        job: |job| JobSetting { checkpoint_timeout_ms: 1_500, tolerable_failures: 100, ..job },
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "control_network",
        purpose: "The network between coordinator and workers is cut, one way too, reset, and slow.",
        steps: || {
            let cut = |side| LinkFaultKind::Cut { side, newcomers: Newcomers::Stall };
            let link = |link, ms| step(Fault::ControlLink { link, ms });
            let pace = |latency_ms| Pace { latency_ms, bytes_per_second: None };
            vec![
                link(LinkFaultKind::Reset, 0),
                link(cut(None), 3_000),
                link(cut(Some(Side::Request)), 3_000),
                link(cut(Some(Side::Response)), 3_000),
                link(LinkFaultKind::Slow { requests: pace(100), answers: pace(100) }, 3_000),
                step(Fault::Kill { who: Who::Worker }),
            ]
        },
        job: JobSetting::with_quick_heartbeats,
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "store",
        purpose: "The disk of the checkpoints is full, or refuses to be written, for a while.",
        steps: || {
            vec![
                step(Fault::StoreFull { ms: 1_500 }),
                step(Fault::Kill { who: Who::Worker }),
                step(Fault::StoreReadOnly { ms: 1_500 }),
                step(Fault::Kill { who: Who::Coordinator }),
            ]
        },
        job: |job| JobSetting { tolerable_failures: 1_000, ..job },
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "torn_checkpoint",
        purpose: "The checkpoint that the job would go on from is torn: it must say so, and not go on from anything else.",
        steps: || vec![after(2_000, Fault::DamageCheckpoint { damage: Damage::Torn })],
        job: |job| job,
        brokers: 1,
        release: None,
        ends_with: Some(65),
    },
    PlanInfo {
        name: "flipped_checkpoint",
        purpose: "One bit of the checkpoint that the job would go on from is flipped: it must say so.",
        steps: || vec![after(2_000, Fault::DamageCheckpoint { damage: Damage::Flipped })],
        job: |job| job,
        brokers: 1,
        release: None,
        ends_with: Some(65),
    },
    PlanInfo {
        name: "broker_disk_full",
        purpose: "The disk of one of three brokers is full: Kafka halts it, and it comes back with space.",
        steps: || {
            vec![
                step(Fault::BrokerDiskFull { broker: Some(2), ms: 4_000 }),
                step(Fault::Kill { who: Who::Worker }),
            ]
        },
        job: |job| job,
        brokers: 3,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "deleted_output",
        purpose: "The output topic is deleted while the job runs: it must end and say so.",
        steps: || vec![after(2_000, Fault::DeleteTopic { of: Topic::Output })],
        job: |job| JobSetting { checkpoint_timeout_ms: 5_000, max_restarts: Some(2), ..job },
        brokers: 1,
        release: None,
        ends_with: Some(4),
    },
    PlanInfo {
        name: "clock_jumps",
        purpose: "The wall clocks of coordinator and broker jump by hours; Kafka aborts transactions of live producers as too old.",
        steps: || {
            let jump = |of, ahead_ms| step(Fault::ClockJump { of, ahead_ms });
            vec![
                jump(Clocks::Coordinators, HOURS_MS),
                step(Fault::Kill { who: Who::Worker }),
                jump(Clocks::Coordinators, -HOURS_MS),
                step(Fault::Kill { who: Who::Coordinator }),
                jump(Clocks::Brokers, HOURS_MS),
                // Kafka looks for expired transactions each second.
                after(2_000, Fault::Kill { who: Who::Worker }),
                jump(Clocks::Brokers, 0),
                step(Fault::Kill { who: Who::Coordinator }),
            ]
        },
        // Kafka aborts what it thinks too old, if it is open for long enough to be found so; only the log gets over that.
        job: |job| JobSetting { sink: CommitByConfig::Log, checkpoint_interval_ms: 2_500, ..job },
        brokers: 1,
        release: None,
        ends_with: None,
    },
    PlanInfo {
        name: "outage",
        purpose: "All workers stay away for longer than Kafka lets a transaction live; the sink writes again what Kafka aborted.",
        steps: || {
            let outage =
                |point: &str| step(Fault::Outage { point: Some(point.to_owned()), ordinal: 1, ms: 6_000 });
            vec![
                outage("completed.received"),
                outage("commit.before"),
                step(Fault::Outage { point: None, ordinal: 1, ms: 6_000 }),
            ]
        },
        job: |job| JobSetting { sink: CommitByConfig::Log, transaction_timeout_ms: 3_000, ..job },
        brokers: 1,
        release: None,
        ends_with: None,
    },
];

/// Longer than anything that a job has Kafka wait for, ms.
const HOURS_MS: i64 = 7_200_000;

/// One fault for one frame.
fn rule(frame: &str, side: Side, action: Action) -> Rule {
    Rule {
        frame: frame.to_owned(),
        side,
        when: Occurrence::Nth(2),
        client_id_prefix: None,
        transactional_id_contains: None,
        action,
    }
}

/// Where requests are lost and late, and transactions speak V1. An InitProducerId that comes late aborts what is open; only the log gets
/// over that.
fn on_the_way_by_v1(job: JobSetting) -> JobSetting {
    JobSetting { sink: CommitByConfig::Log, producer: Some(ProducerConfig::Librdkafka), ..job }
}

/// The same by V2.
fn on_the_way_by_v2(job: JobSetting) -> JobSetting {
    JobSetting { sink: CommitByConfig::Log, producer: Some(ProducerConfig::Builtin), ..job }
}

fn lost_answers(more: &[&'static str]) -> Vec<Step> {
    let lost = Action::Drop { close_after_ms: Some(0) };
    let held = Action::Hold { after_ms: Some(700), client: ClientSees::Reset };
    let twice = Action::Duplicate { after_ms: 300 };
    let api = |frame, side, action| step(Fault::KafkaApi(rule(frame, side, action)));
    let mut steps = Vec::new();
    for frame in ["EndTxn", "Produce", "InitProducerId", "OffsetCommit"].iter().chain(more).copied() {
        steps.push(api(frame, Side::Response, lost));
        steps.push(api(frame, Side::Request, lost));
        steps.push(api(frame, Side::Response, Action::Delay { ms: 400 }));
        steps.push(api(frame, Side::Request, twice));
        steps.push(api(frame, Side::Request, held));
    }
    steps
}

fn late_requests() -> Vec<Step> {
    let hold = |frame: &str| {
        step(Fault::KafkaHold { frame: frame.to_owned(), nth: 1, client: ClientSees::Reset, until: None })
    };
    let mut steps = Vec::new();
    for frame in ["EndTxn", "OffsetCommit", "InitProducerId"] {
        // Its sender asks again.
        steps.extend([hold(frame), step(Fault::Release {})]);
    }
    for frame in ["EndTxn", "Produce"] {
        // Its sender dies. Not AddPartitionsToTxn, which nothing excludes by V1: see docs/chaos.md.
        steps.extend([hold(frame), step(Fault::Kill { who: Who::Worker }), step(Fault::Release {})]);
    }
    steps
}

fn control_messages() -> Vec<Step> {
    let message = |frame, side, action| step(Fault::ControlMessage(rule(frame, side, action)));
    let lost = Action::Drop { close_after_ms: None };
    let late = Action::Delay { ms: 300 };
    let twice = Action::Duplicate { after_ms: 200 };
    let mut steps = Vec::new();
    for frame in ["trigger", "completed", "heartbeat"] {
        steps.extend([lost, late, twice].map(|action| message(frame, Side::Response, action)));
    }
    for frame in ["acknowledge", "pulse"] {
        steps.extend([lost, late, twice].map(|action| message(frame, Side::Request, action)));
    }
    steps
}

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
            kafka: KafkaSetting {
                brokers: self.brokers,
                release: self.release.map(str::to_owned),
                ..KafkaSetting::default()
            },
            steps: (self.steps)(),
            ends_with: self.ends_with,
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
    fn what_is_kept_on_its_way_may_come_twice() {
        let repeats = |name| Plan::named_or_read(name).expect("it has a name").repeats_requests();
        assert!(repeats("late_requests") && !repeats("restarts"));
    }

    #[test]
    fn every_plan_that_has_a_name_can_be_carried_out() {
        for info in PLANS {
            let plan = info.plan();
            assert_eq!(plan.check(), Ok(()), "{}", info.name);
            assert!(!plan.steps.is_empty() && !info.purpose.is_empty());
        }
    }
}
