//! What a plan is carried out on: the job under test, and its Kafka.

use serde::{Deserialize, Serialize};
use truecut_cluster::Options;
use truecut_runtime::config::{CommitByConfig, ProducerConfig};

use crate::failure::Failure;

/// The job under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSetting {
    /// Worker processes.
    pub workers: u16,
    /// Partitions of the input topic, and source subtasks.
    pub input_partitions: u16,
    /// Partitions of the output topic.
    pub output_partitions: u16,
    /// Operator subtasks, and sinks.
    pub operators: u16,
    /// Time between two checkpoints, ms.
    pub checkpoint_interval_ms: u64,
    /// A checkpoint that takes longer is given up, ms.
    pub checkpoint_timeout_ms: u64,
    /// Checkpoints that may fail one after another.
    pub tolerable_failures: u32,
    /// Checkpoints that may be under way at once.
    pub concurrent_checkpoints: u16,
    /// Restarts that may follow each other without a completed checkpoint; as good as any number if there is none, since kills during
    /// recovery are part of most plans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_restarts: Option<u32>,
    /// After this long Kafka aborts a transaction that nobody ended, ms.
    pub transaction_timeout_ms: u32,
    /// How the sink commits.
    pub sink: CommitByConfig,
    /// The job ends by itself at the end of its input, which is all there before it starts.
    pub bounded: bool,
    /// The job goes on after a transaction that is lost, instead of ending with an error.
    #[serde(skip_serializing_if = "is_false")]
    pub accept_loss: bool,
    /// Time between two heartbeats, ms; as jobs have it if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// A worker that is silent for longer is given up, ms; as jobs have it if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_timeout_ms: Option<u64>,
    /// Whose code writes the output. If none is named: the one that jobs have, and librdkafka for a wrong protocol: several need one
    /// generation for several transactions, which the newer protocol of transactions makes impossible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub producer: Option<ProducerConfig>,
    /// The wrong protocol to run, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
}

impl Default for JobSetting {
    fn default() -> Self {
        Self {
            workers: 3,
            input_partitions: 4,
            output_partitions: 4,
            operators: 4,
            checkpoint_interval_ms: 150,
            checkpoint_timeout_ms: 30_000,
            tolerable_failures: 0,
            max_restarts: None,
            concurrent_checkpoints: 1,
            // A slow machine is no fault of Kafka's: only plans that want a transaction to expire let it.
            transaction_timeout_ms: 600_000,
            sink: CommitByConfig::Resume,
            bounded: false,
            accept_loss: false,
            heartbeat_ms: None,
            heartbeat_timeout_ms: None,
            producer: None,
            mutant: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl JobSetting {
    /// Slots of each worker: the job fits on all workers but one, so that it need not wait for a dead one's successor.
    #[must_use]
    pub fn slots_per_worker(&self) -> u16 {
        let needed = self.input_partitions.max(self.operators);
        needed.div_ceil(self.workers.saturating_sub(1).max(1))
    }

    /// Whose code writes the output.
    #[must_use]
    pub fn producer(&self) -> ProducerConfig {
        let usual =
            if self.mutant.is_some() { ProducerConfig::Librdkafka } else { ProducerConfig::default() };
        self.producer.unwrap_or(usual)
    }

    /// Heartbeats quick enough for plans with pauses.
    #[must_use]
    pub fn with_quick_heartbeats(mut self) -> Self {
        self.heartbeat_ms.get_or_insert(300);
        self.heartbeat_timeout_ms.get_or_insert(2_000);
        self
    }
}

/// The Kafka of a run, if it is started for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSetting {
    /// Brokers: 1 or 3.
    pub brokers: u8,
    /// The release, for example `4.3.0`; truecut's usual one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The finalized level of the feature `transaction.version` (KIP-890: from 2 on, every transaction has an epoch of its own); the
    /// release's own if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_version: Option<u16>,
    /// Kafka forgets a transactional id that was not used for so long and has no open transaction, ms; a week if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactional_id_expiration_ms: Option<u32>,
}

impl Default for KafkaSetting {
    fn default() -> Self {
        Self { brokers: 1, release: None, transaction_version: None, transactional_id_expiration_ms: None }
    }
}

impl KafkaSetting {
    /// Puts it into the options of a cluster.
    ///
    /// # Errors
    /// There is no such release.
    pub(in super::super) fn apply(&self, options: &mut Options) -> Result<(), Failure> {
        if let Some(release) = &self.release {
            options.release =
                release.parse().map_err(|error| Failure::usage(format!("kafka.release: {error}")))?;
        }
        options.brokers = self.brokers;
        options.transaction_version = self.transaction_version;
        if let Some(ms) = self.transactional_id_expiration_ms {
            options.config.insert("transactional.id.expiration.ms".into(), ms.to_string());
            let often = "transaction.remove.expired.transaction.cleanup.interval.ms";
            options.config.insert(often.into(), "500".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_fits_on_all_workers_but_one() {
        let slots = |workers| JobSetting { workers, ..JobSetting::default() }.slots_per_worker();
        assert_eq!([1, 2, 3, 4, 5].map(slots), [4, 4, 2, 2, 1]);
    }
}
