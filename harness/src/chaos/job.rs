//! The job that a chaos run kills: a keyed count with lineage, exactly once, from one topic to another.

use std::path::Path;

use truecut_runtime::config::{
    CheckpointConfig, CompressionConfig, ExchangeConfig, GuaranteeConfig, JobConfig, OperatorConfig,
    SecurityConfig, SinkConfig, SourceConfig, Start, WorkerConfig,
};

use super::plan::Plan;

/// The job's name in a run directory.
pub(super) const JOB_FILE: &str = "job.toml";
/// Its checkpoints in a run directory.
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// Restarts that follow each other without a completed checkpoint: kills during recovery are part of the plan.
const MAX_RESTARTS: u32 = 1_000;

/// Names on the Kafka cluster: unique to a run, so that runs share a cluster.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The job, its transactional prefix and its consumer group.
    pub(super) job: String,
    pub(super) input: String,
    pub(super) output: String,
}

impl Names {
    pub(super) fn of_run(run: &str) -> Self {
        Self {
            job: format!("truecut-{run}"),
            input: format!("truecut-{run}-in"),
            output: format!("truecut-{run}-out"),
        }
    }
}

/// The job's description.
pub(super) fn config(plan: &Plan, names: &Names, bootstrap: &str, run_directory: &Path) -> JobConfig {
    JobConfig {
        name: names.job.clone(),
        bootstrap: bootstrap.to_owned(),
        metrics: None,
        security: SecurityConfig::default(),
        source: SourceConfig {
            topic: names.input.clone(),
            group: None,
            start: Start::Earliest,
            parallelism: plan.job.input_partitions,
            read_committed: true,
            bounded: plan.job.bounded,
        },
        operator: OperatorConfig {
            function: "keyed-count-lineage".to_owned(),
            exchange: ExchangeConfig::KeyBy,
            parallelism: plan.job.operators,
        },
        sink: SinkConfig {
            topic: names.output.clone(),
            guarantee: GuaranteeConfig::ExactlyOnce,
            commit_by: plan.job.sink,
            marker_topic: None,
            transaction_timeout_ms: plan.job.transaction_timeout_ms,
            producer: plan.job.producer(),
            // The reader of the log takes records as they are.
            compression: CompressionConfig::None,
        },
        checkpoints: CheckpointConfig {
            directory: run_directory.join(CHECKPOINTS),
            interval_ms: plan.job.checkpoint_interval_ms,
            timeout_ms: plan.job.checkpoint_timeout_ms,
            min_pause_ms: 0,
            max_concurrent: plan.job.concurrent_checkpoints,
            tolerable_failures: plan.job.tolerable_failures,
            retained: 2,
            max_restarts: plan.job.max_restarts.unwrap_or(MAX_RESTARTS),
            restart_delay_ms: 0,
        },
        workers: workers(plan),
    }
}

fn workers(plan: &Plan) -> WorkerConfig {
    let usual = WorkerConfig::default();
    WorkerConfig {
        count: plan.job.workers,
        slots: Some(plan.job.slots_per_worker()),
        heartbeat_ms: plan.job.heartbeat_ms.unwrap_or(usual.heartbeat_ms),
        heartbeat_timeout_ms: plan.job.heartbeat_timeout_ms.unwrap_or(usual.heartbeat_timeout_ms),
    }
}
