//! What a chaos run will do, drawn up front from one seed: who is killed, where, when. Equal options give an equal plan.
//!
//! Kills alternate: one at a crash point, one at a random moment. A crash point is armed in a process when that is started,
//! so the worker that takes a dead one's place is armed for the next one, and gets subtasks when the random kill in
//! between makes the job restart. A coordinator works from its start: there the random kill goes before, and the coordinator
//! that takes the dead one's place is armed. Pauses come between kills: a process is stopped for so long that others give it up.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use truecut_mutants::Mutant;
use truecut_runtime::config::CommitByConfig;

use super::exposure;
use crate::history::Who;
use crate::verdict::Thresholds;

/// The plan's name in a run directory.
pub const PLAN_FILE: &str = "plan.json";

/// Shortest and longest time between the job's restart and a random kill, ms.
const PAUSE_MS: std::ops::Range<u64> = 250..1_200;

/// How long a paused process stays away after the others have given it up, ms.
const ASLEEP_MS: std::ops::Range<u64> = 500..1_500;
/// Heartbeats when processes are paused, ms: between two, and when a worker is given up.
const QUICK_HEARTBEATS_MS: (u64, u64) = (300, 2_000);

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
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Coordinator => "coordinator",
            Self::All => "all",
        }
    }

    fn is_workers(&self) -> bool {
        *self == Self::Workers
    }

    /// Whose turn it is at kill number `kill`, from 0.
    fn at(self, kill: u32) -> Who {
        match self {
            Self::Workers => Who::Worker,
            Self::Coordinator => Who::Coordinator,
            Self::All => {
                if (kill / 2).is_multiple_of(2) {
                    Who::Worker
                } else {
                    Who::Coordinator
                }
            }
        }
    }
}

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
    /// Who is killed and paused.
    #[serde(default, skip_serializing_if = "Victims::is_workers")]
    pub victims: Victims,
    /// Pauses.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pauses: u32,
    /// How the sink commits.
    #[serde(default)]
    pub sink: CommitByConfig,
    /// How long all workers stay away when a crash point strikes, ms: longer than Kafka lets a transaction live. 0: only one is
    /// killed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outage_ms: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(number: &u32) -> bool {
    *number == 0
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
    /// The pauses, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PlannedPause>,
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
        /// Who is killed.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
    },
    /// At a crash point.
    CrashPoint {
        /// Its name.
        point: String,
        /// The visit at which it strikes; 1 is the first.
        ordinal: u32,
        /// As for [`PlannedKill::Random`], should it not be reached.
        draw: u64,
        /// Who is killed.
        #[serde(default, skip_serializing_if = "Who::is_worker")]
        who: Who,
    },
}

/// One pause: a process is stopped with SIGSTOP until the job goes on without it, and comes back as a zombie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPause {
    /// It comes before the kill of this number, from 0; or after all of them.
    pub before_kill: u32,
    /// Who is paused.
    pub who: Who,
    /// So long after the attempt has completed a checkpoint, ms.
    pub after_ms: u64,
    /// So long after the next attempt runs without it, ms.
    pub asleep_ms: u64,
    /// Chooses among the workers that run subtasks then.
    pub draw: u64,
}

/// A crash point that is to be armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arm {
    /// The number of its kill, from 0.
    pub(super) kill: u32,
    pub(super) who: Who,
    /// `POINT:ORDINAL`.
    pub(super) at: String,
}

impl Plan {
    /// Draws the plan. `kafka` is only named in the command to replay it.
    #[must_use]
    pub fn draw(wanted: Wanted, kafka: &str) -> Self {
        let mutant = wanted.mutant.as_deref().and_then(Mutant::from_name);
        let exposure = exposure::of(mutant, wanted.outage_ms, wanted.sink);
        let mut chance = ChaCha8Rng::seed_from_u64(wanted.seed);
        let mut points = Points::of(&exposure, &wanted);
        let kills = (0..wanted.kills).map(|number| {
            let draw = chance.next_u64();
            let (after_ms, visit) = (within(PAUSE_MS, &mut chance), chance.next_u64());
            let who = wanted.victims.at(number);
            // A worker is armed before it runs anything; a coordinator's successor is, once it was killed.
            let crash_first = who.is_worker();
            match if (number % 2 == 0) == crash_first { points.next(who) } else { None } {
                Some(point) => {
                    let ordinal = 1 + u32::try_from(visit % visits(point)).expect("a small number");
                    PlannedKill::CrashPoint { point: point.to_owned(), ordinal, draw, who }
                }
                None => {
                    PlannedKill::Random { after_checkpoint: !visit.is_multiple_of(4), after_ms, draw, who }
                }
            }
        });
        let kills = kills.collect();
        let pauses = (0..wanted.pauses).map(|number| PlannedPause {
            before_kill: (number + 1) * wanted.kills / (wanted.pauses + 1),
            who: match wanted.victims {
                Victims::Workers => Who::Worker,
                Victims::Coordinator => Who::Coordinator,
                Victims::All => {
                    if number % 2 == 0 {
                        Who::Worker
                    } else {
                        Who::Coordinator
                    }
                }
            },
            after_ms: within(PAUSE_MS, &mut chance),
            asleep_ms: within(ASLEEP_MS, &mut chance),
            draw: chance.next_u64(),
        });
        let pauses = pauses.collect();
        let thresholds = Thresholds { kills_min: u64::from(wanted.kills.max(1)), ..Thresholds::default() };
        Self {
            input_partitions: 4,
            output_partitions: 4,
            operators: 4,
            checkpoint_interval_ms: exposure.checkpoint_interval_ms,
            transaction_timeout_ms: exposure.transaction_timeout_ms,
            outage_ms: exposure.outage_ms,
            kills,
            pauses,
            thresholds,
            replay: replay(&wanted, kafka),
            wanted,
        }
    }

    /// The crash points to be armed, in order.
    pub(super) fn arms(&self) -> impl Iterator<Item = Arm> + '_ {
        (0..).zip(&self.kills).filter_map(|(kill, planned)| match planned {
            PlannedKill::CrashPoint { point, ordinal, who, .. } => {
                Some(Arm { kill, who: *who, at: format!("{point}:{ordinal}") })
            }
            PlannedKill::Random { .. } => None,
        })
    }

    /// Time between two heartbeats, and after which a silent worker is given up, ms; `None` for what jobs have by default.
    pub(super) fn heartbeats_ms(&self) -> Option<(u64, u64)> {
        (!self.pauses.is_empty()).then_some(QUICK_HEARTBEATS_MS)
    }

    /// Slots of each worker: the job fits on all workers but one, so that it need not wait for a dead one's successor.
    pub(super) fn slots_per_worker(&self) -> u16 {
        let needed = self.input_partitions.max(self.operators);
        needed.div_ceil(self.wanted.workers.saturating_sub(1).max(1))
    }
}

/// Crash points to come, by kind of process.
struct Points {
    workers: std::vec::IntoIter<&'static str>,
    coordinators: std::vec::IntoIter<&'static str>,
}

impl Points {
    fn of(exposure: &exposure::Exposure, wanted: &Wanted) -> Self {
        let count = wanted.kills.div_ceil(2);
        let mut workers = exposure.points_for(wanted.seed, count);
        put_off_restores(&mut workers);
        let coordinators = exposure::coordinator_points_for(wanted.seed, count);
        Self { workers: workers.into_iter(), coordinators: coordinators.into_iter() }
    }

    fn next(&mut self, who: Who) -> Option<&'static str> {
        match who {
            Who::Worker => self.workers.next(),
            Who::Coordinator => self.coordinators.next(),
        }
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
        "read_head" | "read_checkpoint" | "list_transactions" | "fence" => 1,
        "deploy" => 2,
        "produce" => 40,
        _ => 6,
    }
}

fn replay(wanted: &Wanted, kafka: &str) -> String {
    let Wanted { seed, kills, records, workers, mutant, victims, pauses, sink, outage_ms } = wanted;
    let mut more = String::new();
    if !victims.is_workers() {
        more += &format!(" --kill {}", victims.name());
    }
    if *pauses > 0 {
        more += &format!(" --pauses {pauses}");
    }
    if *sink == CommitByConfig::Log {
        more += " --sink log";
    }
    if *outage_ms > 0 {
        more += &format!(" --outage {outage_ms}ms");
    }
    let mutant = mutant.as_ref().map_or_else(String::new, |name| format!(" --mutant {name}"));
    format!(
        "truecut chaos --kafka {kafka} --seed {seed} --kills {kills} --records {records} --workers {workers}{more}{mutant}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use truecut_runtime::crash_point;

    use super::*;

    fn wanted(seed: u64) -> Wanted {
        Wanted {
            seed,
            kills: 8,
            records: 100_000,
            workers: 3,
            mutant: None,
            victims: Victims::Workers,
            pauses: 0,
            sink: CommitByConfig::Resume,
            outage_ms: 0,
        }
    }

    fn points(plan: &Plan) -> BTreeSet<String> {
        let name = |arm: Arm| arm.at.split(':').next().unwrap_or_default().to_owned();
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
        let armed: Result<Vec<crash_point::CrashAt>, String> =
            plan.arms().map(|arm| arm.at.parse()).collect();
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
    fn plans_of_the_past_are_drawn_as_they_were() {
        const FIRST_OF_SEED_1: &str = concat!(
            r#"[{"at":"crash_point","point":"launch.before","ordinal":1,"draw":7424550030962593201},"#,
            r#"{"at":"random","after_checkpoint":false,"after_ms":383,"draw":4045824405258374466},"#,
            r#"{"at":"crash_point","point":"snapshot.before","ordinal":4,"draw":8505575526562236951}]"#
        );
        let plan = Plan::draw(wanted(1), "auto");
        assert_eq!(serde_json::to_string(&plan.kills[..3]).unwrap(), FIRST_OF_SEED_1);
        let json = serde_json::to_string(&plan).unwrap();
        assert!(!json.contains("victims") && !json.contains("pauses"), "{json}");
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }

    #[test]
    fn coordinators_are_killed_at_all_their_crash_points_within_ten_seeds() {
        let draw = |seed| Plan::draw(Wanted { victims: Victims::Coordinator, ..wanted(seed) }, "auto");
        for first in [0, 1, 42] {
            let covered: BTreeSet<String> =
                (first..first + 10).flat_map(|seed| points(&draw(seed))).collect();
            assert_eq!(covered.len(), crash_point::COORDINATOR.len(), "from seed {first}: {covered:?}");
            assert!(covered.iter().all(|point| crash_point::COORDINATOR.contains(&point.as_str())));
        }
        assert!(matches!(draw(5).kills[0], PlannedKill::Random { who: Who::Coordinator, .. }));
    }

    #[test]
    fn with_all_as_victims_both_kinds_are_killed_at_crash_points_and_at_random() {
        let wanted = Wanted { victims: Victims::All, pauses: 2, ..wanted(6) };
        let plan = Plan::draw(wanted, "auto");
        let told = |kill: &PlannedKill| match kill {
            PlannedKill::Random { who, .. } => (*who, false),
            PlannedKill::CrashPoint { who, .. } => (*who, true),
        };
        let (worker, coordinator) = (Who::Worker, Who::Coordinator);
        let four = [(worker, true), (worker, false), (coordinator, false), (coordinator, true)];
        assert_eq!(plan.kills.iter().map(told).collect::<Vec<_>>(), [four, four].concat());
        let pauses: Vec<_> = plan.pauses.iter().map(|pause| (pause.before_kill, pause.who)).collect();
        assert_eq!(pauses, [(2, worker), (5, coordinator)]);
        assert!(plan.replay.ends_with("--workers 3 --kill all --pauses 2"), "{}", plan.replay);
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
