//! A worker process of the job under test, and how it ended.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

use truecut_runtime::launch::status_text;

use super::plan::Arm;

/// A worker process.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Its number; its successor keeps it.
    pub(super) worker: u32,
    /// Its log's name.
    pub(super) name: String,
    /// The coordinator that it was started for.
    pub(super) coordinator: u32,
    /// Where it kills itself.
    pub(super) armed: Option<Arm>,
    /// It was killed from here.
    pub(super) killed: Option<Instant>,
    /// It was paused.
    pub(super) paused: Option<Instant>,
}

/// A worker process is gone.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    pub(super) pid: u32,
    pub(super) at: Instant,
    pub(super) status: Option<ExitStatus>,
}

impl Exit {
    /// How it ended, in words.
    pub(super) fn status_text(&self) -> String {
        self.status.map_or_else(|| "unknown".to_owned(), status_text)
    }

    /// It ended by itself, in good order.
    pub(super) fn is_in_good_order(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// SIGKILL ended it.
    pub(super) fn is_by_kill(&self) -> bool {
        self.status.and_then(|status| status.signal()) == Some(9)
    }
}
