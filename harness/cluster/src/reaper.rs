//! The reaper: a small process beside the harness that outlives it and takes away what it left behind.
//!
//! It is the same program started again. It holds the read end of a pipe whose write end only the harness has; the
//! harness tells it what exists, one line each, and when the pipe closes (also after SIGKILL) it removes what was not
//! taken back: the containers of a run, broker processes, data folders. Then it ends. It lives in a session of its own,
//! so that Ctrl-C does not reach it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, setsid};

use crate::engine;
use crate::owner::Owner;

/// The hidden first argument that makes a program a reaper.
pub const REAPER_ARGUMENT: &str = "__reaper";

/// Whether this program calls [`reaper_main`], so that it can be started again as a reaper.
static CAN_REAP: AtomicBool = AtomicBool::new(false);
/// The way to this process's reaper, once one was needed.
static PIPE: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// To be called first thing in `main`, with `std::env::args_os()`, by every program that starts clusters.
///
/// Started as a reaper, the program is one, and ends here. Otherwise this returns at once, and clusters that the program
/// starts will have a reaper; without this call they have none, since nobody could start it.
pub fn reaper_main(arguments: impl IntoIterator<Item = OsString>) {
    if arguments.into_iter().nth(1).as_deref() == Some(OsStr::new(REAPER_ARGUMENT)) {
        serve();
        exit(0);
    }
    CAN_REAP.store(true, Ordering::Relaxed);
}

/// Something that must not outlive this process. Its text is one line of the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// All containers of a run.
    Run(String),
    /// A process.
    Process(Owner),
    /// A folder with everything in it.
    Folder(PathBuf),
}

impl Leftover {
    fn line(&self) -> String {
        match self {
            Self::Run(run) => format!("run {run}"),
            Self::Process(owner) => format!("process {owner}"),
            Self::Folder(path) => format!("folder {}", path.display()),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ')? {
            ("run", run) => Some(Self::Run(run.to_owned())),
            ("process", owner) => owner.parse().ok().map(Self::Process),
            ("folder", path) => Some(Self::Folder(PathBuf::from(path))),
            _ => None,
        }
    }
}

/// Tells the reaper of something that exists from now on; starts the reaper if there is none yet.
///
/// Returns whether a reaper knows it. To be called *before* the thing is made.
pub(crate) fn watch(leftover: &Leftover) -> bool {
    if !CAN_REAP.load(Ordering::Relaxed) {
        return false;
    }
    let mut pipe = PIPE.lock().unwrap_or_else(PoisonError::into_inner);
    if pipe.is_none() {
        *pipe = start();
    }
    pipe.as_mut().is_some_and(|pipe| writeln!(pipe, "+{}", leftover.line()).is_ok())
}

/// Tells the reaper that something was taken away in good order.
pub(crate) fn release(leftover: &Leftover) {
    if let Some(pipe) = PIPE.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        // A reaper that is gone needs to know nothing.
        let _written = writeln!(pipe, "-{}", leftover.line());
    }
}

/// Starts this program again as a reaper.
fn start() -> Option<ChildStdin> {
    let program = std::env::current_exe().ok()?;
    let mut child = Command::new(program)
        .arg(REAPER_ARGUMENT)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()
}

/// The reaper's life: read until the pipe closes, then take away what is left.
fn serve() {
    // It fails only for a leader of a process group, which a child of the harness is not.
    let _session = setsid();
    let mut left = BTreeSet::new();
    for line in BufReader::new(std::io::stdin()).lines() {
        let Ok(line) = line else { break };
        match line.split_at_checked(1) {
            Some(("+", what)) => {
                left.insert(what.to_owned());
            }
            Some(("-", what)) => {
                left.remove(what);
            }
            Some(_) | None => {}
        }
    }
    let left: Vec<Leftover> = left.iter().filter_map(|line| Leftover::parse(line)).collect();
    // Processes first: they write into the folders.
    for owner in left.iter().filter_map(|l| if let Leftover::Process(owner) = l { Some(owner) } else { None })
    {
        end_process(owner);
    }
    for folder in
        left.iter().filter_map(|l| if let Leftover::Folder(folder) = l { Some(folder) } else { None })
    {
        // It may be gone; what cannot be removed is left to `truecut clean`.
        let _removed = std::fs::remove_dir_all(folder);
    }
    let runs: Vec<&str> = left
        .iter()
        .filter_map(|l| if let Leftover::Run(run) = l { Some(run.as_str()) } else { None })
        .collect();
    if !runs.is_empty()
        && let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build()
    {
        runtime.block_on(end_runs(&runs));
    }
}

/// Kills a process and waits until it is gone.
fn end_process(owner: &Owner) {
    let Ok(pid) = i32::try_from(owner.pid) else { return };
    for _ in 0..100 {
        if owner.is_dead() {
            return;
        }
        let _sent = kill(Pid::from_raw(pid), Signal::SIGKILL);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Removes the containers of runs. The engine may still be making one that the harness asked for just before it died, so
/// this looks again until there is none twice in a row.
async fn end_runs(runs: &[&str]) {
    let mut empty = 0;
    for _ in 0..60 {
        if let Ok(docker) = engine::connect().await {
            let mut found = 0;
            for run in runs {
                found += engine::remove_run(&docker, run).await.unwrap_or(1);
            }
            empty = if found == 0 { empty + 1 } else { 0 };
        }
        if empty == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leftover_reads_back_from_its_line() {
        let all = [
            Leftover::Run("r-1".to_owned()),
            Leftover::Process(Owner::me()),
            Leftover::Folder(PathBuf::from("/somewhere/with a space")),
        ];
        for leftover in all {
            assert_eq!(Leftover::parse(&leftover.line()), Some(leftover));
        }
        assert_eq!(Leftover::parse("nonsense"), None);
    }

    #[test]
    fn a_program_that_cannot_be_a_reaper_starts_none() {
        // A test binary never calls `reaper_main`.
        assert!(!watch(&Leftover::Run("none".to_owned())));
    }
}
