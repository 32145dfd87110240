//! The store against a real directory: races, reopening, and every kind of damage.

mod damage;
mod heads;
mod layers;
mod places;
mod state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use truecut_core::{
    Attempt, Checkpoint, CheckpointId, CheckpointName, Head, HeadVersion, NextOffset, Outcome, Partition,
    Request, Snapshot, Subtask, Token,
};

use super::{Checkpoints, LocalDirectory, StateFile, StateHandle};

const JOB: &str = "orders";

fn open(path: &Path) -> Checkpoints {
    Checkpoints::new(Arc::new(LocalDirectory::open(path, JOB).unwrap()))
}

fn new() -> (TempDir, Checkpoints) {
    let directory = tempfile::tempdir().unwrap();
    let checkpoints = open(directory.path());
    (directory, checkpoints)
}

fn name(attempt: u64, id: u64) -> CheckpointName {
    CheckpointName { attempt: Attempt::new(attempt), id: CheckpointId::new(id) }
}

fn head(token: u64, latest: Option<u64>) -> Head {
    Head {
        token: Token::new(token),
        attempt: Attempt::new(1),
        latest: latest.map(|id| name(1, id)),
        next: CheckpointId::new(latest.map_or(1, |id| id + 1)),
    }
}

fn swap(checkpoints: &Checkpoints, expected: u64, head: Head) -> Outcome<StateHandle> {
    checkpoints.perform(&Request::SwapHead { expected: HeadVersion::new(expected), head })
}

fn read(checkpoints: &Checkpoints) -> Outcome<StateHandle> {
    checkpoints.perform(&Request::ReadHead)
}

fn is(version: u64, head: Head) -> Outcome<StateHandle> {
    Outcome::Head { version: HeadVersion::new(version), head: Some(head) }
}

fn checkpoint(attempt: u64, id: u64, state: Option<StateHandle>) -> Checkpoint<StateHandle> {
    let offsets = BTreeMap::from([(Partition::new(0), NextOffset::new(2))]);
    let snapshots = BTreeMap::from([
        (Subtask::source(0), Snapshot::Source(offsets)),
        (Subtask::operator(0), Snapshot::Operator(state)),
    ]);
    Checkpoint { name: name(attempt, id), origin: Token::new(1), last: false, snapshots }
}

/// A whole state of the first operator, as a checkpoint names it.
fn whole(checkpoints: &Checkpoints, name: CheckpointName, state: &[u8]) -> StateHandle {
    let file = checkpoints.write_state(name, Subtask::operator(0), state).unwrap().unwrap();
    StateHandle { files: vec![file] }
}

fn files(directory: &Path) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    files
}

/// The detail of an operation that certainly failed.
#[track_caller]
fn failed(outcome: Outcome<StateHandle>) -> String {
    let Outcome::Failed { detail } = outcome else {
        panic!("it should have failed, and answered {outcome:?}")
    };
    detail
}
