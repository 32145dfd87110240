//! Runs this very program once for each mutant, with the core's tests only, and notes which of them fail, and when the first one did.
//! What is committed of it is compared, but for the times.

use std::io::{BufRead as _, BufReader};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::available_parallelism;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use truecut_mutants::Mutant;

use crate::hosted::MUTANT;

/// The core's tests, among those of this program.
const CORE_TESTS: &str = "tests::";
/// Set, the table is written and not compared.
const WRITE: &str = "TRUECUT_WRITE";
const AGAIN: &str = "run `TRUECUT_WRITE=1 cargo test -p truecut-mutants --test core_tests`";

/// `reports/kill-matrix/core-tests.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    schema: u32,
    /// Tests of the core that were run under each mutant.
    tests: usize,
    mutants: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    mutant: String,
    /// How many tests failed; none: it survives.
    failed: usize,
    /// The first of them.
    first: Option<String>,
    /// From the start of the program to the first failure, or to the end if there is none.
    ms: u64,
}

impl Row {
    fn without_time(&self) -> Self {
        Self { ms: 0, ..self.clone() }
    }
}

/// What became of the core's tests under one mutant, or under none.
struct Ran {
    tests: usize,
    failed: Vec<String>,
    ms: u64,
}

fn run(mutant: Option<Mutant>) -> Ran {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args([CORE_TESTS, "--test-threads=1", "--format=pretty", "--color=never"]);
    // A mutant must not become what is expected.
    program.env_remove("UPDATE_EXPECT").env_remove(MUTANT).env("RUST_BACKTRACE", "0");
    program.envs(mutant.map(|mutant| (MUTANT, mutant.name())));
    let started = Instant::now();
    let ms = || u64::try_from(started.elapsed().as_millis()).unwrap();
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut tests, mut failed, mut first_ms, mut told_end) = (0, Vec::new(), None, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        told_end |= line.starts_with("test result: ");
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
        else {
            continue;
        };
        tests += 1;
        if outcome == "FAILED" {
            first_ms.get_or_insert_with(ms);
            failed.push(name.to_owned());
        }
    }
    child.wait().unwrap();
    assert!(told_end, "{mutant:?}: the tests did not come to their end");
    Ran { tests, failed, ms: first_ms.unwrap_or_else(ms) }
}

fn row(mutant: Mutant, tests: usize) -> Row {
    let ran = run(Some(mutant));
    assert_eq!(ran.tests, tests, "{mutant}: as many tests run as without it");
    Row {
        mutant: mutant.name().to_owned(),
        failed: ran.failed.len(),
        first: ran.failed.first().cloned(),
        ms: ran.ms,
    }
}

/// With so many mutants at a time; times that are to be kept are those of one alone.
fn table(at_a_time: usize) -> Table {
    let itself = run(None);
    assert_eq!(itself.failed, Vec::<String>::new(), "the protocol passes all of them");
    let all: Vec<_> = Mutant::all().iter().chain(Mutant::equivalents()).copied().collect();
    let rows: Vec<_> = all.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..at_a_time {
            threads.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Relaxed)).filter(|at| *at < all.len()) {
                    rows[at].get_or_init(|| row(all[at], itself.tests));
                }
            });
        }
    });
    let mutants = rows.into_iter().filter_map(OnceLock::into_inner).collect();
    Table { schema: 1, tests: itself.tests, mutants }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports/kill-matrix/core-tests.json")
}

#[test]
fn what_is_committed_is_what_the_core_tests_kill() {
    let to_be_kept = std::env::var_os(WRITE).is_some();
    let at_a_time = if to_be_kept { 1 } else { available_parallelism().map_or(1, NonZero::get) };
    let found = table(at_a_time);
    if to_be_kept {
        let json = serde_json::to_string_pretty(&found).unwrap();
        std::fs::write(path(), json + "\n").unwrap();
        return;
    }
    let committed =
        std::fs::read(path()).unwrap_or_else(|error| panic!("{}: {error}: {AGAIN}", path().display()));
    let committed: Table = serde_json::from_slice(&committed).unwrap();
    assert_eq!(found.tests, committed.tests, "{AGAIN}");
    let rows = |table: &Table| table.mutants.iter().map(Row::without_time).collect::<Vec<_>>();
    assert_eq!(rows(&found), rows(&committed), "{AGAIN}");
}

#[test]
fn a_mutant_that_no_script_meets_survives() {
    let killed = |mutant| !run(Some(mutant)).failed.is_empty();
    assert!(killed(Mutant::AckBeforeFlush));
    // The scripts have one sink, whose ids are those of the protocol.
    assert!(!killed(Mutant::ShareIdsBetweenSinks));
}
