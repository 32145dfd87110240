//! After `kill -9` of a program that owns a broker nothing is left.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use truecut_cluster::testing::shared_kafka;

use crate::{broker, process};

/// How long the reaper may take.
const LIMIT: Duration = Duration::from_secs(30);

#[expect(
    clippy::zombie_processes,
    reason = "a program that does not get ready ends by itself, and the test fails"
)]
/// Starts a program with brokers of its own and waits until that is ready.
fn start(count: &str, which: &str, run: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_truecut-cluster"))
        .args(["brokers", count, which, run])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().expect("it is piped")).lines() {
        let line = line.expect("it is text");
        if let Some(server) = line.trim().strip_prefix("ready ") {
            return (child, server.to_owned());
        }
        said.push_str(&line);
    }
    panic!("the broker did not get ready: {said}");
}

fn kill(mut child: Child) {
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

/// Waits until `gone`.
fn wait_until(what: &str, mut gone: impl FnMut() -> bool) {
    let started = Instant::now();
    while !gone() {
        assert!(started.elapsed() < LIMIT, "{what} after {} s", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The processes whose command line holds all of `parts`.
fn processes_with(parts: &[&str]) -> usize {
    let lines = std::fs::read_dir("/proc").expect("there is a /proc").flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    lines.filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

fn data_folders(run: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(std::env::temp_dir()).expect("there is a folder for temporary files");
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.display().to_string().contains(run))
        .collect()
}

/// What the engine still has of a run, as its command line tells it.
fn at_engine(run: &str) -> String {
    let filter = format!("label=truecut.run={run}");
    let list = |arguments: &[&str]| {
        let listed = Command::new("docker").args(arguments).args(["--quiet", "--filter", &filter]).output();
        String::from_utf8(listed.expect("docker runs").stdout).expect("it is text")
    };
    list(&["ps", "--all"]) + &list(&["network", "ls"]) + &list(&["volume", "ls"])
}

#[test]
fn a_killed_program_leaves_no_container_and_no_network() {
    let Some(other) = shared_kafka() else { return };
    let run = format!("reaped-{}", std::process::id());
    let (child, servers) = start("3", "container", &run);
    let servers: Vec<&str> = servers.split(',').collect();
    assert_eq!((servers.len(), at_engine(&run).lines().count()), (3, 4), "three containers and a network");
    kill(child);
    wait_until("containers still answer", || !servers.iter().any(|server| broker::answers(server)));
    wait_until("a container or network is still there", || at_engine(&run).is_empty());
    assert!(broker::answers(other.bootstrap()), "another run was disturbed");
}

#[tokio::test]
async fn a_killed_program_leaves_no_process_and_no_folder() {
    if !process::java_and_maven_are_here().await {
        return;
    }
    let run = format!("reaped-process-{}", std::process::id());
    let (child, servers) = start("3", "process", &run);
    assert!(servers.split(',').all(broker::answers));
    assert_eq!((data_folders(&run).len(), processes_with(&["kafka.Kafka", &run])), (3, 3));
    kill(child);
    wait_until("a process is still there", || processes_with(&["kafka.Kafka", &run]) == 0);
    wait_until("a data folder is still there", || data_folders(&run).is_empty());
}
