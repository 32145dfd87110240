//! What a chaos run will do, drawn up front from one seed: who is killed, where, when. Equal options give an equal plan.
//!
//! Kills alternate: one at a crash point, one at a random moment. A crash point is armed in a process when that is started,
//! so the worker that takes a dead one's place is armed for the next one, and gets subtasks when the random kill in
//! between makes the job restart.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use truecut_mutants::Mutant;

use super::exposure;
use crate::verdict::Thresholds;

/// The plan's name in a run directory.
pub const PLAN_FILE: &str = "plan.json";

/// Shortest and longest time between the job's restart and a random kill, ms.
const PAUSE_MS: std::ops::Range<u64> = 250..1_200;

/// What was asked for; all that a plan depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub wanted: Wanted,
    /// Partitions of the input topic, and source subtasks.
    pub input_partitions: u16,
    /// Partitions of the output topic.
    pub output_partitions: u16,
    /// Operator subtasks, and sinks.
    pub operators: u16,
    /// Time between two checkpoints, ms.
    pub checkpoint_interval_ms: u64,
    /// After this long Kafka aborts a transaction that nobody ended, ms.
    pub transaction_timeout_ms: u32,
    /// When a crash point strikes, all workers are killed, and stay away for this long, ms; 0: only the one.
    pub outage_ms: u64,
    /// The kills, in order.
    pub kills: Vec<PlannedKill>,
    /// What the run must show before it can hold.
    pub thresholds: Thresholds,
    /// The command that runs the same plan again.
    pub replay: String,
}

/// One kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum PlannedKill {
    /// At a moment.
    Random {
        /// The attempt has completed a checkpoint; otherwise it only runs.
        after_checkpoint: bool,
        /// So long after that, ms.
        after_ms: u64,
        /// Chooses among the workers that run subtasks then.
        draw: u64,
    },
    /// At a crash point.
    CrashPoint {
        /// Its name.
        point: String,
        /// The visit at which it strikes; 1 is the first.
        ordinal: u32,
        /// As for [`PlannedKill::Random`], should it not be reached.
        draw: u64,
    },
}

impl Plan {
    /// Draws the plan. `kafka` is only named in the command to replay it.
    #[must_use]
    pub fn draw(wanted: Wanted, kafka: &str) -> Self {
        let mutant = wanted.mutant.as_deref().and_then(Mutant::from_name);
        let exposure = exposure::of(mutant);
        let mut chance = ChaCha8Rng::seed_from_u64(wanted.seed);
        let mut points = exposure.points_for(wanted.seed, wanted.kills.div_ceil(2));
        put_off_restores(&mut points);
        let mut points = points.into_iter();
        let kills = (0..wanted.kills).map(|number| {
            let draw = chance.next_u64();
            let (after_ms, visit) = (within(PAUSE_MS, &mut chance), chance.next_u64());
            match if number % 2 == 0 { points.next() } else { None } {
                Some(point) => {
                    let ordinal = 1 + u32::try_from(visit % visits(point)).expect("a small number");
                    PlannedKill::CrashPoint { point: point.to_owned(), ordinal, draw }
                }
                None => PlannedKill::Random { after_checkpoint: !visit.is_multiple_of(4), after_ms, draw },
            }
        });
        let kills = kills.collect();
        let thresholds = Thresholds { kills_min: u64::from(wanted.kills.max(1)), ..Thresholds::default() };
        Self {
            input_partitions: 4,
            output_partitions: 4,
            operators: 4,
            checkpoint_interval_ms: exposure.checkpoint_interval_ms,
            transaction_timeout_ms: exposure.transaction_timeout_ms,
            outage_ms: exposure.outage_ms,
            kills,
            thresholds,
            replay: replay(&wanted, kafka),
            wanted,
        }
    }

    /// The crash points to be armed, in order, as `POINT:ORDINAL`.
    pub(super) fn arms(&self) -> impl Iterator<Item = String> + '_ {
        self.kills.iter().filter_map(|kill| match kill {
            PlannedKill::CrashPoint { point, ordinal, .. } => Some(format!("{point}:{ordinal}")),
            PlannedKill::Random { .. } => None,
        })
    }

    /// Slots of each worker: the job fits on all workers but one, so that it need not wait for a dead one's successor.
    pub(super) fn slots_per_worker(&self) -> u16 {
        let needed = self.input_partitions.max(self.operators);
        needed.div_ceil(self.wanted.workers.saturating_sub(1).max(1))
    }
}

/// The first attempt restores nothing: a crash point of a restore is not the first one.
fn put_off_restores(points: &mut [&str]) {
    if let Some(later) = points.iter().position(|point| !point.starts_with("restore.")) {
        points.swap(0, later);
    }
}

fn within(range: std::ops::Range<u64>, chance: &mut ChaCha8Rng) -> u64 {
    range.start + chance.next_u64() % (range.end - range.start)
}

/// How many visits there are about a second into an attempt: few for what happens once per attempt.
fn visits(point: &str) -> u64 {
    match point.split_once('.').map_or(point, |(operation, _)| operation) {
        "launch" | "restore" | "ready" | "consume" => 1,
        "produce" => 40,
        _ => 6,
    }
}

fn replay(wanted: &Wanted, kafka: &str) -> String {
    let Wanted { seed, kills, records, workers, mutant } = wanted;
    let mutant = mutant.as_ref().map_or_else(String::new, |name| format!(" --mutant {name}"));
    format!(
        "truecut chaos --kafka {kafka} --seed {seed} --kills {kills} --records {records} --workers {workers}{mutant}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use truecut_runtime::crash_point;

    use super::*;

    fn wanted(seed: u64) -> Wanted {
        Wanted { seed, kills: 8, records: 100_000, workers: 3, mutant: None }
    }

    fn points(plan: &Plan) -> BTreeSet<String> {
        let name = |arm: String| arm.split(':').next().unwrap_or_default().to_owned();
        plan.arms().map(name).collect()
    }

    #[test]
    fn equal_wishes_give_equal_plans_and_others_do_not() {
        assert_eq!(Plan::draw(wanted(7), "auto"), Plan::draw(wanted(7), "auto"));
        assert_ne!(Plan::draw(wanted(7), "auto").kills, Plan::draw(wanted(8), "auto").kills);
    }

    #[test]
    fn half_of_the_kills_are_at_crash_points_that_exist() {
        let plan = Plan::draw(wanted(3), "auto");
        assert_eq!((plan.kills.len(), plan.arms().count()), (8, 4));
        assert!(points(&plan).iter().all(|point| crash_point::ALL.contains(&point.as_str())), "{plan:?}");
        let armed: Result<Vec<crash_point::CrashAt>, String> = plan.arms().map(|arm| arm.parse()).collect();
        assert!(armed.is_ok());
    }

    #[test]
    fn any_ten_seeds_in_a_row_cover_nearly_every_crash_point() {
        for first in [0, 1, 42, 1_000] {
            let covered: BTreeSet<String> =
                (first..first + 10).flat_map(|seed| points(&Plan::draw(wanted(seed), "auto"))).collect();
            assert!(covered.len() >= 30, "{} from seed {first}", covered.len());
        }
    }

    #[test]
    fn a_job_fits_on_all_workers_but_one() {
        let slots = |workers| Plan::draw(Wanted { workers, ..wanted(1) }, "auto").slots_per_worker();
        assert_eq!([1, 2, 3, 4, 5].map(slots), [4, 4, 2, 2, 1]);
    }

    #[test]
    fn the_replay_names_everything() {
        let mutant = Some("skip_alignment".to_owned());
        let plan = Plan::draw(Wanted { mutant, ..wanted(9) }, "process");
        assert_eq!(
            plan.replay,
            "truecut chaos --kafka process --seed 9 --kills 8 --records 100000 --workers 3 --mutant skip_alignment"
        );
    }
}
