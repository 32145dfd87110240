//! truecut as a subject: `truecut run` with a job file, this same program; no chaos, and no traces unless asked for.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use truecut_runtime::config::{
    CheckpointConfig, CommitByConfig, CompressionConfig, ExchangeConfig, JobConfig, OperatorConfig,
    ProducerConfig, SecurityConfig, SinkConfig, SourceConfig, Start, WorkerConfig,
};
use truecut_runtime::event::Event;

use super::{Phase, Running, Subject, Told};
use crate::bench::settings::{Query, Settings};
use crate::chaos::TRACES;
use crate::failure::Failure;

/// A checkpoint that takes longer is given up, ms.
const CHECKPOINT_TIMEOUT_MS: u64 = 60_000;
/// Far longer than a run: Kafka aborts nothing by itself.
const TRANSACTION_TIMEOUT_MS: u32 = 600_000;

/// Restarts without a completed checkpoint in between, where processes are killed.
const RESTARTS_MAX: u32 = 100;
/// The file of events, in the subject's directory.
const EVENTS: &str = "events.ndjson";

/// This program.
pub(super) struct Truecut;

impl Subject for Truecut {
    fn missing(&self) -> Option<String> {
        None
    }

    fn versions(&self) -> Vec<(String, String)> {
        vec![
            ("truecut".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("librdkafka".to_owned(), rdkafka::util::get_rdkafka_version().1),
        ]
    }

    fn start(&self, settings: &Settings) -> Result<Running, Failure> {
        let file = settings.directory.join("job.toml");
        let text = toml::to_string(&job(settings)).map_err(|error| Failure::internal(error.to_string()))?;
        std::fs::write(&file, text).map_err(Failure::at("write", &file))?;
        let program = std::env::current_exe()
            .map_err(|error| Failure::environment(format!("where this program lies is unknown: {error}")))?;
        let mut command = Command::new(program);
        command.arg("run").arg(&file).arg("--logs").arg(settings.directory.join("logs"));
        command.arg("--events").arg(settings.directory.join(EVENTS));
        if settings.traces {
            command.arg("--traces").arg(settings.directory.join(TRACES));
        }
        Running::start(command, &settings.directory)
    }

    fn told(&self, directory: &Path) -> Vec<Told> {
        let text = std::fs::read_to_string(directory.join(EVENTS)).unwrap_or_default();
        text.lines().filter_map(told).collect()
    }
}

/// What a line of the file of events says about recovery.
fn told(line: &str) -> Option<Told> {
    #[derive(Deserialize)]
    struct Line {
        unix_us: u64,
        #[serde(flatten)]
        event: Event,
    }
    let Line { unix_us, event } = serde_json::from_str(line).ok()?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing about recovery")]
    let what = match event {
        Event::WorkerLost { .. } | Event::CoordinatorDied { .. } | Event::Restarting { .. } => Phase::Noticed,
        Event::Running { .. } => Phase::Running,
        _ => return None,
    };
    Some(Told { unix_us, what })
}

fn job(settings: &Settings) -> JobConfig {
    let cell = settings.cell;
    let (function, exchange) = match cell.query {
        Query::Count => ("keyed-count-binary", ExchangeConfig::KeyBy),
        Query::PassThrough => ("pass-through", ExchangeConfig::Forward),
        Query::Currency => ("nexmark-currency", ExchangeConfig::Forward),
        Query::Bids => ("nexmark-bids", ExchangeConfig::KeyBy),
    };
    let workers = if settings.spare {
        // The first worker has room for all of the job, and the second for all of it again.
        WorkerConfig { count: 2, slots: Some(cell.parallelism), ..WorkerConfig::default() }
    } else {
        WorkerConfig::default()
    };
    JobConfig {
        name: settings.name.clone(),
        bootstrap: settings.bootstrap.clone(),
        metrics: None,
        security: SecurityConfig::default(),
        source: SourceConfig {
            topic: settings.input.clone(),
            group: None,
            start: Start::Earliest,
            parallelism: cell.parallelism,
            read_committed: true,
            bounded: false,
        },
        operator: OperatorConfig { function: function.to_owned(), exchange, parallelism: cell.parallelism },
        sink: SinkConfig {
            topic: settings.output.clone(),
            guarantee: cell.guarantee.config(),
            commit_by: CommitByConfig::Resume,
            marker_topic: None,
            transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
            producer: ProducerConfig::Auto,
            compression: CompressionConfig::None,
        },
        checkpoints: CheckpointConfig {
            directory: settings.directory.join("checkpoints"),
            interval_ms: cell.interval_ms,
            timeout_ms: CHECKPOINT_TIMEOUT_MS,
            min_pause_ms: 0,
            max_concurrent: 1,
            tolerable_failures: 0,
            retained: 1,
            // Without kills, a run with a restart is not what was asked for.
            max_restarts: if settings.spare { RESTARTS_MAX } else { 0 },
            restart_delay_ms: 0,
        },
        workers,
    }
}

#[cfg(test)]
mod tests {
    use truecut_runtime::program::Functions;

    use super::*;
    use crate::bench::settings::{Cell, Guarantee};

    #[test]
    fn events_tell_when_a_loss_was_noticed_and_when_all_ran_again() {
        let line = |event: &str| told(&format!(r#"{{"unix_us":7,{event}}}"#));
        let noticed = line(r#""event":"worker_lost","worker":1"#);
        assert_eq!(noticed, Some(Told { unix_us: 7, what: Phase::Noticed }));
        let running = line(r#""event":"running","attempt":2"#);
        assert_eq!(running, Some(Told { unix_us: 7, what: Phase::Running }));
        assert_eq!(line(r#""event":"completed","attempt":2,"checkpoint":9"#), None);
        assert_eq!(told("cut off"), None);
    }

    #[test]
    fn every_query_is_a_job_that_can_be() {
        for query in Query::ALL {
            let (bytes, guarantee, interval_ms) = (100, Guarantee::ExactlyOnce, 100);
            let cell = Cell {
                query,
                bytes,
                guarantee,
                interval_ms,
                keys: 10,
                partitions: 4,
                records: None,
                parallelism: 2,
            };
            let settings = Settings {
                bootstrap: "127.0.0.1:9092".into(),
                input: "in".into(),
                output: "out".into(),
                name: "bench".into(),
                cell,
                spare: true,
                traces: false,
                directory: "d".into(),
            };
            let job = job(&settings);
            job.check().unwrap();
            assert!(Functions::default().named(&job.operator.function).is_ok(), "{query}");
        }
    }
}
