//! Draws the verdict on a run from what lies in its directory, and from nothing else: so that anyone can do it again.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kafka_log::KafkaLog;
use super::plan::{PLAN_FILE, Plan};
use super::records::{INPUT_FILE, Kept, LIVE_FILE, OUTPUT_FILE};
use super::versions::{VERSIONS_FILE, Versions};
use super::{TRACES, records, replay, told};
use crate::failure::Failure;
use crate::history::{self, Event, History, Summary};
use crate::oracle::{BadRead, Drain, Findings, Oracle, RunEvidence, unseen};
use crate::verdict::{ChaosDocument, Evidence, Setting, Traces, conclude};
use crate::world::Circumstances;

/// How the end of a process that was not killed is told.
const GOOD_ORDER: &str = "exit code 0";

/// Judges a run. `command` is the one that asks.
///
/// # Errors
/// Something of the run directory is missing or damaged. A damaged trace is not an error but a violation.
pub fn judge(directory: &Path, command: &str, seconds: Duration) -> Result<ChaosDocument, Failure> {
    let plan = Plan::read(&directory.join(PLAN_FILE))?;
    let versions: Versions = read_json(directory, VERSIONS_FILE)?;
    let history = history::read(&directory.join(history::FILE_NAME))
        .map_err(|error| Failure::bad_data(error.to_string()))?;
    let summary = Summary::of(&history);
    let drain = if summary.drained { Drain::Complete } else { Drain::Incomplete };
    let findings = compare(directory, drain, evidence(directory, &summary, &history)?)?;
    let traces = replayed(directory)?;
    let recoveries = history::recoveries(&history);
    let evidence = Evidence {
        findings: &findings,
        summary: &summary,
        recoveries: &recoveries,
        traces: &traces,
        ends_with: plan.ends_with,
    };
    let series = unseen(&history);
    let setting = Setting {
        seconds: seconds.as_secs_f64(),
        seed: plan.seed,
        kafka: versions.kafka,
        mutant: plan.job.mutant.clone(),
        kills_planned: plan.kills(),
        plan: plan.name.clone(),
        replay: format!("truecut replay {}", directory.display()),
        run_directory: directory.display().to_string(),
    };
    let document = conclude(setting, &evidence, plan.thresholds);
    Ok(ChaosDocument { command: command.to_owned(), unseen: series, ..document })
}

/// Replays the traces of a run, and judges nothing else.
///
/// # Errors
/// Something of the run directory is missing or damaged. A damaged trace is not an error but a violation.
pub fn replayed(directory: &Path) -> Result<Traces, Failure> {
    let plan = Plan::read(&directory.join(PLAN_FILE))?;
    replay::validate(&directory.join(TRACES), plan.job.mutant.as_deref(), circumstances(directory)?)
}

/// The plan of an earlier run, and the kind of Kafka that it had.
///
/// # Errors
/// It is no run directory.
pub fn recorded(directory: &Path) -> Result<(Plan, String), Failure> {
    let versions: Versions = read_json(directory, VERSIONS_FILE)?;
    Ok((Plan::read(&directory.join(PLAN_FILE))?, versions.kafka.kind))
}

/// What must be known of a run to judge what the world answered.
///
/// # Errors
/// Something of the run directory is missing or damaged.
pub fn circumstances(directory: &Path) -> Result<Circumstances, Failure> {
    let plan = Plan::read(&directory.join(PLAN_FILE))?;
    let history = history::read(&directory.join(history::FILE_NAME))
        .map_err(|error| Failure::bad_data(error.to_string()))?;
    // The feeder writes the input, without transactions.
    let mut circumstances = Circumstances {
        dense_input: true,
        repeats: plan.repeats_requests(),
        moves: plan.kafka.brokers > 1,
        clocks_jump: plan.moves_clocks(),
        delivery: plan.delivery(),
        kafka_log: KafkaLog::load(directory)?,
        ..Circumstances::default()
    };
    for entry in history.entries {
        if let Event::LeftOpen { transactions, .. } = entry.event {
            circumstances.left_open = Some(transactions);
        } else if let Event::WorkerExited { pid, status, .. } | Event::CoordinatorExited { pid, status, .. } =
            entry.event
            && status == GOOD_ORDER
        {
            circumstances.ended_well.insert(pid.into());
        }
    }
    Ok(circumstances)
}

/// What is known of the run besides its input and output. What is not there makes oracles unknown.
fn evidence(directory: &Path, summary: &Summary, history: &History) -> Result<RunEvidence, Failure> {
    let kafka = KafkaLog::load(directory)?;
    let journal = told::journal(&directory.join(TRACES), kafka.states.as_deref().unwrap_or_default())?;
    let in_good_order = summary.ended && summary.failed.is_none() && summary.cut_short.is_empty();
    let moments = u64::try_from(unseen(history).len()).unwrap_or(u64::MAX);
    let mut run = RunEvidence::new(kafka, journal, in_good_order, moments);
    let live = directory.join(LIVE_FILE);
    if live.exists() {
        run.begin_live();
        records::read(&live, |Kept { partition, offset, value, .. }| {
            run.live(partition, offset, u32::from_le_bytes(checksum(value)?));
            Ok(())
        })?;
    }
    Ok(run)
}

fn checksum(value: &[u8]) -> Result<[u8; 4], Failure> {
    value.try_into().map_err(|_| Failure::bad_data("a kept record without a checksum"))
}

fn compare(directory: &Path, drain: Drain, run: RunEvidence) -> Result<Findings, Failure> {
    let bad = |error: BadRead| Failure::bad_data(error.to_string());
    let mut oracle = Oracle::default();
    oracle.run(run);
    records::read(&directory.join(INPUT_FILE), |Kept { partition, offset, key, value }| {
        let checksum = u32::from_le_bytes(checksum(value)?);
        oracle.input_checksum(partition, offset, key, checksum).map_err(bad)
    })?;
    records::read(&directory.join(OUTPUT_FILE), |Kept { partition, offset, key, value }| {
        oracle.output(partition, offset, key, value).map_err(bad)
    })?;
    Ok(oracle.finish(drain))
}

/// Reads a JSON file of a run directory.
pub(super) fn read_json<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<T, Failure> {
    let path = directory.join(name);
    let text = std::fs::read(&path).map_err(|error| {
        Failure::bad_data(format!(
            "can't read {}: {error}; name a run directory of `truecut chaos`",
            path.display()
        ))
    })?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::bad_data(format!("{} is damaged: {error}", path.display())))
}

/// Writes a JSON file of a run directory.
pub(super) fn write_json(directory: &Path, name: &str, value: &impl Serialize) -> Result<(), Failure> {
    let path = directory.join(name);
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::internal(error.to_string()))?;
    std::fs::write(&path, text + "\n").map_err(Failure::at("write", &path))
}
