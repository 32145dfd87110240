//! Why a command could not do its work: one clear text with the remedy in it, and the exit code that says the same.

use std::path::Path;

use truecut_cluster::ClusterError;
use truecut_runtime::failure::ProcessError;

use crate::verdict::Exit;

/// A command ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Where it belongs.
    pub exit: Exit,
    /// What, where, and what to do.
    pub message: String,
}

impl Failure {
    /// The machine or Kafka is not usable.
    #[must_use]
    pub fn environment(message: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, message: message.into() }
    }

    /// Something that was read can't be used.
    #[must_use]
    pub fn bad_data(message: impl Into<String>) -> Self {
        Self { exit: Exit::BadData, message: message.into() }
    }

    /// The command line asks for something that can't be.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// A defect of this program.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self { exit: Exit::Internal, message: message.into() }
    }

    /// The user ended it.
    #[must_use]
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { exit: Exit::Interrupted, message: message.into() }
    }

    /// A file or directory refused something. A full disk is named as such by the system's own words.
    pub fn at<'a>(action: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |error| Self::environment(format!("can't {action} {}: {error}", path.display()))
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        let message = error.to_string();
        match error {
            ProcessError::Environment { .. } => Self::environment(message),
            ProcessError::BadData { .. } => Self::bad_data(message),
            ProcessError::Internal { .. } => Self::internal(message),
        }
    }
}
