//! Traces of whole runs: written, killed, damaged, replayed.

mod damage;
mod kill;
mod random;
mod run;
mod runs;

use std::path::Path;

use tempfile::TempDir;

use super::{Header, Reader, Replayed, TraceError, replay};

/// Replays a trace over the role that it names.
fn replayed(path: &Path) -> Result<Replayed, TraceError> {
    replay(Reader::open(path)?, |header: &Header| header.construction.build())
}

/// A run of a job, in a directory that lives as long as it is kept.
fn recorded(seed: u64) -> (TempDir, run::Recorded) {
    let directory = tempfile::tempdir().unwrap();
    let recorded = run::record(directory.path(), seed);
    (directory, recorded)
}
