//! Which runs a campaign is made of: every plan that has a name, then plans for the crash points that nothing has struck yet, each in a
//! job where it comes, then plans drawn from seeds until there are enough kills.

use truecut_runtime::config::{CommitByConfig, ProducerConfig};

use super::super::plan::{
    Comes, Fault, JobSetting, KafkaSetting, PLAN_SCHEMA, PLANS, Plan, Step, Victims, Wanted, When, comes,
    visits,
};
use super::coverage::Coverage;
use crate::history::Who;
use crate::verdict::Thresholds;

/// Crash points of one run, where the job goes on after each.
const POINTS_PER_RUN: usize = 10;
/// How long Kafka lets a transaction live where it is to expire, ms.
const SHORT_LIVED_MS: u32 = 3_000;

/// The plans that have a name.
pub(super) fn named(seed: u64) -> Vec<Plan> {
    PLANS.iter().map(|info| Plan { seed, ..info.plan() }).collect()
}

/// A job in which crash points come, and how many of them a run of it can take.
struct Circumstance {
    name: &'static str,
    job: JobSetting,
    at_once: usize,
    ends_with: Option<u8>,
}

fn circumstance(who: Who, point: &str) -> Circumstance {
    let job = JobSetting { sink: CommitByConfig::Log, ..JobSetting::default() };
    let with = |name, job, at_once| Circumstance { name, job, at_once, ends_with: None };
    match comes(who, point) {
        Comes::PerCoordinator if point.starts_with("resolve_start.") => with("first_start", job, 1),
        Comes::Steadily | Comes::PerAttempt | Comes::PerCoordinator | Comes::Rarely => {
            with("crash_points", job, POINTS_PER_RUN)
        }
        Comes::AtEnd => with("end", job, 4),
        Comes::AtInputEnd => {
            // Much of the input is not committed yet when its end is read.
            let job = JobSetting { bounded: true, checkpoint_interval_ms: 600, ..job };
            with("end_of_input", job, 1)
        }
        Comes::AfterOutage => {
            let is_loss = point.starts_with("lost.") || point.starts_with("describe.");
            let sink = if is_loss { CommitByConfig::Resume } else { CommitByConfig::Log };
            let job = JobSetting { sink, transaction_timeout_ms: SHORT_LIVED_MS, ..job };
            let ends_with = is_loss.then_some(4);
            let name = if is_loss { "loss" } else { "written_again" };
            Circumstance { name, job, at_once: if is_loss { 1 } else { 3 }, ends_with }
        }
        Comes::AfterLostTrigger => {
            let job = JobSetting { checkpoint_timeout_ms: 1_500, tolerable_failures: 1_000, ..job };
            with("lost_trigger", job, 4)
        }
        Comes::OnSilence => with("silence", job.with_quick_heartbeats(), 2),
        Comes::OnLateDeployment => with("late_deployment", job.with_quick_heartbeats(), 1),
    }
}

/// Plans that aim at these crash points. `tries`: how often they have been aimed at before, which makes the aim plainer.
pub(super) fn at_points(points: &[(Who, &'static str)], seed: u64, tries: u64) -> Vec<Plan> {
    let mut plans: Vec<(Plan, usize)> = Vec::new();
    for (number, (who, point)) in (0..).zip(points) {
        let Circumstance { name, job, at_once, ends_with } = circumstance(*who, point);
        let ordinal = if tries == 0 { 1 + (seed + number) % visits(*who, point) } else { 1 };
        let step = Step {
            when: if comes(*who, point) == Comes::AtInputEnd { When::Now } else { When::Checkpointed },
            after_ms: 100,
            fault: Fault::CrashPoint {
                point: (*point).to_owned(),
                ordinal: u32::try_from(ordinal).unwrap_or(1),
                who: *who,
            },
            draw: seed.wrapping_mul(31).wrapping_add(number * 7 + tries),
        };
        match plans.iter_mut().find(|(plan, left)| plan.name == name && *left > 0) {
            Some((plan, left)) => {
                plan.steps.push(step);
                *left -= 1;
            }
            None => {
                let plan = Plan {
                    schema: PLAN_SCHEMA,
                    name: name.to_owned(),
                    seed: seed + tries,
                    records: 40_000,
                    job,
                    kafka: KafkaSetting::default(),
                    steps: vec![step],
                    ends_with,
                    thresholds: Thresholds::default(),
                };
                plans.push((plan, at_once - 1));
            }
        }
    }
    let demanding = |(plan, _): (Plan, usize)| {
        let mut plan = plan.demanding_all();
        if plan.job.bounded {
            // It is over soon.
            plan.thresholds.checkpoints_min = 1;
        }
        plan
    };
    plans.into_iter().map(demanding).collect()
}

/// The plans for all crash points that nothing has struck yet.
pub(super) fn at_missing(coverage: &Coverage, seed: u64, tries: u64) -> Vec<Plan> {
    at_points(&coverage.missing_points(), seed, tries)
}

/// A plan drawn from a seed; what is killed, how the sink commits, whose code writes and which Kafka there is take turns.
pub(super) fn drawn(seed: u64) -> Plan {
    let turn = |of: u64| usize::try_from(seed % of).unwrap_or_default();
    let victims = [Victims::Workers, Victims::All, Victims::Coordinator][turn(3)];
    let sink = if seed.is_multiple_of(2) { CommitByConfig::Resume } else { CommitByConfig::Log };
    let kafka = match turn(4) {
        2 => KafkaSetting { transaction_version: Some(1), ..KafkaSetting::default() },
        3 => KafkaSetting { release: Some("3.9.1".to_owned()), ..KafkaSetting::default() },
        _ => KafkaSetting::default(),
    };
    let producer = (turn(5) < 2).then_some(ProducerConfig::Librdkafka);
    let pauses = u32::from(seed.is_multiple_of(3));
    let plan = Plan::draw(Wanted {
        seed,
        kills: 16,
        records: 60_000,
        workers: 3,
        mutant: None,
        victims,
        pauses,
        sink,
        outage_ms: 0,
        kafka,
    });
    let job = JobSetting { producer, ..plan.job };
    Plan { name: format!("drawn_{seed}"), job, ..plan }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use truecut_runtime::crash_point;

    use super::super::super::plan::FAULTS;
    use super::super::coverage::who;
    use super::*;

    #[test]
    fn every_crash_point_is_aimed_at_once_in_a_plan_that_can_be_carried_out() {
        let all: Vec<_> = crash_point::all().iter().map(|point| (who(point.host), point.name)).collect();
        let plans = at_points(&all, 7, 0);
        assert_eq!(plans.iter().map(|plan| plan.steps.len()).sum::<usize>(), all.len());
        assert!(plans.iter().all(|plan| plan.check() == Ok(())));
        assert_eq!(plans, at_missing(&Coverage::default(), 7, 0));
        let alone = plans.iter().filter(|plan| plan.name == "end_of_input");
        assert!(alone.clone().count() > 1 && alone.clone().all(|plan| plan.steps.len() == 1));
    }

    #[test]
    fn every_kind_of_fault_is_in_a_plan_of_a_whole_campaign() {
        let points: Vec<_> = crash_point::all().iter().map(|point| (who(point.host), point.name)).collect();
        let plans = named(1).into_iter().chain(at_points(&points, 1, 0)).chain((1..=8).map(drawn));
        let kinds: BTreeSet<&str> = plans.flat_map(|plan| plan.steps).map(|step| step.fault.name()).collect();
        let missing: Vec<_> =
            FAULTS.iter().map(|fault| fault.name).filter(|name| !kinds.contains(name)).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn drawn_plans_take_turns_through_sinks_victims_and_kafkas() {
        let plans: Vec<Plan> = (0..12).map(drawn).collect();
        assert!(plans.iter().any(|plan| plan.kafka.release.is_some()));
        assert!(plans.iter().any(|plan| plan.kafka.transaction_version == Some(1)));
        assert!(plans.iter().any(|plan| plan.job.sink == CommitByConfig::Log));
        let by = |producer| plans.iter().filter(|plan| plan.job.producer() == producer).count();
        assert!(by(ProducerConfig::Librdkafka) > 3 && by(ProducerConfig::Auto) > 3);
        assert!(plans.iter().all(|plan| plan.check() == Ok(())));
    }
}
