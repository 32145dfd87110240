//! What can go wrong with stored data: which file, what, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// How the text of an error about unusable stored data begins, also where it travels as [`Failed`](truecut_core::Outcome::Failed).
const BAD_DATA: &str = "bad data: ";

/// Why the checkpoint store could not do something. Its text names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Stored data is damaged, missing, foreign or of a newer version. It is left as it is.
    #[error("{BAD_DATA}{}: {what}; {remedy}", path.display())]
    BadData {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}; {}", path.display(), remedy(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the file system said.
        source: io::Error,
    },
    /// Another process works in the directory.
    #[error(
        "{} is in use by process {holder}; wait until it has ended or stop it, or choose another directory",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, as it says itself; `unknown` if it does not.
        holder: String,
    },
}

impl StoreError {
    /// Whether stored data is unusable, as opposed to a store that can't be reached or written.
    #[must_use]
    pub fn is_bad_data(&self) -> bool {
        matches!(self, Self::BadData { .. })
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}

/// Whether a detail of a failed outcome, or of a job's end, speaks of unusable stored data.
#[must_use]
pub fn is_bad_data(detail: &str) -> bool {
    detail.starts_with(BAD_DATA)
}

fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the kinds of the standard library are not exhaustive"
    )]
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            "make room on this file system or raise its quota"
        }
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            "give this user the right to read and write there, or choose another checkpoint directory"
        }
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory => {
            "check that the path of the checkpoint directory is right and that nobody removed it"
        }
        Kind::Unsupported => {
            "choose a checkpoint directory on a file system with hard links, such as ext4 or xfs"
        }
        Kind::TooManyLinks | Kind::CrossesDevices => {
            "the checkpoint directory must be one directory of one file system with hard links"
        }
        _ => {
            "check the file system and its device (see the kernel's log), or choose another checkpoint directory"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_path_and_remedy() {
        let error = StoreError::io("write", Path::new("ck/head-1"), io::Error::from_raw_os_error(28));
        let text = error.to_string();
        assert!(text.starts_with("cannot write ck/head-1: No space left on device"), "{text}");
        assert!(text.contains("make room"), "{text}");
        assert!(!is_bad_data(&text) && !error.is_bad_data());
    }
}
