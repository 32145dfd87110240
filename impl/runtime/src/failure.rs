//! Why a process could not do its work: for a person, with an exit code.

use crate::config::ConfigError;
use crate::store::StoreError;
use crate::trace::TraceError;

/// Exit codes of truecut's programs.
pub mod exit {
    /// It holds, or the job finished.
    pub const OK: u8 = 0;
    /// A property is violated.
    pub const VIOLATED: u8 = 1;
    /// Too little evidence for a verdict.
    pub const UNKNOWN: u8 = 2;
    /// Kafka, the container engine or the machine is not usable.
    pub const ENVIRONMENT: u8 = 3;
    /// The job failed.
    pub const JOB_FAILED: u8 = 4;
    /// Wrong command line.
    pub const USAGE: u8 = 64;
    /// A job file, checkpoint, trace or topic that can't be used.
    pub const BAD_DATA: u8 = 65;
    /// A defect of truecut.
    pub const INTERNAL: u8 = 70;
    /// Ended by the user before it was done.
    pub const INTERRUPTED: u8 = 130;
}

/// Why a process could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Kafka or the machine.
    #[error("{detail}")]
    Environment {
        /// What, where, and what to do.
        detail: String,
    },
    /// A job description, topic or stored data that can't be used.
    #[error("{detail}")]
    BadData {
        /// What, where, and what to do.
        detail: String,
    },
    /// A defect of truecut.
    #[error("{detail}; this is a defect of truecut")]
    Internal {
        /// What.
        detail: String,
    },
}

impl ProcessError {
    /// The machine refused something.
    #[must_use]
    pub fn environment(action: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Environment { detail: format!("can't {action}: {error}") }
    }

    /// Its exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Environment { .. } => exit::ENVIRONMENT,
            Self::BadData { .. } => exit::BAD_DATA,
            Self::Internal { .. } => exit::INTERNAL,
        }
    }
}

impl From<StoreError> for ProcessError {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        if error.is_bad_data() { Self::BadData { detail } } else { Self::Environment { detail } }
    }
}

impl From<TraceError> for ProcessError {
    fn from(error: TraceError) -> Self {
        Self::Environment { detail: error.to_string() }
    }
}

impl From<ConfigError> for ProcessError {
    fn from(error: ConfigError) -> Self {
        Self::BadData { detail: error.to_string() }
    }
}
