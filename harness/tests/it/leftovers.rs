//! Nothing is left behind: not after Ctrl-C, not after `kill -9` of the program itself.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use truecut_cluster::testing::shared_kafka;

use crate::program::truecut;

const LIMIT: Duration = Duration::from_secs(60);

/// A chaos run with a Kafka of its own, in the middle of its kills.
struct Midway {
    child: Child,
    directory: PathBuf,
    bootstrap: String,
    _folder: tempfile::TempDir,
}

impl Midway {
    fn start() -> Self {
        Self::with(&["--seed", "3", "--kills", "50"])
    }

    fn with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let directory = folder.path().join("run");
        let kafka = std::env::var("TRUECUT_TEST_KAFKA").unwrap_or_else(|_| "container".to_owned());
        let mut command = truecut();
        command.args(["chaos", "--json"]).args(more).args(["--kafka", &kafka, "--run-directory"]);
        let child = command.arg(&directory).stdout(std::process::Stdio::null()).spawn().expect("it starts");
        wait_until("the job runs", || history(&directory).contains("job_running"));
        let job = std::fs::read_to_string(directory.join("job.toml")).expect("a job file");
        let line = job.lines().find_map(|line| line.strip_prefix("bootstrap = ")).expect("an address");
        Self { child, bootstrap: line.trim_matches('"').to_owned(), directory, _folder: folder }
    }

    /// Its processes: workers by its history, everything else by its name in their arguments.
    fn processes(&self) -> usize {
        let name = self.directory.display().to_string();
        let entries = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
        let arguments = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        arguments.filter(|line| String::from_utf8_lossy(line).contains(&name)).count()
    }

    fn nothing_is_left(&self, what: &str) {
        wait_until(&format!("{what}: processes are gone"), || self.processes() == 0);
        wait_until(&format!("{what}: Kafka is gone"), || {
            let address = self.bootstrap.parse().expect("an address");
            std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_err()
        });
    }
}

fn history(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("history.ndjson")).unwrap_or_default()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < LIMIT, "not within {} s: {what}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_run_that_is_killed_leaves_no_process_and_no_kafka() {
    if shared_kafka().is_none() {
        return;
    }
    let mut run = Midway::start();
    assert!(run.processes() >= 4, "the program, a coordinator and workers");
    run.child.kill().expect("it can be killed");
    run.child.wait().expect("it ends");
    run.nothing_is_left("kill -9");
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other_and_a_killed_one_takes_its_network_and_disk_with_it() {
    if shared_kafka().is_none() {
        return;
    }
    // Mounting a disk takes the rights of root; without them the run has proxies only.
    let plan = if nix::unistd::geteuid().is_root() { "store" } else { "kafka_network" };
    let mut killed = Midway::with(&["--plan", plan]);
    let other = Midway::with(&["--plan", "control_network"]);
    killed.child.kill().expect("it can be killed");
    killed.child.wait().expect("it ends");
    killed.nothing_is_left("kill -9");
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("there is a /proc");
    assert!(!mounts.contains(&killed.directory.display().to_string()), "{mounts}");
    let Midway { mut child, directory, .. } = other;
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{}", history(&directory));
}

#[test]
fn a_run_that_is_interrupted_ends_with_130_and_leaves_nothing() {
    if shared_kafka().is_none() {
        return;
    }
    let mut run = Midway::start();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(run.child.id()).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it can be interrupted");
    assert_eq!(run.child.wait().expect("it ends").code(), Some(130));
    run.nothing_is_left("Ctrl-C");
}
