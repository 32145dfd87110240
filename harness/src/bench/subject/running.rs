//! A subject that runs: its first process, to be watched and ended.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::failure::Failure;

/// How long a subject may take to end.
const END_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Where what it says is kept, in its directory.
const SAID: &str = "subject.log";
/// Of what it said last, so much is told.
const LINES: usize = 5;

/// A subject's first process, in a process group of its own. It dies with this program; dropping this kills it and its group.
#[derive(Debug)]
pub(in crate::bench) struct Running {
    child: Child,
    group: Pid,
    started: Instant,
    log: PathBuf,
    over: bool,
}

impl Running {
    /// Starts a command; what it says goes to a file in its directory.
    pub(super) fn start(mut command: Command, directory: &Path) -> Result<Self, Failure> {
        let log = directory.join(SAID);
        let file = File::create(&log).map_err(Failure::at("write", &log))?;
        let same = file.try_clone().map_err(Failure::at("write", &log))?;
        command.stdin(Stdio::null()).stdout(same).stderr(file);
        let program = command.get_program().display().to_string();
        let unstartable =
            |error: io::Error| Failure::environment(format!("{program} can't be started: {error}"));
        let started = Instant::now();
        let child = truecut_cluster::spawn_bound(command).map_err(unstartable)?;
        let id = i32::try_from(child.id()).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Self { child, group: Pid::from_raw(id), started, log, over: false })
    }

    pub(in crate::bench) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(in crate::bench) fn started(&self) -> Instant {
        self.started
    }

    /// How it ended by itself, if it did.
    pub(in crate::bench) fn ended(&mut self) -> Result<Option<String>, Failure> {
        let status = self.status()?;
        Ok(status.map(|status| format!("it ended by itself with {}: {}", told(status), self.said())))
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, Failure> {
        let status = self.child.try_wait();
        let status = status.map_err(|error| Failure::internal(format!("a child can't be asked: {error}")))?;
        self.over |= status.is_some();
        Ok(status)
    }

    /// Asks it to end and waits until it has. The text says that it did not: it was killed then.
    pub(in crate::bench) async fn stop(mut self) -> Result<Option<String>, Failure> {
        // One that has just ended by itself is not there.
        let _ = kill(self.group, Signal::SIGTERM);
        let since = Instant::now();
        while self.status()?.is_none() {
            if since.elapsed() > END_LIMIT {
                let limit = END_LIMIT.as_secs();
                return Ok(Some(format!("it did not end within {limit} s of SIGTERM and was killed")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }

    /// The last lines that it said.
    fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join(" | ");
        if last.is_empty() { "it said nothing".to_owned() } else { last }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it started may live on in its group.
        let _ = killpg(self.group, Signal::SIGKILL);
        if !self.over {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, directory: &Path) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start(command, directory).expect("a shell")
    }

    #[tokio::test]
    async fn what_ends_by_itself_is_quoted() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut running = shell("echo no such topic >&2; exit 3", directory.path());
        let ended = loop {
            if let Some(ended) = running.ended().expect("it can be asked") {
                break ended;
            }
            tokio::time::sleep(LOOK).await;
        };
        assert_eq!(ended, "it ended by itself with exit code 3: no such topic");
    }

    #[tokio::test]
    async fn what_runs_is_asked_to_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut running = shell("trap 'exit 0' TERM; while :; do sleep 0.05; done", directory.path());
        assert_eq!(running.ended(), Ok(None));
        assert_eq!(running.stop().await, Ok(None));
    }
}
