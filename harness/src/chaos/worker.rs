//! A worker process of the job under test, and how it ended.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

use truecut_runtime::launch::status_text;

use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use truecut_runtime::crash_point::CrashAt;

/// A worker process.
#[derive(Debug)]
pub(super) struct Running {
    /// Its number; its successor keeps it.
    pub(super) worker: u32,
    /// Its log's name.
    pub(super) name: String,
    /// The coordinator that it was started for.
    pub(super) coordinator: u32,
    /// Where it hears what to arm.
    pub(super) stdin: Option<ChildStdin>,
    /// Where it kills or pauses itself.
    pub(super) armed: Option<CrashAt>,
    /// The signal that it was sent to end it, and when.
    pub(super) struck: Option<(Signal, Instant)>,
    /// It was paused.
    pub(super) paused: Option<Instant>,
}

impl Running {
    /// Arms a crash point.
    pub(super) async fn arm(&mut self, at: CrashAt) {
        self.tell(&format!("arm {at}\n")).await;
        self.armed = Some(at);
    }

    /// Arms none.
    pub(super) async fn disarm(&mut self) {
        if self.armed.is_some() {
            self.tell("disarm\n").await;
        }
    }

    async fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            // One that has just died can't be told, and its exit will be seen.
            drop(stdin.write_all(line.as_bytes()).await);
        }
    }
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
        self.is_by(Signal::SIGKILL)
    }

    /// This signal ended it.
    pub(super) fn is_by(&self, signal: Signal) -> bool {
        self.status.and_then(|status| Signal::try_from(status.signal()?).ok()) == Some(signal)
    }
}
