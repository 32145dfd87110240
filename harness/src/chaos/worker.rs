//! A worker process of the job under test, and how it ended.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

/// A worker process.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Its number; its successor keeps it.
    pub(super) worker: u32,
    /// Its log's name.
    pub(super) name: String,
    /// `POINT:ORDINAL` at which it kills itself.
    pub(super) armed: Option<String>,
    /// It was killed from here.
    pub(super) killed: Option<Instant>,
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
        let Some(status) = self.status else { return "unknown".to_owned() };
        match (status.signal(), status.code()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => status.to_string(),
        }
    }

    /// SIGKILL ended it.
    pub(super) fn is_by_kill(&self) -> bool {
        self.status.and_then(|status| status.signal()) == Some(9)
    }
}
