//! What all benchmarks have in common: a Kafka, a directory, subjects that are there or missing, and one run from its topic to its verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use truecut_cluster::{Cluster, KafkaChoice, Options as ClusterOptions};

use super::Tell;
use super::document::{BenchDocument, Missing, Run, Setting, conclude, summarise};
use super::input::Input;
use super::kafka::{Kafka, Topic};
use super::machine::Machine;
use super::settings::{Cell, Query, Settings};
use super::subject::{Running, Subject, SubjectName};
use super::verify::{Judged, judge};
use crate::failure::Failure;
use crate::oracle::Drain;
use crate::verdict::{Kafka as KafkaTold, SCHEMA, Verdict};
use crate::wall_clock::now_ms;

/// Where benchmarks go unless told otherwise.
const RUNS: &str = "truecut-runs";

/// No input has more bytes than as many records of this size as were asked for.
const BYTES_OF_FULL_COUNT: u64 = 400;

/// The least input, unless told otherwise.
const USUAL: u64 = 5_000_000;
/// As many for each second between two checkpoints, where that is more: output is seen once a checkpoint, and a rate takes some of them.
const USUAL_A_SECOND: u64 = 14_000_000;

/// How many records the input has; fewer if they have more than 400 bytes.
#[derive(Clone, Debug)]
pub enum Amount {
    /// They are fed at a steady rate, as long as the benchmark takes.
    Steady,
    /// Five million, or fourteen million for each second between two checkpoints, whichever is more.
    Usual,
    /// So many, in turn.
    Given(Vec<u64>),
}

/// What every benchmark is asked for.
#[derive(Clone, Debug)]
pub struct Common {
    /// Which Kafka; one broker, shared by all subjects.
    pub kafka: KafkaChoice,
    /// Whom truecut is compared with.
    pub peers: Vec<SubjectName>,
    /// The directory of the peers that are not built by cargo.
    pub peers_directory: PathBuf,
    /// Runs of each subject in each cell.
    pub rounds: u32,
    /// What the job does.
    pub queries: Vec<Query>,
    /// Bytes of an input value.
    pub bytes: Vec<usize>,
    /// Times between two checkpoints, ms.
    pub intervals_ms: Vec<u64>,
    /// What the job promises.
    pub guarantees: Vec<super::Guarantee>,
    /// Distinct keys, where the query does not decide.
    pub keys: Vec<u64>,
    /// Partitions of the input and of the output.
    pub partitions: Vec<u16>,
    /// Input records.
    pub amount: Amount,
    /// Subtasks.
    pub parallelism: Vec<u16>,
    /// Decides keys and values.
    pub seed: u64,
    /// Warm the broker up before anything counts.
    pub warm_up: bool,
    /// Where everything of the runs is put; made if there is none.
    pub directory: Option<PathBuf>,
    /// Leave topics and directories of verified runs behind.
    pub keep: bool,
    /// Record truecut's traces.
    pub traces: bool,
    /// The command line, for the document.
    pub arguments: String,
}

impl Common {
    /// Latencies can be told only of outputs that name their input.
    pub(super) fn outputs_name_inputs(&self) -> Result<(), Failure> {
        match self.queries.iter().find(|query| !matches!(query, Query::Count | Query::Bids)) {
            None => Ok(()),
            Some(query) => {
                let text = format!("--query {query}: its output does not name its input; give count or bids");
                Err(Failure::usage(text))
            }
        }
    }

    /// Every combination of settings, in order; those that share an input follow each other.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let one = |query: &Query| Cell {
            query: *query,
            bytes: 0,
            guarantee: super::Guarantee::ExactlyOnce,
            interval_ms: 0,
            keys: 0,
            partitions: 0,
            records: None,
            parallelism: 0,
        };
        let cells = self.queries.iter().map(one).collect();
        let cells = each(cells, &self.bytes, |cell, bytes| Cell { bytes, ..cell });
        let cells = each(cells, &self.keys, |cell, keys| Cell { keys, ..cell });
        let cells = each(cells, &self.partitions, |cell, partitions| Cell { partitions, ..cell });
        let of = |cell: Cell, records| Cell { records: fewer(records, cell.bytes), ..cell };
        let cells = match &self.amount {
            Amount::Given(records) => each(cells, records, of),
            Amount::Steady | Amount::Usual => cells,
        };
        let cells = each(cells, &self.intervals_ms, |cell, interval_ms| Cell { interval_ms, ..cell });
        let cells = match &self.amount {
            Amount::Usual => cells.into_iter().map(|cell| of(cell, usual(cell.interval_ms))).collect(),
            Amount::Steady | Amount::Given(_) => cells,
        };
        let cells = each(cells, &self.guarantees, |cell, guarantee| Cell { guarantee, ..cell });
        let mut cells = each(cells, &self.parallelism, |cell, parallelism| Cell { parallelism, ..cell });
        // Where the query decides the keys their number makes no other input.
        cells.retain(|cell| !cell.query.reads_bids() || Some(&cell.keys) == self.keys.first());
        cells
    }
}

/// Every cell with every value.
fn each<T: Copy>(cells: Vec<Cell>, values: &[T], with: impl Fn(Cell, T) -> Cell) -> Vec<Cell> {
    let with = &with;
    cells.into_iter().flat_map(|cell| values.iter().map(move |value| with(cell, *value))).collect()
}

fn usual(interval_ms: u64) -> u64 {
    USUAL.max(interval_ms.saturating_mul(USUAL_A_SECOND / 1_000))
}

/// Records of more bytes are fewer.
fn fewer(records: u64, bytes: usize) -> Option<u64> {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(BYTES_OF_FULL_COUNT);
    Some((records.saturating_mul(BYTES_OF_FULL_COUNT) / bytes).max(1))
}

/// A benchmark under way.
pub(super) struct Bench {
    pub(super) common: Common,
    pub(super) kafka: Kafka,
    pub(super) tell: Tell,
    cluster: Cluster,
    id: String,
    directory: PathBuf,
    subjects: Vec<(SubjectName, Box<dyn Subject>)>,
    missing: Vec<Missing>,
    numbered: AtomicU32,
    started: Instant,
}

impl Bench {
    /// Starts Kafka and looks who can run.
    pub(super) async fn begin(common: Common, tell: Tell) -> Result<Self, Failure> {
        let started = Instant::now();
        let id = format!("bench-{}-{}-{}", common.seed, now_ms(), std::process::id());
        let directory = common.directory.clone().unwrap_or_else(|| Path::new(RUNS).join(&id));
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        std::fs::create_dir_all(&directory).map_err(Failure::at("make", &directory))?;
        let (mut subjects, mut missing) = (Vec::new(), Vec::new());
        for name in std::iter::once(SubjectName::Truecut).chain(common.peers.iter().copied()) {
            let subject = name.subject(&common.peers_directory);
            match subject.missing() {
                None => subjects.push((name, subject)),
                Some(why) => {
                    tell(&format!("{name} is missing: {why}"));
                    missing.push(Missing { subject: name, why });
                }
            }
        }
        tell("start Kafka");
        let mut options = ClusterOptions::new(&id);
        options.log_dir = Some(directory.join("kafka"));
        options.progress = Arc::clone(&tell);
        // The engine's proxy would take its part of the processors that are measured.
        options.host_network = true;
        let cluster = Cluster::start(common.kafka.clone(), options).await?;
        let kafka = Kafka::of(&cluster).await;
        let numbered = AtomicU32::new(1);
        Ok(Self { common, kafka, tell, cluster, id, directory, subjects, missing, numbered, started })
    }

    /// The subjects that can do what a cell asks for, in the order of a round: each is the first one in turn.
    pub(super) fn subjects(
        &self,
        round: u32,
        cell: Cell,
    ) -> impl Iterator<Item = (SubjectName, &dyn Subject)> {
        let count = self.subjects.len();
        let first = usize::try_from(round).unwrap_or(0) % count.max(1);
        let in_turn = self.subjects.iter().cycle().skip(first).take(count);
        let able = in_turn.filter(move |(name, _)| name.refuses(cell).is_none());
        able.map(|(name, subject)| (*name, subject.as_ref()))
    }

    /// Who does not offer what the settings ask for, and why.
    fn refusals(&self) -> Vec<Missing> {
        let mut refusals = Vec::new();
        for (name, _) in &self.subjects {
            let cells = self.common.cells().into_iter();
            let mut why: Vec<&str> = cells.filter_map(|cell| name.refuses(cell)).collect();
            why.dedup();
            refusals.extend(why.into_iter().map(|why| Missing { subject: *name, why: why.to_owned() }));
        }
        refusals
    }

    /// A name on the Kafka cluster that nobody else has.
    pub(super) fn name(&self, what: &str) -> String {
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        format!("truecut-{}-{number}-{what}", self.id)
    }

    /// Starts a subject on an output topic of its own.
    pub(super) async fn start(
        &self,
        (name, subject): (SubjectName, &dyn Subject),
        cell: Cell,
        input: &str,
        spare: bool,
    ) -> Result<Started, Failure> {
        let unique = self.name(name.name());
        let directory = self.directory.join(&unique);
        std::fs::create_dir_all(&directory).map_err(Failure::at("make", &directory))?;
        let output = self.kafka.create(format!("{unique}-out"), cell.partitions).await?;
        let settings = Settings {
            bootstrap: self.kafka.bootstrap().to_owned(),
            input: input.to_owned(),
            output: output.name.clone(),
            name: unique,
            cell,
            spare,
            traces: self.common.traces,
            directory: directory.clone(),
        };
        let running = subject.start(&settings)?;
        Ok(Started { running, output, directory })
    }

    /// Reads the output and judges it. What stopped the run early, or kept it from ending, makes it no pass.
    pub(super) async fn judge(
        &self,
        output: &Topic,
        query: Query,
        input: &Arc<Input>,
        troubles: Vec<String>,
        in_time: bool,
    ) -> Result<Judged, Failure> {
        let (bootstrap, output) = (self.kafka.bootstrap().to_owned(), output.clone());
        let input = Arc::clone(input);
        let drain = if in_time { Drain::Complete } else { Drain::Incomplete };
        let judged = blocking(move || judge(&bootstrap, &output, query, &input, drain)).await?;
        let verdict = if troubles.is_empty() { judged.verdict } else { judged.verdict.and(Verdict::Unknown) };
        let reasons = troubles.into_iter().chain(judged.reasons).collect();
        Ok(Judged { verdict, reasons, offsets: judged.offsets })
    }

    /// Takes away what a run left, unless someone may want to look at it.
    pub(super) async fn tidy(&self, output: &Topic, directory: &Path, verdict: Verdict) {
        if !self.common.keep && verdict == Verdict::Holds {
            self.kafka.delete(output).await;
            // What can't be removed is in nobody's way.
            drop(std::fs::remove_dir_all(directory));
        }
    }

    /// Ends Kafka and tells everything.
    pub(super) async fn end(
        self,
        command: &str,
        rate: Option<u64>,
        runs: Vec<Run>,
    ) -> Result<BenchDocument, Failure> {
        let (verdict, reasons) = conclude(&runs, &self.missing);
        let version_of = |(name, subject): &(SubjectName, Box<dyn Subject>)| {
            (*name, subject.versions().into_iter().collect::<BTreeMap<_, _>>())
        };
        let document = BenchDocument {
            schema: SCHEMA,
            command: command.to_owned(),
            verdict,
            reasons,
            seconds: self.started.elapsed().as_secs_f64(),
            arguments: self.common.arguments.clone(),
            machine: Machine::here(),
            host_network: self.cluster.on_host_network(),
            kafka: KafkaTold {
                kind: self.cluster.kind().to_owned(),
                version: self.cluster.version().to_owned(),
            },
            versions: self.subjects.iter().map(version_of).collect(),
            setting: Setting { seed: self.common.seed, rounds: self.common.rounds, rate },
            missing: self.missing.clone(),
            not_offered: self.refusals(),
            summary: summarise(&runs),
            runs,
        };
        (self.tell)("stop Kafka");
        self.cluster.stop().await?;
        if !self.common.keep && document.verdict == Verdict::Holds && self.common.directory.is_none() {
            drop(std::fs::remove_dir_all(&self.directory));
        }
        Ok(document)
    }
}

/// A subject on its output topic.
pub(super) struct Started {
    pub(super) running: Running,
    pub(super) output: Topic,
    pub(super) directory: PathBuf,
}

/// Does blocking work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::internal(format!("a thread of the benchmark failed: {error}")))?
}

/// Tells a run in a line.
pub(super) fn line(run: &Run) -> String {
    let numbers = super::document::METRICS.iter().filter_map(|metric| {
        let value = run.measured.get(metric.name)?;
        Some(format!("{}: {value:.*}", metric.title, metric.digits))
    });
    let numbers: Vec<String> = numbers.take(4).collect();
    let told = if run.verdict == Verdict::Holds { numbers.join(", ") } else { run.reasons.join("; ") };
    format!("round {}, {}, {}: {} {told}", run.round, run.cell, run.subject, run.verdict.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::settings::Guarantee;

    fn common() -> Common {
        Common {
            kafka: KafkaChoice::Auto,
            peers: Vec::new(),
            peers_directory: PathBuf::new(),
            rounds: 1,
            queries: vec![Query::Count, Query::Bids],
            bytes: vec![100, 1_000],
            intervals_ms: vec![50, 100],
            guarantees: vec![Guarantee::ExactlyOnce, Guarantee::None],
            keys: vec![10, 20],
            partitions: vec![1, 4],
            amount: Amount::Given(vec![500]),
            parallelism: vec![1],
            seed: 1,
            warm_up: false,
            directory: None,
            keep: false,
            traces: false,
            arguments: String::new(),
        }
    }

    #[test]
    fn cells_are_all_combinations_and_those_of_an_input_follow_each_other() {
        let cells = common().cells();
        // Of counts 2 sizes, 2 numbers of keys, 2 of partitions; of bids no numbers of keys; 4 jobs on each input.
        assert_eq!(cells.len(), (8 + 4) * 4);
        let inputs: Vec<&[Cell]> = cells.chunk_by(Cell::shares_input).collect();
        assert_eq!(inputs.len(), 12);
        assert!(inputs.iter().all(|cells| cells.len() == 4));
        let unique: std::collections::BTreeSet<Cell> = cells.iter().copied().collect();
        assert_eq!(unique.len(), cells.len());
    }

    #[test]
    fn larger_records_are_fewer_and_a_steady_rate_has_no_number() {
        let records = |bytes: usize| {
            let cells = common().cells();
            cells.into_iter().find(|cell| cell.bytes == bytes).and_then(|cell| cell.records)
        };
        assert_eq!((records(100), records(1_000)), (Some(500), Some(200)));
        let steady = Common { amount: Amount::Steady, ..common() };
        assert!(steady.cells().iter().all(|cell| cell.records.is_none()));
    }

    #[test]
    fn where_checkpoints_are_rare_there_is_more_input() {
        let usual = Common { amount: Amount::Usual, intervals_ms: vec![100, 1_000], ..common() };
        let all: std::collections::BTreeSet<_> = usual
            .cells()
            .iter()
            .map(|cell| (cell.interval_ms, cell.bytes, cell.records.unwrap_or_default()))
            .collect();
        let expected = [
            (100, 100, 5_000_000),
            (100, 1_000, 2_000_000),
            (1_000, 100, 14_000_000),
            (1_000, 1_000, 5_600_000),
        ];
        assert_eq!(all, expected.into());
    }
}
