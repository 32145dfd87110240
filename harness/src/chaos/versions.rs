//! What a run was made with: programs and machine.

use serde::{Deserialize, Serialize};

use crate::verdict::Kafka;

/// The file's name in a run directory.
pub(super) const VERSIONS_FILE: &str = "versions.json";

/// Versions of everything that a result may depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Versions {
    /// Of this program.
    pub(super) truecut: String,
    /// The Kafka it ran against.
    pub(super) kafka: Kafka,
    /// Of the Kafka client library.
    pub(super) librdkafka: String,
    /// Kernel and architecture.
    pub(super) machine: String,
    /// Processors that this program may use.
    pub(super) processors: usize,
}

impl Versions {
    pub(super) fn now(kafka: Kafka) -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            truecut: env!("CARGO_PKG_VERSION").to_owned(),
            kafka,
            librdkafka: rdkafka::util::get_rdkafka_version().1,
            machine: format!("{} {} {}", std::env::consts::OS, kernel.trim(), std::env::consts::ARCH),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
