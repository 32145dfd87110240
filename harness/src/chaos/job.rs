//! The job that a chaos run kills: a keyed count with lineage, exactly once, from one topic to another.

use std::path::Path;

use truecut_runtime::config::{
    CheckpointConfig, ExchangeConfig, GuaranteeConfig, JobConfig, OperatorConfig, SinkConfig, SourceConfig,
    Start, WorkerConfig,
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
        source: SourceConfig {
            topic: names.input.clone(),
            group: None,
            start: Start::Earliest,
            parallelism: plan.input_partitions,
            read_committed: true,
            bounded: false,
        },
        operator: OperatorConfig {
            function: "keyed-count-lineage".to_owned(),
            exchange: ExchangeConfig::KeyBy,
            parallelism: plan.operators,
        },
        sink: SinkConfig {
            topic: names.output.clone(),
            guarantee: GuaranteeConfig::ExactlyOnce,
            commit_by: plan.wanted.sink,
            marker_topic: None,
            transaction_timeout_ms: plan.transaction_timeout_ms,
        },
        checkpoints: CheckpointConfig {
            directory: run_directory.join(CHECKPOINTS),
            interval_ms: plan.checkpoint_interval_ms,
            timeout_ms: 30_000,
            min_pause_ms: 0,
            max_concurrent: 1,
            tolerable_failures: 0,
            retained: 2,
            max_restarts: MAX_RESTARTS,
            restart_delay_ms: 0,
        },
        workers: workers(plan),
    }
}

fn workers(plan: &Plan) -> WorkerConfig {
    let mut workers = WorkerConfig {
        count: plan.wanted.workers,
        slots: Some(plan.slots_per_worker()),
        ..WorkerConfig::default()
    };
    if let Some((between, timeout)) = plan.heartbeats_ms() {
        (workers.heartbeat_ms, workers.heartbeat_timeout_ms) = (between, timeout);
    }
    workers
}
