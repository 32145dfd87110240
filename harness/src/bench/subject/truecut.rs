//! truecut as a subject: `truecut run` with a job file, this same program; no chaos, no traces.

use std::process::Command;

use truecut_runtime::config::{
    CheckpointConfig, CommitByConfig, CompressionConfig, ExchangeConfig, JobConfig, OperatorConfig,
    ProducerConfig, SinkConfig, SourceConfig, Start, WorkerConfig,
};

use super::{Running, Subject};
use crate::bench::settings::{Query, Settings};
use crate::failure::Failure;

/// A checkpoint that takes longer is given up, ms.
const CHECKPOINT_TIMEOUT_MS: u64 = 60_000;
/// Far longer than a run: Kafka aborts nothing by itself.
const TRANSACTION_TIMEOUT_MS: u32 = 600_000;

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
        Running::start(command, &settings.directory)
    }
}

fn job(settings: &Settings) -> JobConfig {
    let cell = settings.cell;
    let (function, exchange) = match cell.query {
        Query::Count => ("keyed-count-binary", ExchangeConfig::KeyBy),
        Query::PassThrough => ("pass-through", ExchangeConfig::Forward),
        Query::Currency => ("nexmark-currency", ExchangeConfig::Forward),
        Query::Bids => ("nexmark-bids", ExchangeConfig::KeyBy),
    };
    JobConfig {
        name: settings.name.clone(),
        bootstrap: settings.bootstrap.clone(),
        metrics: None,
        source: SourceConfig {
            topic: settings.input.clone(),
            group: None,
            start: Start::Earliest,
            parallelism: settings.parallelism,
            read_committed: true,
            bounded: false,
        },
        operator: OperatorConfig {
            function: function.to_owned(),
            exchange,
            parallelism: settings.parallelism,
        },
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
            // A run with a restart is not what was asked for.
            max_restarts: 0,
            restart_delay_ms: 0,
        },
        workers: WorkerConfig::default(),
    }
}

#[cfg(test)]
mod tests {
    use truecut_runtime::program::Functions;

    use super::*;
    use crate::bench::settings::{Cell, Guarantee};

    #[test]
    fn every_query_is_a_job_that_can_be() {
        for query in Query::ALL {
            let cell = Cell { query, bytes: 100, guarantee: Guarantee::ExactlyOnce, interval_ms: 100 };
            let settings = Settings {
                bootstrap: "127.0.0.1:9092".into(),
                input: "in".into(),
                output: "out".into(),
                name: "bench".into(),
                cell,
                parallelism: 2,
                directory: "d".into(),
            };
            let job = job(&settings);
            job.check().unwrap();
            assert!(Functions::default().named(&job.operator.function).is_ok(), "{query}");
        }
    }
}
