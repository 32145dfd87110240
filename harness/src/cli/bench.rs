//! `truecut bench`: how fast, at what cost, beside whom. This file has the options; what is measured is the library's.

mod check;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use truecut::bench::document::{BenchDocument, Summary};
use truecut::bench::{
    self, Amount, Common, Guarantee, LatencyOptions, Query, RecoveryOptions, SubjectName, Tell, Victim, page,
};
use truecut::failure::Failure;
use truecut::verdict::Exit;
use truecut_cluster::KafkaChoice;

use super::output::{self, Style};
use super::{Outcome, block_on, time};

/// Measure truecut beside Flink, Kafka Streams and the Kafka client's own limit; every run is verified
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Throughput(Throughput),
    Latency(Latency),
    Recovery(Recovery),
    Check(check::BenchCheck),
}

impl Bench {
    /// Whether standard output is for one document alone.
    pub(super) fn json(&self) -> bool {
        match &self.what {
            What::Throughput(throughput) => throughput.shared.prints_json(),
            What::Latency(latency) => latency.shared.prints_json(),
            What::Recovery(recovery) => recovery.shared.prints_json(),
            What::Check(check) => check.json,
        }
    }

    pub(super) fn run(&self) -> Outcome {
        match &self.what {
            What::Throughput(throughput) => throughput.run(),
            What::Latency(latency) => latency.run(),
            What::Recovery(recovery) => recovery.run(),
            What::Check(check) => check.run(),
        }
    }
}

/// Records per second, processor time, memory: an input that is already there, as fast as it goes
#[derive(Debug, Args)]
struct Throughput {
    #[command(flatten)]
    shared: Shared,
    /// Input records; fewer where they have more than 400 bytes [default: 5000000, or 14000000 for each second
    /// between checkpoints, if that is more; quick: 200000]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<Vec<u64>>,
    /// What the job does
    #[arg(long, value_name = "QUERY,...", value_delimiter = ',', default_value = "count")]
    query: Vec<Query>,
}

/// From a record's hand-over to Kafka to its output at a read_committed reader, at a steady rate
#[derive(Debug, Args)]
struct Latency {
    #[command(flatten)]
    shared: Shared,
    /// Records fed a second
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// How long after the first output nothing counts yet [default: 15s; quick: 1s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    settle: Option<Duration>,
    /// How long is measured then [default: 20s; quick: 3s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    measure: Option<Duration>,
    /// What the job does: count or bids, whose output names its input
    #[arg(long, value_name = "QUERY,...", value_delimiter = ',', default_value = "count")]
    query: Vec<Query>,
}

/// From kill -9 of a process to output that goes on, under a steady load
#[derive(Debug, Args)]
struct Recovery {
    #[command(flatten)]
    shared: Shared,
    /// Records fed a second
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// Kills in each run [default: 20; quick: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    kills: Option<u32>,
    /// Who is killed: worker, the busiest of those that process records; or coordinator
    #[arg(long, value_name = "WHO", default_value_t)]
    kill: Victim,
    /// How long after the first output the first kill comes [default: 5s; quick: 3s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    settle: Option<Duration>,
    /// The least time from when everything is as before to the next kill [default: 3s; quick: 1s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pause: Option<Duration>,
    /// Write a record for each key first, so that the state has its size from the start
    #[arg(long)]
    prefill: bool,
    /// What the job does: count or bids, whose output names its input
    #[arg(long, value_name = "QUERY,...", value_delimiter = ',', default_value = "count")]
    query: Vec<Query>,
}

/// What all of them ask for.
#[derive(Debug, Args)]
struct Shared {
    /// Beside whom: raw, flink, flink-tuned, kafka-streams; `none` for truecut alone [default: raw,flink,kafka-streams; recovery:
    /// flink,flink-tuned,kafka-streams]
    #[arg(long, value_name = "PEER,...", value_delimiter = ',')]
    vs: Option<Vec<Peer>>,
    /// Which Kafka, of one broker: auto, container, process, or HOST:PORT of one that runs
    #[arg(long, default_value = "auto", value_name = "KAFKA")]
    kafka: KafkaChoice,
    /// Runs of each subject with each setting [default: 3; quick and recovery: 1]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: Option<u32>,
    /// Bytes of an input value, at least 16
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "100", value_parser = bytes)]
    bytes: Vec<usize>,
    /// Times between two checkpoints, transactions or commits, ms [default: 100,1000; quick: 100; latency: 100; recovery: 50]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=600_000))]
    interval_ms: Option<Vec<u64>>,
    /// What the job promises: exactly_once, at_least_once or none
    #[arg(long, value_name = "WHAT,...", value_delimiter = ',', default_value = "exactly_once")]
    guarantee: Vec<Guarantee>,
    /// Distinct keys, where the query does not decide
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "10000", value_parser = clap::value_parser!(u64).range(1..))]
    keys: Vec<u64>,
    /// Subtasks, stream threads, threads: what each subject computes with
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "2", value_parser = clap::value_parser!(u16).range(1..=64))]
    parallelism: Vec<u16>,
    /// Partitions of the input and of the output: no fewer than subtasks
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "4", value_parser = clap::value_parser!(u16).range(1..=256))]
    partitions: Vec<u16>,
    /// Decides keys and values
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Small and short: to see that it works, not to measure
    #[arg(long)]
    quick: bool,
    /// The directory of the peers that Maven builds
    #[arg(long, value_name = "DIR", default_value = "benches/peers")]
    peers: PathBuf,
    /// Where everything of the runs is put [default: truecut-runs/bench-SEED-TIME]
    #[arg(long, value_name = "DIR")]
    run_directory: Option<PathBuf>,
    /// Leave topics and directories of verified runs behind
    #[arg(long)]
    keep: bool,
    /// Record truecut's traces, which slows it down a little, and leave its directories behind: for `analyze --timing`
    #[arg(long)]
    traces: bool,
    /// Write the document into this directory, and the page and charts of all benchmarks that lie there
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// With --write: keep it beside others of its kind, under this name: small letters, digits and dashes
    #[arg(long, value_name = "NAME", requires = "write", value_parser = page_name)]
    name: Option<String>,
    /// Print one JSON document, and nothing else; or write it into a file
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    json: Option<Option<PathBuf>>,
}

/// What Kafka takes by default as one record, less some room.
const BYTES_MAX: usize = 1_000_000;

/// Someone to compare with, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Named(SubjectName),
    Nobody,
}

impl std::str::FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self::Nobody) } else { text.parse().map(Self::Named) }
    }
}

fn page_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = !text.is_empty() && text.len() <= 40 && text.chars().all(plain);
    if fits {
        Ok(text.to_owned())
    } else {
        Err("give small letters, digits and dashes, at most 40".to_owned())
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse().map_err(|_| "give a number of bytes".to_owned())?;
    let fits = (bench::BYTES_MIN..=BYTES_MAX).contains(&bytes);
    if fits { Ok(bytes) } else { Err(format!("give {} to {BYTES_MAX}", bench::BYTES_MIN)) }
}

impl Shared {
    fn prints_json(&self) -> bool {
        matches!(self.json, Some(None))
    }

    fn peers(&self, usual: &[SubjectName]) -> Vec<SubjectName> {
        let Some(wanted) = &self.vs else { return usual.to_vec() };
        let mut peers = Vec::new();
        for peer in wanted {
            if let Peer::Named(name) = peer
                && !peers.contains(name)
            {
                peers.push(*name);
            }
        }
        peers
    }

    fn common(
        &self,
        query: &[Query],
        usual: &Usual,
        amount: Amount,
        arguments: &str,
    ) -> Result<Common, Failure> {
        let (least, most) = (self.partitions.iter().min(), self.parallelism.iter().max());
        if let (Some(partitions), Some(parallelism)) = (least, most)
            && partitions < parallelism
        {
            let text = format!(
                "--parallelism {parallelism}: with {partitions} partitions some would have nothing to do"
            );
            return Err(Failure::usage(text));
        }
        let rounds = self.rounds.unwrap_or(if self.quick { 1 } else { usual.rounds });
        let intervals = if self.quick { &usual.intervals_ms[..1] } else { usual.intervals_ms };
        let intervals_ms = self.interval_ms.clone().unwrap_or_else(|| intervals.to_vec());
        let common = Common {
            kafka: self.kafka.clone(),
            peers: self.peers(usual.peers),
            peers_directory: self.peers.clone(),
            rounds,
            queries: query.to_vec(),
            bytes: self.bytes.clone(),
            intervals_ms,
            guarantees: self.guarantee.clone(),
            keys: self.keys.clone(),
            partitions: self.partitions.clone(),
            amount,
            parallelism: self.parallelism.clone(),
            seed: self.seed,
            warm_up: !self.quick,
            directory: self.run_directory.clone(),
            keep: self.keep || self.traces,
            traces: self.traces,
            arguments: String::new(),
        };
        Ok(Common { arguments: told(&common, arguments), ..common })
    }

    fn done(&self, document: &BenchDocument) -> Outcome {
        match &self.json {
            Some(None) => output::document(document),
            Some(Some(file)) => {
                save(file, document)?;
                tell(document);
            }
            None => tell(document),
        }
        if let Some(directory) = &self.write {
            let files = page::write(directory, self.name.as_deref(), &document.command, document)?;
            wrote(&files, self.prints_json());
        }
        Ok(Exit::from(document.verdict).code())
    }
}

/// Tells of files that were written, where there is room for it.
fn wrote(files: &[PathBuf], prints_json: bool) {
    if !prints_json {
        files.iter().for_each(|file| output::line(&format!("wrote {}", file.display())));
    }
}

/// What a benchmark is about unless told otherwise.
struct Usual {
    peers: &'static [SubjectName],
    intervals_ms: &'static [u64],
    rounds: u32,
}

const THROUGHPUT: Usual = Usual {
    peers: &[SubjectName::Raw, SubjectName::Flink, SubjectName::KafkaStreams],
    intervals_ms: &[100, 1_000],
    rounds: 3,
};
const LATENCY: Usual = Usual { intervals_ms: &[100], ..THROUGHPUT };
const RECOVERY: Usual = Usual {
    peers: &[SubjectName::Flink, SubjectName::FlinkTuned, SubjectName::KafkaStreams],
    intervals_ms: &[50],
    rounds: 1,
};

fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The command line that does it again, in full and without places of this machine.
fn told(common: &Common, arguments: &str) -> String {
    let vs = if common.peers.is_empty() { "none".to_owned() } else { list(&common.peers) };
    format!(
        "truecut bench {arguments} --vs {vs} --rounds {} --query {} --bytes {} --interval-ms {} --guarantee {} --keys {} \
         --partitions {} --parallelism {} --seed {}{}",
        common.rounds,
        list(&common.queries),
        list(&common.bytes),
        list(&common.intervals_ms),
        list(&common.guarantees),
        list(&common.keys),
        list(&common.partitions),
        list(&common.parallelism),
        common.seed,
        if common.traces { " --traces" } else { "" },
    )
}

impl Throughput {
    fn run(&self) -> Outcome {
        let quick = self.shared.quick.then(|| vec![200_000]);
        let (amount, arguments) = match self.records.clone().or(quick) {
            Some(records) => {
                let arguments = format!("throughput --records {}", list(&records));
                (Amount::Given(records), arguments)
            }
            None => (Amount::Usual, "throughput".to_owned()),
        };
        let common = self.shared.common(&self.query, &THROUGHPUT, amount, &arguments)?;
        let document = block_on(bench::throughput(common, progress()))?;
        self.shared.done(&document)
    }
}

impl Latency {
    fn run(&self) -> Outcome {
        let (settle, measure) = if self.shared.quick { (1, 3) } else { (15, 20) };
        let settle = self.settle.unwrap_or(Duration::from_secs(settle));
        let measure = self.measure.unwrap_or(Duration::from_secs(measure));
        let arguments = format!(
            "latency --rate {} --settle {}ms --measure {}ms",
            self.rate,
            settle.as_millis(),
            measure.as_millis()
        );
        let common = self.shared.common(&self.query, &LATENCY, Amount::Steady, &arguments)?;
        let options = LatencyOptions { common, rate: self.rate, settle, measure };
        let document = block_on(bench::latency(options, progress()))?;
        self.shared.done(&document)
    }
}

impl Recovery {
    fn run(&self) -> Outcome {
        let (kills, settle, pause) = if self.shared.quick { (2, 3, 1) } else { (20, 5, 3) };
        let kills = self.kills.unwrap_or(kills);
        let settle = self.settle.unwrap_or(Duration::from_secs(settle));
        let pause = self.pause.unwrap_or(Duration::from_secs(pause));
        let prefill = if self.prefill { " --prefill" } else { "" };
        let arguments = format!(
            "recovery --rate {} --kills {kills} --kill {} --settle {}ms --pause {}ms{prefill}",
            self.rate,
            self.kill,
            settle.as_millis(),
            pause.as_millis()
        );
        let common = self.shared.common(&self.query, &RECOVERY, Amount::Steady, &arguments)?;
        let (rate, victim, prefill) = (self.rate, self.kill, self.prefill);
        let options = RecoveryOptions { common, rate, kills, victim, settle, pause, prefill };
        let document = block_on(bench::recovery(options, progress()))?;
        self.shared.done(&document)
    }
}

/// Tells on standard error what is being done, and when.
fn progress() -> Tell {
    let started = Instant::now();
    Arc::new(move |line| {
        // A reader that has gone away needs nothing more.
        drop(writeln!(std::io::stderr().lock(), "  {:>4.0} s  {line}", started.elapsed().as_secs_f64()));
    })
}

fn save(file: &Path, document: &BenchDocument) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document).map_err(|why| Failure::internal(why.to_string()))?;
    std::fs::write(file, text + "\n").map_err(Failure::at("write", file))
}

/// Tells a person what came out.
fn tell(document: &BenchDocument) {
    let style = Style::stdout();
    output::line(&format!("{}   {}", style.verdict(document.verdict), document.command));
    document.reasons.iter().for_each(|reason| output::line(&format!("  {reason}")));
    let mut rows: &[Summary] = &document.summary;
    while let Some(first) = rows.first() {
        let count = rows.iter().take_while(|row| row.cell == first.cell).count();
        output::line(&format!("\n{}", first.cell));
        output::table(&page::table(&rows[..count].iter().collect::<Vec<_>>()));
        rows = &rows[count..];
    }
    output::line(&style.dim(&format!("\nMedians, ± half of the whole spread. {}", document.machine.told())));
    output::line(&style.dim(&format!("again: {}", document.arguments)));
}
