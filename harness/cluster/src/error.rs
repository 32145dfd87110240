//! Why there is no Kafka: what went wrong, where, and what to do about it.

use std::path::{Path, PathBuf};

/// Why a cluster could not be started or steered. All of them mean that the environment is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No container engine answers.
    #[error(
        "no container engine answers ({0}). Start one (`systemctl start docker`, or run dockerd as root), or use \
         `--kafka process`; `truecut doctor` looks closer"
    )]
    NoEngine(String),
    /// An engine answered with an error.
    #[error("the container engine failed to {doing}: {detail}")]
    Engine {
        /// What was asked of it.
        doing: String,
        /// Its answer.
        detail: String,
    },
    /// No image of Kafka could be found, pulled or built.
    #[error("no Kafka image: {0}")]
    Image(String),
    /// Java 17 or Maven is missing.
    #[error("{0}")]
    Tools(String),
    /// A broker ended, or never served.
    #[error("Kafka at {bootstrap} is not ready after {seconds} s: {detail}")]
    NotReady {
        /// Its address.
        bootstrap: String,
        /// How long was waited.
        seconds: u64,
        /// What was last seen, and the end of its log.
        detail: String,
    },
    /// Kafka was asked to do or tell something, and did not.
    #[error("Kafka did not {doing}: {detail}")]
    Admin {
        /// What was asked of it.
        doing: String,
        /// What was last seen.
        detail: String,
    },
    /// Someone else's cluster does not answer.
    #[error(
        "no Kafka broker answers at {bootstrap}: {detail}. Is the address right, and the broker running?"
    )]
    Unreachable {
        /// The address that was given.
        bootstrap: String,
        /// What was last seen.
        detail: String,
    },
    /// Something that truecut does not do.
    #[error("{0}")]
    Refused(String),
    /// A file, folder or process of this machine failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done to what.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl ClusterError {
    /// An engine's error with what was asked of it.
    pub(crate) fn engine(doing: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self::Engine { doing: doing.into(), detail: detail.to_string() }
    }
}

/// Says what a failing system call was about.
pub(crate) trait IoContext<T> {
    /// Adds `what` was done to which `path`.
    fn at(self, what: &str, path: &Path) -> Result<T, ClusterError>;
    /// Adds `what` was done.
    fn doing(self, what: &str) -> Result<T, ClusterError>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn at(self, what: &str, path: &Path) -> Result<T, ClusterError> {
        self.map_err(|source| ClusterError::Io { what: format!("{what} {}", path.display()), source })
    }

    fn doing(self, what: &str) -> Result<T, ClusterError> {
        self.map_err(|source| ClusterError::Io { what: what.to_owned(), source })
    }
}

/// The folder where jars and locks are kept between runs: `truecut` in the user's cache folder.
pub(crate) fn cache_dir() -> Result<PathBuf, ClusterError> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    let folder = base.join("truecut");
    std::fs::create_dir_all(&folder).at("create the cache folder", &folder)?;
    Ok(folder)
}
