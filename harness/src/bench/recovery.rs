//! Recovery: records are fed at a steady rate, a process is killed with -9 again and again, and a reader of what is committed waits for
//! the output to go on. The same for all subjects, which are not asked: from outside it shows when outputs of records come that were handed
//! over after the kill. Decides when whom is killed; what each kill cost is worked out afterwards ([`cost`]).

mod cost;
mod victim;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::Tell;
use super::document::{BenchDocument, MEMORY, Missing, Run, STARTUP};
use super::feed::Feed;
use super::input::{self, Input, Recipe};
use super::processes::Tree;
use super::read::Reader;
use super::run::{Bench, Common, Started, blocking, line};
use super::settings::Cell;
use super::statistics::real;
use super::subject::{Running, Subject, SubjectName};
use crate::failure::Failure;
use crate::verdict::Verdict;
use crate::wall_clock::since_1970;
pub use victim::Victim;

/// Kills in a run that counts for nothing: what follows a kill is compiled by the broker too.
const WARM_UP_KILLS: u32 = 3;
/// How long a subject may take until its first output, and until all of a state is there.
const START_LIMIT: Duration = Duration::from_secs(90);
/// A kill whose subject has no new output for so long is the last one.
const RECOVERY_LIMIT: Duration = Duration::from_secs(120);
/// How long the processes that were killed may be missing.
const REPLACED_LIMIT: Duration = Duration::from_secs(60);
/// Output that does not come for so long will not come.
const STALLED: Duration = Duration::from_secs(30);
/// How often it is looked how far things are.
const LOOK: Duration = Duration::from_millis(20);
/// The output counts as caught up, for the next kill to be due, when the newest one is no older than this and two intervals.
const BEHIND: Duration = Duration::from_millis(500);
const MIB: u64 = 1 << 20;

/// A benchmark of recovery.
#[derive(Clone, Debug)]
pub struct RecoveryOptions {
    /// What all benchmarks are asked for. Only queries whose output names its input record can be measured.
    pub common: Common,
    /// Records fed a second.
    pub rate: u64,
    /// Kills in each run.
    pub kills: u32,
    /// Who is killed.
    pub victim: Victim,
    /// How long after the first output the first kill comes; what waits how long in that time is the usual.
    pub settle: Duration,
    /// The least time from when everything is as before to the next kill.
    pub pause: Duration,
    /// Every key gets a record before the feeding begins, so that the state has its size from the start.
    pub prefill: bool,
}

/// Runs it all.
///
/// # Errors
/// The machine or Kafka is not usable, or what was asked for can't be measured. A peer that is missing, and a run that fails, is no error
/// but said in the document.
pub async fn recovery(options: RecoveryOptions, tell: Tell) -> Result<BenchDocument, Failure> {
    options.common.outputs_name_inputs()?;
    let mut common = options.common.clone();
    let refused: Vec<Missing> = common
        .peers
        .iter()
        .filter_map(|name| {
            Some(Missing { subject: *name, why: options.victim.refused_by(*name)?.to_owned() })
        })
        .collect();
    common.peers.retain(|name| options.victim.refused_by(*name).is_none());
    let bench = Bench::begin(common, tell).await?;
    bench.warm_up().await?;
    rehearse(&bench, &options).await?;
    let mut runs = Vec::new();
    for round in 0..options.common.rounds {
        for cell in options.common.cells() {
            for subject in bench.subjects(round, cell) {
                let run = measure(&bench, &options, subject, cell, round + 1).await?;
                (bench.tell)(&line(&run));
                runs.push(run);
            }
        }
    }
    let document = bench.end("bench recovery", Some(options.rate), runs).await?;
    let not_offered = refused.into_iter().chain(document.not_offered).collect();
    Ok(BenchDocument { not_offered, ..document })
}

/// A run of truecut that counts for nothing, if the broker is to be warm.
async fn rehearse(bench: &Bench, options: &RecoveryOptions) -> Result<(), Failure> {
    let Some((cell, subject)) = bench.rehearsal() else { return Ok(()) };
    let options = RecoveryOptions { kills: WARM_UP_KILLS.min(options.kills), ..options.clone() };
    let run = measure(bench, &options, subject, cell, 0).await?;
    (bench.tell)(&line(&run));
    Ok(())
}

/// What was done and seen.
#[derive(Debug)]
pub(super) struct Conducted {
    /// Of the input.
    pub(super) partitions: u16,
    pub(super) first_output: Option<Instant>,
    pub(super) kills: Vec<Killed>,
    /// Why it ended early.
    pub(super) gave_up: Option<String>,
}

impl Conducted {
    /// Nothing yet.
    fn of(cell: Cell) -> Self {
        Self { partitions: cell.partitions, first_output: None, kills: Vec::new(), gave_up: None }
    }
}

/// A kill that has ended a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Killed {
    pub(super) at: Instant,
    /// The same by the wall clock, us since 1970.
    pub(super) unix_us: u64,
}

async fn measure(
    bench: &Bench,
    options: &RecoveryOptions,
    (name, subject): (SubjectName, &dyn Subject),
    cell: Cell,
    round: u32,
) -> Result<Run, Failure> {
    let topic = bench.kafka.create(bench.name("in"), cell.partitions).await?;
    let recipe = Recipe::of(cell, options.common.seed);
    let prefilled = if options.prefill { prefill(bench, &topic.name, recipe).await? } else { 0 };
    let Started { mut running, output, directory } =
        bench.start((name, subject), cell, &topic.name, true).await?;
    let started = running.started();
    let reader = Reader::start(bench.kafka.bootstrap(), &output, cell.query)?;
    let mut tree = Tree::of(running.pid());
    let gave_up = wait_for_state(&mut running, &reader, prefilled).await?;
    let feed = Feed::start(bench.kafka.bootstrap(), &topic, recipe, options.rate)?;
    let conducted = match gave_up {
        Some(why) => Conducted { gave_up: Some(why), ..Conducted::of(cell) },
        None => {
            let scene = Scene { options, cell, round, feed: &feed, reader: &reader, prefilled };
            scene.conduct(&mut running, &mut tree, &bench.tell).await?
        }
    };
    let fed = feed.end()?;
    let behind = match &conducted.gave_up {
        None => reader.wait_for(prefilled + fed.records(), STALLED).await,
        Some(_) => None,
    };
    let used = tree.look();
    let seconds = started.elapsed().as_secs_f64();
    let unended = running.stop().await?;
    let seen = reader.end()?;
    let told = subject.told(&directory);
    let (bootstrap, read, query) = (bench.kafka.bootstrap().to_owned(), topic.clone(), cell.query);
    let input = Arc::new(blocking(move || Input::read(&bootstrap, &read, query)).await?);
    let in_time = conducted.gave_up.is_none() && behind.is_none();
    let troubles = conducted.gave_up.iter().cloned().chain(behind).chain(unended).collect();
    let judged = bench.judge(&output, cell.query, &input, troubles, in_time).await?;
    bench.tidy(&output, &directory, judged.verdict).await;
    bench.kafka.delete(&topic).await;
    let mut run = Run::judged(name, (round, cell), &input, judged, seconds);
    if run.verdict == Verdict::Holds {
        let waits = cost::waits(&fed, &seen);
        run.kills = cost::of_kills(&conducted, &waits, &told)?;
        run.measured = cost::summary(&run.kills);
        run.measured.insert(MEMORY.to_owned(), real(used.peak_memory / MIB));
        if let Some(first) = conducted.first_output {
            run.measured.insert(STARTUP.to_owned(), first.duration_since(started).as_secs_f64());
        }
        run.processes = tree.processes();
    }
    Ok(run)
}

/// Every key gets one record.
async fn prefill(bench: &Bench, topic: &str, recipe: Recipe) -> Result<u64, Failure> {
    (bench.tell)(&format!("write a record for each of {} keys", recipe.keys));
    let (bootstrap, topic) = (bench.kafka.bootstrap().to_owned(), topic.to_owned());
    let in_turn = Recipe { in_turn: true, ..recipe };
    blocking(move || input::write(&bootstrap, &topic, in_turn, in_turn.keys)).await?;
    Ok(recipe.keys)
}

/// Waits until the outputs of what was there before the feeding have come. The text says that they did not.
async fn wait_for_state(
    running: &mut Running,
    reader: &Reader,
    prefilled: u64,
) -> Result<Option<String>, Failure> {
    reader.keep(prefilled == 0);
    let (mut best, mut since) = (0, Instant::now());
    while reader.seen() < prefilled {
        tokio::time::sleep(LOOK).await;
        if let Some(why) = running.ended()? {
            return Ok(Some(why));
        }
        if reader.seen() > best {
            (best, since) = (reader.seen(), Instant::now());
        } else if since.elapsed() > START_LIMIT {
            return Ok(Some(format!("{best} of {prefilled} first outputs came, then none")));
        }
    }
    reader.keep(true);
    Ok(None)
}

/// A run under way.
struct Scene<'a> {
    options: &'a RecoveryOptions,
    cell: Cell,
    round: u32,
    feed: &'a Feed,
    reader: &'a Reader,
    prefilled: u64,
}

impl Scene<'_> {
    /// Waits for the first output, lets things settle, and kills.
    async fn conduct(
        &self,
        running: &mut Running,
        tree: &mut Tree,
        tell: &Tell,
    ) -> Result<Conducted, Failure> {
        let mut conducted = Conducted::of(self.cell);
        let outputs = |scene: &Self| scene.reader.seen() > scene.prefilled;
        if !self.until(running, START_LIMIT, |scene| outputs(scene)).await? {
            conducted.gave_up = Some(self.why(running, "no output", START_LIMIT)?);
            return Ok(conducted);
        }
        conducted.first_output = Some(Instant::now());
        tokio::time::sleep(self.options.settle).await;
        let mut chance = ChaCha8Rng::seed_from_u64(self.options.common.seed ^ u64::from(self.round));
        let processes = self.options.victim.candidates(&tree.living()).len();
        for number in 1..=self.options.kills {
            // Anywhere between two checkpoints.
            let wait = chance.next_u64() % self.cell.interval_ms.max(1);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let Some(killed) = self.options.victim.kill(tree).await else {
                conducted.gave_up = Some(format!("there was no {} to kill", self.options.victim));
                return Ok(conducted);
            };
            conducted.kills.push(killed);
            if !self.until(running, RECOVERY_LIMIT, |scene| scene.goes_on(killed.at)).await? {
                conducted.gave_up =
                    Some(self.why(running, &format!("kill {number}: no new output"), RECOVERY_LIMIT)?);
                return Ok(conducted);
            }
            let first_ms = killed.at.elapsed().as_millis();
            let is_whole =
                |tree: &mut Tree| self.options.victim.candidates(&tree.living()).len() >= processes;
            let since = Instant::now();
            while !(is_whole(tree) && self.caught_up()) {
                if since.elapsed() > REPLACED_LIMIT {
                    conducted.gave_up = Some(self.why(running, "not as before", REPLACED_LIMIT)?);
                    return Ok(conducted);
                }
                tokio::time::sleep(LOOK).await;
            }
            tell(&format!(
                "kill {number} of {}: every partition again after about {first_ms} ms",
                self.options.kills
            ));
            tokio::time::sleep(self.options.pause).await;
        }
        Ok(conducted)
    }

    /// Whether it came true in time, and the subject lives.
    async fn until(
        &self,
        running: &mut Running,
        limit: Duration,
        condition: impl Fn(&Self) -> bool,
    ) -> Result<bool, Failure> {
        let since = Instant::now();
        while !condition(self) {
            if since.elapsed() > limit || self.feed.failure().is_some() || running.ended()?.is_some() {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(true)
    }

    fn why(&self, running: &mut Running, what: &str, limit: Duration) -> Result<String, Failure> {
        let ended = running.ended()?.or_else(|| self.feed.failure());
        Ok(ended.unwrap_or_else(|| format!("{what} within {} s", limit.as_secs())))
    }

    /// When what each input partition's newest output stands for was handed over.
    fn newest(&self) -> Option<Vec<Instant>> {
        let places = self.reader.newest();
        places.iter().zip(0..).map(|(offset, partition)| self.feed.when(partition, *offset)).collect()
    }

    /// Every input partition has had an output of a record that was handed over after the kill.
    fn goes_on(&self, killed: Instant) -> bool {
        self.newest().is_some_and(|newest| newest.iter().all(|handed_over| *handed_over >= killed))
    }

    fn caught_up(&self) -> bool {
        let most = BEHIND + 2 * Duration::from_millis(self.cell.interval_ms);
        self.newest().is_some_and(|newest| newest.iter().all(|handed_over| handed_over.elapsed() < most))
    }
}

/// The wall clock, us since 1970.
fn unix_us() -> u64 {
    u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX)
}
