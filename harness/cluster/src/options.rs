//! What a caller may say about the cluster that it wants.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::ClusterError;

/// Told what is being done, one short line at a time; called from any thread.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How a cluster is started and what is left of it.
#[derive(Clone)]
pub struct Options {
    /// How many brokers. Only 1 for now.
    pub brokers: u8,
    /// The run that the cluster belongs to: letters, digits, `-`, `_` and `.`; it names and labels containers.
    pub run: String,
    /// Where the brokers' logs are put, if anywhere. Created if missing.
    pub log_dir: Option<PathBuf>,
    /// More broker settings, by Kafka's own property names; they replace truecut's.
    pub config: BTreeMap<String, String>,
    /// More options of the broker's Java, such as `-Xmx4g`; they come last, so they win over truecut's.
    pub java_options: Vec<String>,
    /// The container image instead of the usual one; it must have the interface of `apache/kafka`.
    pub image: Option<String>,
    /// Leaves the stopped container or the data directory behind when the cluster ends.
    pub keep_data: bool,
    /// Told what is being done.
    pub progress: Progress,
}

impl Options {
    /// One broker for `run`, no extra settings, nothing kept, silent.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            brokers: 1,
            run: run.into(),
            log_dir: None,
            config: BTreeMap::new(),
            java_options: Vec::new(),
            image: None,
            keep_data: false,
            progress: Arc::new(|_| {}),
        }
    }

    /// Refuses what cannot be started.
    pub(crate) fn check(&self) -> Result<(), ClusterError> {
        if self.brokers != 1 {
            return Err(ClusterError::Refused(format!(
                "{} brokers were asked for: only 1 can be started so far",
                self.brokers
            )));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.run.is_empty() || self.run.len() > 100 || !self.run.chars().all(plain) {
            return Err(ClusterError::Refused(format!(
                "the run id `{}` must have 1 to 100 letters, digits, `-`, `_` or `.`",
                self.run
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("brokers", &self.brokers)
            .field("run", &self.run)
            .field("log_dir", &self.log_dir)
            .field("config", &self.config)
            .field("java_options", &self.java_options)
            .field("image", &self.image)
            .field("keep_data", &self.keep_data)
            .finish_non_exhaustive()
    }
}
