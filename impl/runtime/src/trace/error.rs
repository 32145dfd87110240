//! Why a trace can't be written or read: which file, where in it, what to do.

use std::io;
use std::path::PathBuf;

/// A trace that can't be written, or is not one.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file system refused.
    #[error("cannot {action} the trace {}: {source}; make sure that its directory can be written and has room", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the file system said.
        source: io::Error,
    },
    /// The file is damaged, or of another version. A tail that is missing since its process was killed is no damage.
    #[error("the trace {} is not valid at byte {offset}: {what}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where, in bytes from its start.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}
