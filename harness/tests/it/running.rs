//! A job that runs while a test does something to it.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Answer, answer, truecut};

const LIMIT: Duration = Duration::from_secs(60);
const EVENTS: &str = "events.ndjson";

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < LIMIT, "not within {} s: {what}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `truecut run` of a job that does not end by itself.
pub(crate) struct Running {
    /// Until it has ended.
    child: Option<Child>,
    directory: PathBuf,
}

/// A test that fails leaves no job behind: its processes end with the one that started them.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).expect("it can be killed");
        }
    }
}

impl Running {
    pub(crate) fn start(directory: &Path, file: &str) -> Self {
        let mut command = truecut();
        let arguments = ["run", file, "--json", "--logs", "logs", "--events", EVENTS];
        command.args(arguments).current_dir(directory);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        Self { child: Some(child), directory: directory.to_path_buf() }
    }

    /// Processes of this kind of this job.
    pub(crate) fn processes(&self, kind: &str) -> Vec<Pid> {
        let (kind, name) = (kind.as_bytes(), self.directory.display().to_string());
        let entries = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
        let is_ours = |path: &Path| {
            let arguments = std::fs::read(path.join("cmdline")).unwrap_or_default();
            let here =
                std::fs::read_link(path.join("cwd")).is_ok_and(|here| here.display().to_string() == name);
            here && arguments.split(|byte| *byte == 0).nth(1) == Some(kind)
        };
        let pid = |path: PathBuf| path.file_name()?.to_str()?.parse().ok();
        entries
            .map(|entry| entry.path())
            .filter(|path| is_ours(path))
            .filter_map(pid)
            .map(Pid::from_raw)
            .collect()
    }

    /// Attempts that were deployed so far.
    pub(crate) fn attempts(&self) -> usize {
        let events = std::fs::read_to_string(self.directory.join(EVENTS)).unwrap_or_default();
        events.lines().filter(|line| line.contains("\"event\":\"attempt\"")).count()
    }

    /// Kills the coordinator once there is one other than `last`.
    pub(crate) fn kill_coordinator(&self, last: Option<Pid>) -> Pid {
        let mut found = None;
        wait_until("there is another coordinator", || {
            found = self.processes("__coordinator").into_iter().find(|pid| Some(*pid) != last);
            found.is_some()
        });
        let pid = found.expect("it was found");
        kill(pid, Signal::SIGKILL).expect("it can be killed");
        pid
    }

    pub(crate) fn ask_to_end(&self, signal: Signal) {
        let pid =
            Pid::from_raw(i32::try_from(self.child.as_ref().expect("it runs").id()).expect("a process id"));
        kill(pid, signal).expect("it can be told");
    }

    pub(crate) fn end(mut self) -> Answer {
        answer(self.child.take().expect("it runs").wait_with_output().expect("it ends"))
    }
}
