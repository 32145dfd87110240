//! A plan drawn from a seed: crash points and random moments in turn, pauses in between. Equal wishes give an equal plan, and
//! consecutive seeds take turns through all crash points that ordinary runs come by.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use truecut_mutants::Mutant;
use truecut_runtime::config::CommitByConfig;

use super::{Fault, JobSetting, KafkaSetting, PLAN_SCHEMA, Plan, Step, When, exposure, points};
use crate::history::Who;
use crate::verdict::Thresholds;

/// Shortest and longest time between what a random kill waits for and the kill, ms.
const PAUSE_MS: std::ops::Range<u64> = 250..1_200;
/// The same for a kill in the middle of a recovery, ms.
const RECOVERING_MS: std::ops::Range<u64> = 0..60;
/// How long a paused process stays away after the others have given it up, ms.
const ASLEEP_MS: std::ops::Range<u64> = 500..1_500;

/// Who is killed and paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victims {
    /// Workers.
    #[default]
    Workers,
    /// The coordinator.
    Coordinator,
    /// Two workers, two coordinators, in turn.
    All,
}

impl Victims {
    /// Whose turn it is at kill number `kill`, from 0.
    fn at(self, kill: u32) -> Who {
        match self {
            Self::Workers => Who::Worker,
            Self::Coordinator => Who::Coordinator,
            Self::All if (kill / 2).is_multiple_of(2) => Who::Worker,
            Self::All => Who::Coordinator,
        }
    }

    /// Whose turn it is at pause number `pause`, from 0.
    fn paused_at(self, pause: u32) -> Who {
        match self {
            Self::Workers => Who::Worker,
            Self::Coordinator => Who::Coordinator,
            Self::All if pause.is_multiple_of(2) => Who::Worker,
            Self::All => Who::Coordinator,
        }
    }
}

/// What was asked for; all that a drawn plan depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The seed of plan and workload.
    pub seed: u64,
    /// Kills.
    pub kills: u32,
    /// Input records.
    pub records: u64,
    /// Worker processes.
    pub workers: u16,
    /// The wrong protocol to run, by name.
    pub mutant: Option<String>,
    /// Who is killed and paused.
    pub victims: Victims,
    /// Pauses.
    pub pauses: u32,
    /// How the sink commits.
    pub sink: CommitByConfig,
    /// How long all workers stay away when a crash point strikes, ms: longer than Kafka lets a transaction live. 0: only one is
    /// killed.
    pub outage_ms: u32,
    /// The Kafka to start.
    pub kafka: KafkaSetting,
}

impl Plan {
    /// Draws the plan.
    #[must_use]
    pub fn draw(wanted: Wanted) -> Self {
        let mutant = wanted.mutant.as_deref().and_then(Mutant::from_name);
        let exposure = exposure::of(mutant, wanted.outage_ms, wanted.sink);
        let mut chance = ChaCha8Rng::seed_from_u64(wanted.seed);
        let mut points = Points::of(&exposure, &wanted);
        let mut steps = Vec::new();
        for number in 0..=wanted.kills {
            for pause in 0..wanted.pauses {
                if (pause + 1) * wanted.kills / (wanted.pauses + 1) == number {
                    steps.push(pause_of(wanted.victims.paused_at(pause), &mut chance));
                }
            }
            if number < wanted.kills {
                let who = wanted.victims.at(number);
                steps.push(match points.next(who).filter(|_| number % 2 == 0) {
                    Some(point) => at_crash_point(who, point, exposure.outage_ms, &mut chance),
                    None => at_random(who, &mut chance),
                });
            }
        }
        let job = JobSetting {
            workers: wanted.workers,
            checkpoint_interval_ms: exposure.checkpoint_interval_ms,
            transaction_timeout_ms: exposure.transaction_timeout_ms,
            sink: wanted.sink,
            mutant: wanted.mutant,
            ..JobSetting::default()
        };
        let job = if wanted.pauses > 0 { job.with_quick_heartbeats() } else { job };
        let plan = Self {
            schema: PLAN_SCHEMA,
            name: "drawn".to_owned(),
            seed: wanted.seed,
            records: wanted.records,
            job,
            kafka: wanted.kafka,
            steps,
            ends_with: None,
            thresholds: Thresholds::default(),
        };
        plan.demanding_all()
    }
}

fn pause_of(who: Who, chance: &mut ChaCha8Rng) -> Step {
    let after_ms = within(PAUSE_MS, chance);
    let fault = Fault::Pause { who, point: None, ordinal: 1, asleep_ms: within(ASLEEP_MS, chance) };
    Step { when: When::Checkpointed, after_ms, fault, draw: chance.next_u64() }
}

fn at_crash_point(who: Who, point: &str, outage_ms: u64, chance: &mut ChaCha8Rng) -> Step {
    let ordinal = 1 + u32::try_from(chance.next_u64() % points::visits(who, point)).unwrap_or(0);
    let point = point.to_owned();
    let fault = match (who, outage_ms) {
        (Who::Worker, 1..) => Fault::Outage { point: Some(point), ordinal, ms: outage_ms },
        _ => Fault::CrashPoint { point, ordinal, who },
    };
    Step { when: When::Checkpointed, after_ms: within(0..300, chance), fault, draw: chance.next_u64() }
}

fn at_random(who: Who, chance: &mut ChaCha8Rng) -> Step {
    let (when, after_ms) = match chance.next_u64() % 8 {
        0 => (When::Recovering, within(RECOVERING_MS, chance)),
        1 => (When::Running, within(PAUSE_MS, chance)),
        _ => (When::Checkpointed, within(PAUSE_MS, chance)),
    };
    Step { when, after_ms, fault: Fault::Kill { who }, draw: chance.next_u64() }
}

fn within(range: std::ops::Range<u64>, chance: &mut ChaCha8Rng) -> u64 {
    range.start + chance.next_u64() % (range.end - range.start)
}

/// Crash points to come, by kind of process.
struct Points {
    workers: std::vec::IntoIter<&'static str>,
    coordinators: std::vec::IntoIter<&'static str>,
}

impl Points {
    fn of(exposure: &exposure::Exposure, wanted: &Wanted) -> Self {
        let Wanted { seed, kills, .. } = *wanted;
        let coordinators = points::usual(Who::Coordinator, wanted.sink);
        Self {
            workers: in_turn(&exposure.points, seed, kills).into_iter(),
            coordinators: in_turn(&coordinators, seed, kills).into_iter(),
        }
    }

    fn next(&mut self, who: Who) -> Option<&'static str> {
        match who {
            Who::Worker => self.workers.next(),
            Who::Coordinator => self.coordinators.next(),
        }
    }
}

/// So many crash points for this seed; consecutive seeds take turns through all of them.
fn in_turn(points: &[&'static str], seed: u64, count: u32) -> Vec<&'static str> {
    let length = u64::try_from(points.len()).expect("a short list");
    let first = (seed % length) * u64::from(count) % length;
    // Neighbours in the list are places of one operation: a stride that shares no divisor with the length mixes them.
    let stride = (7..).find(|stride| gcd(*stride, length) == 1).unwrap_or(1);
    let point = |number: u64| {
        let place = (first + number) % length * stride % length;
        points[usize::try_from(place).expect("below a length")]
    };
    (0..u64::from(count)).map(point).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn wanted(seed: u64) -> Wanted {
        Wanted { seed, kills: 8, records: 100_000, workers: 3, ..Wanted::default() }
    }

    fn points_of(plan: &Plan) -> BTreeSet<String> {
        plan.steps.iter().filter_map(|step| Some(step.fault.point()?.1.to_owned())).collect()
    }

    #[test]
    fn equal_wishes_give_equal_plans_and_others_do_not() {
        assert_eq!(Plan::draw(wanted(7)), Plan::draw(wanted(7)));
        assert_ne!(Plan::draw(wanted(7)).steps, Plan::draw(wanted(8)).steps);
    }

    #[test]
    fn half_of_the_kills_are_at_crash_points_that_exist() {
        for victims in [Victims::Workers, Victims::Coordinator, Victims::All] {
            let plan = Plan::draw(Wanted { victims, ..wanted(3) });
            assert_eq!((plan.steps.len(), plan.kills(), plan.thresholds.kills_min), (8, 8, 8));
            assert_eq!(plan.steps.iter().filter(|step| step.fault.point().is_some()).count(), 4);
            assert_eq!(plan.check(), Ok(()));
        }
    }

    #[test]
    fn consecutive_seeds_cover_every_usual_crash_point() {
        for victims in [Victims::Workers, Victims::Coordinator] {
            let usual = points::usual(victims.at(0), CommitByConfig::Resume);
            for first in [0, 1, 42] {
                let seeds = first..first + u64::try_from(usual.len()).unwrap();
                let covered: BTreeSet<String> = seeds
                    .flat_map(|seed| points_of(&Plan::draw(Wanted { victims, ..wanted(seed) })))
                    .collect();
                assert_eq!(covered.len(), usual.len(), "{victims:?} from seed {first}");
            }
        }
    }

    #[test]
    fn with_all_as_victims_both_kinds_are_killed_at_crash_points_and_at_random() {
        let plan = Plan::draw(Wanted { victims: Victims::All, pauses: 2, ..wanted(6) });
        #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is drawn")]
        let told = |step: &Step| match &step.fault {
            Fault::Kill { who } => (*who, "random"),
            Fault::CrashPoint { who, .. } => (*who, "crash point"),
            Fault::Pause { who, .. } => (*who, "pause"),
            other => panic!("{other:?}"),
        };
        let (worker, coordinator) = (Who::Worker, Who::Coordinator);
        let told: Vec<_> = plan.steps.iter().map(told).collect();
        assert_eq!(
            told,
            [
                (worker, "crash point"),
                (worker, "random"),
                (worker, "pause"),
                (coordinator, "crash point"),
                (coordinator, "random"),
                (worker, "crash point"),
                (coordinator, "pause"),
                (worker, "random"),
                (coordinator, "crash point"),
                (coordinator, "random"),
            ]
        );
        assert_eq!(plan.job.heartbeat_timeout_ms, Some(2_000));
    }

    #[test]
    fn an_outage_follows_the_crash_points_of_workers() {
        let plan = Plan::draw(Wanted { outage_ms: 8_000, ..wanted(1) });
        assert!(matches!(&plan.steps[0].fault, Fault::Outage { point: Some(_), ms: 8_000, .. }));
        assert_eq!(plan.job.transaction_timeout_ms, 3_000);
    }
}
