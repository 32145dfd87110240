//! The one document of a benchmark: what was asked, where, every run, and the middle of the verified ones.
//!
//! A run that was not verified has no numbers. A peer that could not run is listed as missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::input::Input;
use super::machine::Machine;
use super::processes::Process;
use super::settings::Cell;
use super::statistics::{Spread, real};
use super::subject::SubjectName;
use super::verify::Judged;
use crate::verdict::{Kafka, Verdict};

/// A benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchDocument {
    /// Version of the form of all documents.
    pub schema: u32,
    /// Which benchmark: `bench throughput`, `bench latency` or `bench recovery`.
    pub command: String,
    /// Holds: everyone who was asked for ran, and every output is what its input demands.
    pub verdict: Verdict,
    /// Why it is not `holds`.
    pub reasons: Vec<String>,
    /// The whole of it, s.
    pub seconds: f64,
    /// The command line that does it again.
    pub arguments: String,
    /// Where.
    pub machine: Machine,
    /// Which Kafka; all subjects share it, and it runs on the same machine unless it is someone else's.
    pub kafka: Kafka,
    /// Its container is on this machine's own network: no proxy of the engine's is in between.
    #[serde(default)]
    pub host_network: bool,
    /// What each subject is made of.
    pub versions: BTreeMap<SubjectName, BTreeMap<String, String>>,
    /// What was the same in all runs.
    pub setting: Setting,
    /// Who could not run.
    pub missing: Vec<Missing>,
    /// Who offers to nobody what some of the settings ask for; there was nothing to measure.
    pub not_offered: Vec<Missing>,
    /// Every run, in order.
    pub runs: Vec<Run>,
    /// One row for each subject in each cell.
    pub summary: Vec<Summary>,
}

/// What is the same in all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Decides keys and values.
    pub seed: u64,
    /// Runs of each subject in each cell.
    pub rounds: u32,
    /// Records fed a second, in a benchmark that feeds steadily.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rate: Option<u64>,
}

/// A peer that could not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Who.
    pub subject: SubjectName,
    /// Why, and what to do.
    pub why: String,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Who.
    pub subject: SubjectName,
    /// In which round, from 1.
    pub round: u32,
    /// With which settings.
    #[serde(flatten)]
    pub cell: Cell,
    /// Records that the input had in the end.
    pub input_records: u64,
    /// Mean size of their values.
    pub value_bytes: f64,
    /// Whether the output is what the input demands.
    pub verdict: Verdict,
    /// Why it is not `holds`, and what else there is to say.
    pub reasons: Vec<String>,
    /// From the start to the end of the watching, s.
    pub seconds: f64,
    /// What was measured, by name; empty unless the verdict is `holds`. [`METRICS`] tells what they are.
    pub measured: BTreeMap<String, f64>,
    /// Processes of the subject; empty unless the verdict is `holds`.
    pub processes: Vec<Process>,
    /// What each kill cost; empty unless there were any and the verdict is `holds`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kills: Vec<Recovered>,
}

/// What a kill cost. Times are ms since the kill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// The first output of a record that was handed over after the kill.
    pub first_ms: f64,
    /// Each input partition has had such an output.
    pub every_partition_ms: f64,
    /// Until each partition has had an output as close behind its record as usual; none, if that never was, or nothing tells what is usual.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caught_up_ms: Option<f64>,
    /// The longest that a record waited.
    pub longest_wait_ms: f64,
    /// The subject noticed; of those that tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub noticed_ms: Option<f64>,
    /// All subtasks ran again; of those that tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub running_ms: Option<f64>,
}

impl Run {
    /// A run that was judged; nothing of it is measured yet.
    pub(super) fn judged(
        subject: SubjectName,
        (round, cell): (u32, Cell),
        input: &Input,
        judged: Judged,
        seconds: f64,
    ) -> Self {
        let records = input.records();
        Self {
            subject,
            round,
            cell,
            input_records: records,
            value_bytes: real(input.bytes) / real(records.max(1)),
            verdict: judged.verdict,
            reasons: judged.reasons,
            seconds,
            measured: BTreeMap::new(),
            processes: Vec::new(),
            kills: Vec::new(),
        }
    }
}

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in documents.
    pub name: &'static str,
    /// Its name for a person, with the unit.
    pub title: &'static str,
    /// Digits behind the point.
    pub digits: usize,
    /// Subjects are compared by it; the rest is there to be read.
    pub compared: bool,
}

/// Everything that is measured, in the order in which it is told.
pub const METRICS: [Metric; 20] = [
    Metric { name: FIRST_P50, title: "kill to first new output, p50, ms", digits: 0, compared: true },
    Metric { name: FIRST_P99, title: "p99, ms", digits: 0, compared: true },
    Metric { name: WAIT_P50, title: "longest wait of a record, p50, ms", digits: 0, compared: true },
    Metric { name: EVERY_P50, title: "every partition again, p50, ms", digits: 0, compared: false },
    Metric { name: CAUGHT_UP_P50, title: "caught up, p50, ms", digits: 0, compared: false },
    Metric { name: CAUGHT_UP_P99, title: "caught up, p99, ms", digits: 0, compared: false },
    Metric { name: NOTICED_P50, title: "noticed, p50, ms", digits: 1, compared: false },
    Metric { name: RUNNING_P50, title: "all running, p50, ms", digits: 1, compared: false },
    Metric { name: KILLS, title: "kills", digits: 0, compared: false },
    Metric { name: RATE, title: "records/s", digits: 0, compared: true },
    Metric { name: P50, title: "p50, ms", digits: 1, compared: true },
    Metric { name: P99, title: "p99, ms", digits: 1, compared: true },
    Metric { name: P999, title: "p99.9, ms", digits: 1, compared: false },
    Metric { name: LONGEST, title: "longest, ms", digits: 1, compared: false },
    Metric { name: CPU, title: "CPU s per million records", digits: 2, compared: true },
    Metric { name: BROKER_CPU, title: "the broker's CPU s per million", digits: 2, compared: false },
    Metric { name: MEMORY, title: "peak memory, MiB", digits: 0, compared: true },
    Metric { name: STARTUP, title: "start to first output, s", digits: 2, compared: false },
    Metric { name: RATE_TO_END, title: "records/s, to the last record", digits: 0, compared: false },
    Metric { name: CPU_TOTAL, title: "CPU s, start included", digits: 1, compared: false },
];

/// Records a second in the steady part.
pub(super) const RATE: &str = "records_per_second";
/// The same up to the last record.
pub(super) const RATE_TO_END: &str = "records_per_second_to_the_end";
/// Processor seconds of all processes per million records, in the part that is measured.
pub(super) const CPU: &str = "cpu_seconds_per_million";
/// The same of the broker, where it is on this machine.
pub(super) const BROKER_CPU: &str = "broker_cpu_seconds_per_million";
/// All processor seconds.
pub(super) const CPU_TOTAL: &str = "cpu_seconds_total";
/// The most memory of all processes at a time, MiB.
pub(super) const MEMORY: &str = "peak_memory_mib";
/// From the start of the process to the first committed output, s.
pub(super) const STARTUP: &str = "startup_seconds";
/// Latencies, ms.
pub(super) const P50: &str = "p50_ms";
pub(super) const P99: &str = "p99_ms";
pub(super) const P999: &str = "p999_ms";
pub(super) const LONGEST: &str = "longest_ms";

/// Of all kills of a run: see [`Recovered`].
pub(super) const FIRST_P50: &str = "first_p50_ms";
pub(super) const FIRST_P99: &str = "first_p99_ms";
pub(super) const WAIT_P50: &str = "longest_wait_p50_ms";
pub(super) const EVERY_P50: &str = "every_partition_p50_ms";
pub(super) const CAUGHT_UP_P50: &str = "caught_up_p50_ms";
pub(super) const CAUGHT_UP_P99: &str = "caught_up_p99_ms";
pub(super) const NOTICED_P50: &str = "noticed_p50_ms";
pub(super) const RUNNING_P50: &str = "running_p50_ms";
/// Kills of which each was seen to have ended a process.
pub(super) const KILLS: &str = "kills";

/// A subject in a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Who.
    pub subject: SubjectName,
    /// With which settings.
    #[serde(flatten)]
    pub cell: Cell,
    /// How many runs there were.
    pub runs: usize,
    /// How many of them were verified: only these count.
    pub verified: usize,
    /// The middle of what was measured, by name.
    pub metrics: BTreeMap<String, Compared>,
}

impl Summary {
    /// Whether every run was verified.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.runs > 0 && self.verified == self.runs
    }
}

/// A number beside truecut's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Of the verified runs.
    #[serde(flatten)]
    pub spread: Spread,
    /// truecut's median in the same cell, divided by this median.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub truecut_ratio: Option<f64>,
}

/// Summarises runs, in the order in which cells and subjects come first.
pub(super) fn summarise(runs: &[Run]) -> Vec<Summary> {
    let mut rows: Vec<Summary> = Vec::new();
    for run in runs {
        if !rows.iter().any(|row| row.cell == run.cell && row.subject == run.subject) {
            rows.push(summary(run.subject, run.cell, runs));
        }
    }
    let truecuts: Vec<Summary> =
        rows.iter().filter(|row| row.subject == SubjectName::Truecut).cloned().collect();
    for row in &mut rows {
        let Some(truecut) = truecuts.iter().find(|truecut| truecut.cell == row.cell) else { continue };
        for (name, compared) in &mut row.metrics {
            let own = truecut.metrics.get(name).map(|own| own.spread.median);
            compared.truecut_ratio =
                own.filter(|_| compared.spread.median > 0.0).map(|own| own / compared.spread.median);
        }
    }
    rows.sort_by_key(|row| (row.cell, row.subject));
    rows
}

fn summary(subject: SubjectName, cell: Cell, runs: &[Run]) -> Summary {
    let own: Vec<&Run> = runs.iter().filter(|run| run.cell == cell && run.subject == subject).collect();
    let verified: Vec<&Run> = own.iter().filter(|run| run.verdict == Verdict::Holds).copied().collect();
    let metrics = METRICS.iter().filter_map(|metric| {
        let values = verified.iter().filter_map(|run| run.measured.get(metric.name).copied());
        let spread = Spread::of(values)?;
        Some((metric.name.to_owned(), Compared { spread, truecut_ratio: None }))
    });
    Summary { subject, cell, runs: own.len(), verified: verified.len(), metrics: metrics.collect() }
}

/// The verdict on all of it, and why it is not `holds`.
pub(super) fn conclude(runs: &[Run], missing: &[Missing]) -> (Verdict, Vec<String>) {
    let mut verdict = if runs.is_empty() { Verdict::Unknown } else { Verdict::Holds };
    let mut reasons = Vec::new();
    for run in runs.iter().filter(|run| run.verdict != Verdict::Holds) {
        verdict = verdict.and(run.verdict);
        let (subject, round, cell) = (run.subject, run.round, run.cell);
        let why = run.reasons.join("; ");
        reasons.push(format!("{subject}, round {round}, {cell}: {}: {why}", run.verdict.name()));
    }
    for Missing { subject, why } in missing {
        verdict = verdict.and(Verdict::Unknown);
        reasons.push(format!("{subject} is missing: {why}"));
    }
    (verdict, reasons)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::settings::{Guarantee, Query};
    use crate::verdict::SCHEMA;

    pub(in crate::bench) const CELL: Cell = Cell {
        query: Query::Count,
        bytes: 100,
        guarantee: Guarantee::ExactlyOnce,
        interval_ms: 100,
        keys: 10_000,
        partitions: 4,
        records: None,
        parallelism: 2,
    };

    pub(in crate::bench) fn run(subject: SubjectName, round: u32, rate: f64) -> Run {
        Run {
            subject,
            round,
            cell: CELL,
            input_records: 1_000,
            value_bytes: 100.0,
            verdict: Verdict::Holds,
            reasons: Vec::new(),
            seconds: 9.0,
            measured: [(RATE.to_owned(), rate), (CPU.to_owned(), 2.0)].into(),
            processes: Vec::new(),
            kills: Vec::new(),
        }
    }

    pub(in crate::bench) fn document_of(runs: &[Run]) -> BenchDocument {
        let (verdict, reasons) = conclude(runs, &[]);
        BenchDocument {
            schema: SCHEMA,
            command: "bench throughput".into(),
            verdict,
            reasons,
            seconds: 61.2,
            arguments: "truecut bench throughput --vs raw,flink".into(),
            machine: Machine::here(),
            kafka: Kafka { kind: "container".into(), version: "4.3.0".into() },
            host_network: true,
            versions: [(SubjectName::Raw, [("librdkafka".to_owned(), "2.12.1".to_owned())].into())].into(),
            setting: Setting { seed: 7, rounds: 2, rate: None },
            missing: Vec::new(),
            not_offered: Vec::new(),
            summary: summarise(runs),
            runs: runs.to_vec(),
        }
    }

    fn failed(run: Run, verdict: Verdict) -> Run {
        Run { verdict, reasons: vec!["lost: 3 found".into()], measured: BTreeMap::new(), ..run }
    }

    #[test]
    fn ratios_are_those_of_medians() {
        use SubjectName::{Raw, Truecut};
        let runs = [
            run(Truecut, 1, 90.0),
            run(Raw, 1, 200.0),
            run(Raw, 2, 100.0),
            run(Truecut, 2, 110.0),
            run(Raw, 3, 150.0),
        ];
        let rows = summarise(&runs);
        assert_eq!(rows.iter().map(|row| row.subject).collect::<Vec<_>>(), [Truecut, Raw]);
        let rate = &rows[1].metrics[RATE];
        assert_eq!((rate.spread.median, rate.spread.runs), (150.0, 3));
        assert_eq!(rate.truecut_ratio, Some(100.0 / 150.0));
        assert_eq!(rows[0].metrics[RATE].truecut_ratio, Some(1.0));
    }

    #[test]
    fn a_run_that_failed_gives_no_number_and_is_told() {
        use SubjectName::{Raw, Truecut};
        let runs = [run(Truecut, 1, 90.0), failed(run(Raw, 1, 500.0), Verdict::Violated)];
        let rows = summarise(&runs);
        assert!(rows[1].metrics.is_empty() && !rows[1].is_verified() && rows[0].is_verified());
        let (verdict, reasons) = conclude(&runs, &[]);
        assert_eq!(verdict, Verdict::Violated);
        assert!(reasons[0].contains("raw") && reasons[0].contains("lost: 3 found"), "{reasons:?}");
    }

    #[test]
    fn a_missing_peer_and_an_unfinished_run_are_no_pass() {
        let runs = [run(SubjectName::Truecut, 1, 90.0)];
        assert_eq!(conclude(&runs, &[]), (Verdict::Holds, Vec::new()));
        let missing = [Missing { subject: SubjectName::Flink, why: "no Java".into() }];
        assert_eq!(conclude(&runs, &missing).0, Verdict::Unknown);
        let unfinished = [failed(runs[0].clone(), Verdict::Unknown)];
        assert_eq!(conclude(&unfinished, &missing).0, Verdict::Unknown);
        assert_eq!(conclude(&[], &[]).0, Verdict::Unknown);
    }

    #[test]
    fn a_run_reads_back_what_it_wrote() {
        let run = run(SubjectName::KafkaStreams, 1, 90.0);
        let text = serde_json::to_string(&run).unwrap();
        assert!(text.contains(r#""query":"count""#) && text.contains(r#""interval_ms":100"#), "{text}");
        assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
    }
}
