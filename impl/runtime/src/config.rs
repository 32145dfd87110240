//! A job as a person describes it: one TOML file, or the same built in Rust. Data only, so that the same description can
//! be run elsewhere.

mod security;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use truecut_core::{CommitBy, Exchange, Guarantee, Isolation, Job, Settings, StartPosition};

use crate::kafka::Cluster;
use crate::kafka::producer::{Compression, ProducerKind, ProducerSettings};
pub use security::{MechanismConfig, SaslConfig, SecurityConfig, TlsConfig};

/// A job description that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the job file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a job description.
    #[error("the job file {path} has an error:\n{source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what; names line and column.
        source: Box<toml::de::Error>,
    },
    /// A value can't be.
    #[error("the job description has an error: {what}")]
    Invalid {
        /// Which, why, and what to do.
        what: String,
    },
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// Its name: in logs, and as the prefix of transactional ids, so unique on its Kafka cluster.
    pub name: String,
    /// Kafka's bootstrap servers, `HOST:PORT[,HOST:PORT...]`.
    pub bootstrap: String,
    /// Serve metrics at this address, `HOST:PORT`, in Prometheus's text format. Default: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// How connections to Kafka are secured. Default: not at all.
    #[serde(default, skip_serializing_if = "SecurityConfig::is_plaintext")]
    pub security: SecurityConfig,
    /// What is read.
    pub source: SourceConfig,
    /// What is done.
    #[serde(default)]
    pub operator: OperatorConfig,
    /// What is written.
    pub sink: SinkConfig,
    /// How it is made fault tolerant.
    pub checkpoints: CheckpointConfig,
    /// The processes that run it.
    #[serde(default)]
    pub workers: WorkerConfig,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The input topic.
    pub topic: String,
    /// Consumer group that offsets are committed to when a checkpoint completes, for monitoring; default: the job's name.
    pub group: Option<String>,
    /// Where a job without a checkpoint begins.
    #[serde(default)]
    pub start: Start,
    /// Source subtasks; at most one per partition. Default: one.
    #[serde(default = "one")]
    pub parallelism: u16,
    /// Read only what is committed. Default: true.
    #[serde(default = "yes")]
    pub read_committed: bool,
    /// End the job when every partition is read to where it ended when the attempt began. Default: false.
    #[serde(default)]
    pub bounded: bool,
}

/// Where a job without a checkpoint begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At the oldest records.
    #[default]
    Earliest,
    /// At the end.
    Latest,
    /// At the group's offsets, else at the oldest records.
    GroupOrEarliest,
    /// At the group's offsets, else at the end.
    GroupOrLatest,
}

/// What is done with the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorConfig {
    /// Name of the function: `pass-through`, `keyed-count`, `keyed-count-lineage`, or one that the program registered.
    pub function: String,
    /// How records get to it.
    pub exchange: ExchangeConfig,
    /// Operator subtasks, and as many sinks. Default: one.
    pub parallelism: u16,
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self { function: "pass-through".into(), exchange: ExchangeConfig::Rebalance, parallelism: 1 }
    }
}

/// How records get from sources to operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeConfig {
    /// From source i to operator i.
    Forward,
    /// In turn.
    Rebalance,
    /// By key.
    KeyBy,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// The output topic.
    pub topic: String,
    /// What is promised. Default: exactly_once.
    #[serde(default)]
    pub guarantee: GuaranteeConfig,
    /// How exactly_once gets over a transaction that Kafka aborted while the job was down. Default: resume.
    #[serde(default)]
    pub commit_by: CommitByConfig,
    /// The compacted topic that commit by log keeps its markers in; made if there is none. Default: the job's name and `-markers`.
    pub marker_topic: Option<String>,
    /// After this long Kafka aborts a transaction that nobody ended: downtime beyond it loses data (and says so). Default: 15 min,
    /// the most that a broker allows by default (`transaction.max.timeout.ms`).
    #[serde(default = "transaction_timeout")]
    pub transaction_timeout_ms: u32,
    /// Whose code writes. Default: auto.
    #[serde(default)]
    pub producer: ProducerConfig,
    /// How records are compressed. Default: none.
    #[serde(default)]
    pub compression: CompressionConfig,
}

/// Whose code writes. What is written is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProducerConfig {
    /// truecut's own where the brokers allow it (Kafka 3.0 or newer), else librdkafka.
    #[default]
    Auto,
    /// truecut's own: it speaks the newer protocol of transactions (KIP-890) where the cluster agreed on it, and a transaction costs it
    /// little, so that short checkpoint intervals are cheap.
    Builtin,
    /// librdkafka: one client per transaction, and always the older protocol.
    Librdkafka,
}

/// How records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompressionConfig {
    /// Not at all.
    #[default]
    None,
    /// Quick, to about a half.
    Lz4,
    /// Slower and smaller.
    Zstd,
}

/// How long records of a transaction wait for more of their partition, if they are few: fewer requests, and nobody waits for it, since they can
/// be read only once the transaction is committed, and the barrier that ends it sends what waits at once.
const LINGER_IN_TRANSACTION: Duration = Duration::from_millis(25);

impl SinkConfig {
    /// How its producers write.
    #[must_use]
    pub fn producer_settings(&self, cluster: Cluster) -> ProducerSettings {
        let kind = match self.producer {
            ProducerConfig::Auto => ProducerKind::Auto,
            ProducerConfig::Builtin => ProducerKind::BuiltIn,
            ProducerConfig::Librdkafka => ProducerKind::Librdkafka,
        };
        let compression = match self.compression {
            CompressionConfig::None => Compression::None,
            CompressionConfig::Lz4 => Compression::Lz4,
            CompressionConfig::Zstd => Compression::Zstd,
        };
        let usual = ProducerSettings::new(cluster);
        let linger = match self.guarantee {
            GuaranteeConfig::ExactlyOnce => LINGER_IN_TRANSACTION,
            GuaranteeConfig::AtLeastOnce | GuaranteeConfig::None => usual.linger,
        };
        ProducerSettings { kind, compression, linger, ..usual }
    }
}

/// What a sink promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuaranteeConfig {
    /// Each record once, to `read_committed` readers.
    #[default]
    ExactlyOnce,
    /// Each record once or more.
    AtLeastOnce,
    /// Nothing: records may be lost or repeated when something fails.
    None,
}

/// How an exactly-once sink gets over an aborted transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitByConfig {
    /// Not at all, and says so: what was aborted is lost.
    #[default]
    Resume,
    /// By writing it again from the checkpoint.
    Log,
}

/// How a job is made fault tolerant. Defaults are Flink's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Directory of the checkpoints; all workers must see it.
    pub directory: PathBuf,
    /// Time between two triggers, ms. The first of an attempt comes after 20 ms if that is sooner. Default: 1000.
    #[serde(default = "interval")]
    pub interval_ms: u64,
    /// A checkpoint that takes longer is aborted, ms. Default: 10 min.
    #[serde(default = "timeout")]
    pub timeout_ms: u64,
    /// Shortest pause between the end of one and the next, ms. Default: 0.
    #[serde(default)]
    pub min_pause_ms: u64,
    /// Checkpoints at a time. Default: 1.
    #[serde(default = "one")]
    pub max_concurrent: u16,
    /// Failed checkpoints in a row that are tolerated. Default: 0.
    #[serde(default)]
    pub tolerable_failures: u32,
    /// Completed checkpoints that are kept. Default: 1.
    #[serde(default = "one")]
    pub retained: u16,
    /// Restarts without a completed checkpoint in between. Default: 10.
    #[serde(default = "restarts")]
    pub max_restarts: u32,
    /// Pause before a restart, ms. Default: 0.
    #[serde(default)]
    pub restart_delay_ms: u64,
}

/// The processes that run the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Worker processes. Default: one.
    pub count: u16,
    /// Slots of each; default: as many as the job needs, spread evenly.
    pub slots: Option<u16>,
    /// Time between two heartbeats, ms. Default: 500.
    pub heartbeat_ms: u64,
    /// A worker that is silent for longer is given up, ms. Default: 5000.
    pub heartbeat_timeout_ms: u64,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { count: 1, slots: None, heartbeat_ms: 500, heartbeat_timeout_ms: 5_000 }
    }
}

fn one() -> u16 {
    1
}

fn yes() -> bool {
    true
}

fn transaction_timeout() -> u32 {
    900_000
}

fn interval() -> u64 {
    1_000
}

fn timeout() -> u64 {
    600_000
}

fn restarts() -> u32 {
    10
}

impl JobConfig {
    /// Reads a job file.
    ///
    /// # Errors
    /// It can't be read, is not TOML of this form (line and column are named), or holds a value that can't be.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.into(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let malformed = |source| ConfigError::Malformed { path: path.into(), source: Box::new(source) };
        let config: Self = toml::from_str(&text).map_err(malformed)?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types can't say.
    ///
    /// # Errors
    /// Names the first value that can't be, and what to do.
    pub fn check(&self) -> Result<(), ConfigError> {
        let rules: [(bool, &str); 10] = [
            (
                self.sink.commit_by == CommitByConfig::Resume
                    || self.sink.guarantee == GuaranteeConfig::ExactlyOnce,
                "`sink.commit_by` is log, but `sink.guarantee` has no transactions: choose exactly_once, or leave `commit_by` out",
            ),
            (
                !self.name.is_empty(),
                "`name` is empty: give the job a name that is unique on its Kafka cluster",
            ),
            (
                !self.name.contains('/'),
                "`name` has a slash, which delimits the parts of a transactional id: use another character",
            ),
            (self.source.parallelism > 0, "`source.parallelism` is 0: at least 1 subtask must read"),
            (self.operator.parallelism > 0, "`operator.parallelism` is 0: at least 1 subtask must write"),
            (
                self.operator.exchange != ExchangeConfig::Forward
                    || self.source.parallelism == self.operator.parallelism,
                "`operator.exchange` is forward, but `source.parallelism` and `operator.parallelism` differ: make them equal, or choose rebalance or key-by",
            ),
            (self.workers.count > 0, "`workers.count` is 0: at least 1 worker must run"),
            (
                self.checkpoints.interval_ms > 0,
                "`checkpoints.interval_ms` is 0: give a time between two checkpoints",
            ),
            (
                self.checkpoints.max_concurrent > 0,
                "`checkpoints.max_concurrent` is 0: at least 1 must be allowed",
            ),
            (
                self.workers.heartbeat_timeout_ms > self.workers.heartbeat_ms,
                "`workers.heartbeat_timeout_ms` is not above `workers.heartbeat_ms`: every worker would be given up",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(ConfigError::Invalid { what: (*what).into() }),
            None => self.security.check().and_then(|()| self.check_slots()),
        }
    }

    /// Its Kafka cluster, for a client of this name.
    ///
    /// # Errors
    /// A file that secures connections can't be used.
    pub fn cluster(&self, client_id: &str) -> Result<Cluster, ConfigError> {
        Ok(Cluster { security: self.security.load()?, ..Cluster::new(&self.bootstrap, client_id) })
    }

    fn check_slots(&self) -> Result<(), ConfigError> {
        let (needed, have) =
            (self.slots_needed(), u32::from(self.slots_per_worker()) * u32::from(self.workers.count));
        if have >= u32::from(needed) {
            return Ok(());
        }
        let what = format!(
            "the job needs {needed} slots, but {} workers have {have}: raise `workers.count` or `workers.slots`",
            self.workers.count
        );
        Err(ConfigError::Invalid { what })
    }

    fn slots_needed(&self) -> u16 {
        // Slots do not depend on how many partitions there are, nor on whether a loss is accepted.
        self.job(1, false).slots()
    }

    /// Slots that each worker offers.
    #[must_use]
    pub fn slots_per_worker(&self) -> u16 {
        self.workers.slots.unwrap_or_else(|| self.slots_needed().div_ceil(self.workers.count.max(1)))
    }

    /// The topic of the markers.
    #[must_use]
    pub fn marker_topic(&self) -> String {
        self.sink.marker_topic.clone().unwrap_or_else(|| format!("{}-markers", self.name))
    }

    /// The consumer group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.source.group.as_deref().unwrap_or(&self.name)
    }

    /// The job as the core asks for it; `partitions` is the input topic's number of partitions.
    #[must_use]
    pub fn job(&self, partitions: u32, accept_loss: bool) -> Job {
        let checkpoints = &self.checkpoints;
        Job {
            topic: self.source.topic.clone(),
            partitions,
            sources: self.source.parallelism,
            operators: self.operator.parallelism,
            exchange: match self.operator.exchange {
                ExchangeConfig::Forward => Exchange::Forward,
                ExchangeConfig::Rebalance => Exchange::Rebalance,
                ExchangeConfig::KeyBy => Exchange::Key,
            },
            guarantee: match self.sink.guarantee {
                GuaranteeConfig::ExactlyOnce => Guarantee::ExactlyOnce,
                GuaranteeConfig::AtLeastOnce => Guarantee::AtLeastOnce,
                GuaranteeConfig::None => Guarantee::None,
            },
            commit_by: match self.sink.commit_by {
                CommitByConfig::Resume => CommitBy::Resume,
                CommitByConfig::Log => CommitBy::Log,
            },
            prefix: self.name.clone(),
            start: match self.source.start {
                Start::Earliest => StartPosition::Earliest,
                Start::Latest => StartPosition::Latest,
                Start::GroupOrEarliest => StartPosition::GroupOrEarliest,
                Start::GroupOrLatest => StartPosition::GroupOrLatest,
            },
            isolation: if self.source.read_committed {
                Isolation::ReadCommitted
            } else {
                Isolation::ReadUncommitted
            },
            bounded: self.source.bounded,
            transaction_timeout_ms: self.sink.transaction_timeout_ms,
            accept_loss,
            settings: Settings {
                max_concurrent: checkpoints.max_concurrent,
                tolerable_failures: checkpoints.tolerable_failures,
                max_restarts: checkpoints.max_restarts,
                retained: checkpoints.retained,
                min_pause: checkpoints.min_pause_ms > 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = r#"
        name = "orders"
        bootstrap = "127.0.0.1:9092"
        source = { topic = "in" }
        sink = { topic = "out" }
        checkpoints = { directory = "checkpoints" }
    "#;

    #[test]
    fn the_smallest_job_has_flinks_defaults() {
        let config: JobConfig = toml::from_str(SMALLEST).unwrap();
        config.check().unwrap();
        assert_eq!(config.checkpoints.interval_ms, 1_000);
        assert_eq!(config.checkpoints.timeout_ms, 600_000);
        assert_eq!(config.sink.guarantee, GuaranteeConfig::ExactlyOnce);
        assert_eq!(config.group(), "orders");
        assert_eq!(config.slots_per_worker(), 1);
    }

    #[test]
    fn a_sink_promises_what_the_file_says() {
        let promised = |guarantee: &str| {
            let sink = format!("topic = \"out\", guarantee = \"{guarantee}\"");
            let config: JobConfig = toml::from_str(&SMALLEST.replace("topic = \"out\"", &sink)).unwrap();
            config.check().unwrap();
            config.job(1, false).guarantee
        };
        assert_eq!(promised("exactly_once"), Guarantee::ExactlyOnce);
        assert_eq!(promised("at_least_once"), Guarantee::AtLeastOnce);
        assert_eq!(promised("none"), Guarantee::None);
    }

    #[test]
    fn a_sink_is_written_by_whom_the_file_says() {
        let settings = |more: &str| {
            let sink = format!("topic = \"out\"{more}");
            let config: JobConfig = toml::from_str(&SMALLEST.replace("topic = \"out\"", &sink)).unwrap();
            let settings = config.sink.producer_settings(Cluster::new(&config.bootstrap, "test"));
            (settings.kind, settings.compression)
        };
        assert_eq!(settings(""), (ProducerKind::Auto, Compression::None));
        assert_eq!(settings(", producer = \"auto\"").0, ProducerKind::Auto);
        let own = settings(", producer = \"builtin\", compression = \"zstd\"");
        assert_eq!(own, (ProducerKind::BuiltIn, Compression::Zstd));
        let other = settings(", producer = \"librdkafka\", compression = \"lz4\"");
        assert_eq!(other, (ProducerKind::Librdkafka, Compression::Lz4));
    }

    #[test]
    fn an_error_names_line_and_column() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), SMALLEST.replace("sink =", "snik =")).unwrap();
        let error = JobConfig::read(path.path()).unwrap_err().to_string();
        assert!(error.contains("line 5, column 9") && error.contains("snik"), "{error}");
    }

    #[test]
    fn what_can_not_be_is_refused_with_a_remedy() {
        let config =
            |from: &str, to: &str| -> JobConfig { toml::from_str(&SMALLEST.replace(from, to)).unwrap() };
        let error = |config: JobConfig| config.check().unwrap_err().to_string();
        assert!(error(config("\"orders\"", "\"a/b\"")).contains("slash"));
        assert!(
            error(config("topic = \"in\"", "topic = \"in\", parallelism = 0")).contains("source.parallelism")
        );
        let mut few_slots = config("", "");
        few_slots.operator.parallelism = 4;
        few_slots.workers.slots = Some(3);
        assert!(error(few_slots).contains("needs 4 slots, but 1 workers have 3"));
    }
}
