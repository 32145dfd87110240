//! The container engine: does one answer, how to start Debian's by hand, which images it has.
//!
//! Speaks just enough HTTP/1.0 over the engine's socket to ask; decides neither whether an engine is needed nor which
//! packages bring one. The image itself is made by the `truecut-cluster` package.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::host;
use crate::step::Failure;

/// The images that serve as Kafka, best first. A test compares them with `harness/cluster/src/image.rs`.
const IMAGES: [&str; 2] = ["apache/kafka:4.3.0", "truecut/kafka:4.3.0"];

/// How long a started engine may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Whether an engine answers.
pub(crate) fn answers() -> bool {
    match remote_engine() {
        // An engine over TCP or ssh is the user's own affair; the tests will say if it does not answer.
        Some(_) => true,
        None => sockets().iter().any(|socket| {
            get(socket, "/_ping", Duration::from_secs(5)).is_some_and(|answer| {
                answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200")
            })
        }),
    }
}

/// Whether Kafka's image is here, or the registry that the engine knows has it.
pub(crate) fn has_or_can_pull_image() -> bool {
    if remote_engine().is_some() {
        return true;
    }
    let Some(socket) =
        sockets().into_iter().find(|socket| get(socket, "/_ping", Duration::from_secs(5)).is_some())
    else {
        return false;
    };
    let found = |path: String, limit| {
        get(&socket, &path, limit).is_some_and(|answer| answer.split(' ').nth(1) == Some("200"))
    };
    IMAGES.iter().any(|image| found(format!("/images/{image}/json"), Duration::from_secs(5)))
        || found(format!("/distribution/{}/json", IMAGES[0]), Duration::from_secs(15))
}

/// Starts the engine and waits until it answers; says where its log is and how to stop it.
///
/// # Errors
/// [`Failure::Environment`] when it does not answer within a minute, with the end of its log.
pub(crate) fn start() -> Result<(), Failure> {
    let started = Instant::now();
    let log = std::env::temp_dir().join("truecut-dockerd.log");
    if Path::new("/run/systemd/system").exists() {
        eprintln!("==> start the container engine: systemctl start docker");
        // Its outcome is what the engine then answers.
        let _status = Command::new("systemctl").args(["start", "docker"]).status();
    } else {
        eprintln!("==> start the container engine: dockerd, log in {}", log.display());
        start_by_hand(&log)?;
    }
    while !answers() {
        if started.elapsed() > START_LIMIT {
            return Err(Failure::Environment(format!(
                "the container engine did not answer within {} s. The end of {}:\n{}",
                START_LIMIT.as_secs(),
                log.display(),
                tail(&log, 15)
            )));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("    the container engine answers after {:.1} s", started.elapsed().as_secs_f64());
    eprintln!("    it keeps running; to stop it: kill $(cat /var/run/docker.pid)");
    Ok(())
}

/// Starts `dockerd` in a session of its own, holding none of this process's terminals or pipes.
fn start_by_hand(log: &Path) -> Result<(), Failure> {
    let cannot = |e: std::io::Error| Failure::Environment(format!("dockerd could not be started: {e}"));
    let dockerd = host::program("dockerd").ok_or_else(|| {
        Failure::Environment("dockerd is not installed (Debian package docker.io)".to_owned())
    })?;
    let output = File::create(log).map_err(cannot)?;
    let errors = output.try_clone().map_err(cannot)?;
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    Command::new("setsid")
        .arg(dockerd)
        .env("PATH", path) // dockerd calls iptables, which lies in /usr/sbin
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(cannot)?;
    Ok(())
}

/// The last lines of a file.
fn tail(file: &Path, lines: usize) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|e| format!("(unreadable: {e})"));
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The engine's address when `DOCKER_HOST` names one that is no local socket.
fn remote_engine() -> Option<String> {
    std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty() && !host.starts_with("unix://"))
}

/// Where a local engine may listen.
fn sockets() -> Vec<PathBuf> {
    if let Ok(host) = std::env::var("DOCKER_HOST")
        && let Some(path) = host.strip_prefix("unix://")
    {
        return vec![PathBuf::from(path)];
    }
    let mut found = vec![PathBuf::from("/var/run/docker.sock")];
    if let Some(folder) = std::env::var_os("XDG_RUNTIME_DIR") {
        found.push(PathBuf::from(folder).join("docker.sock"));
    }
    found
}

/// The whole answer to one GET, or nothing when no answer came in time.
fn get(socket: &Path, path: &str, limit: Duration) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.set_write_timeout(Some(limit)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.starts_with("HTTP/").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_names_are_those_of_the_cluster_package() {
        let (images, releases) = (
            include_str!("../../harness/cluster/src/image.rs"),
            include_str!("../../harness/cluster/src/release.rs"),
        );
        for image in IMAGES {
            let (name, release) = image.split_once(':').expect("a name and a release");
            assert!(
                images.contains(&format!("\"{name}:{{release}}\"")),
                "{name} is not named in harness/cluster"
            );
            assert!(
                releases.contains(&format!("\"{release}\"")),
                "{release} is not named in harness/cluster"
            );
        }
    }

    #[test]
    fn a_socket_that_nobody_serves_gives_no_answer() {
        assert_eq!(get(Path::new("/nonexistent/engine.sock"), "/_ping", Duration::from_secs(1)), None);
    }
}
