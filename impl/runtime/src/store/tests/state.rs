//! Checkpoints and whole operator state: written once, read back, discarded together.

use super::*;
use crate::store::StoredState;

#[test]
fn a_checkpoint_and_its_state_read_back_after_reopening() {
    let (directory, checkpoints) = new();
    let handle = whole(&checkpoints, name(1, 4), b"a=1 b=2");
    let all = checkpoint(1, 4, Some(handle.clone()));
    assert_eq!(checkpoints.perform(&Request::WriteCheckpoint(all.clone())), Outcome::Written);
    let again = open(directory.path());
    assert_eq!(again.perform(&Request::ReadCheckpoint(name(1, 4))), Outcome::Checkpoint(all));
    let state = again.read_state(&handle.files[0]).unwrap();
    assert_eq!(state, StoredState::Whole(b"a=1 b=2".as_slice().into()));
}

#[test]
fn a_repeated_write_of_the_same_is_fine_and_of_something_else_is_refused() {
    let (_directory, checkpoints) = new();
    for _ in 0..2 {
        let written = checkpoints.perform(&Request::WriteCheckpoint(checkpoint(1, 4, None)));
        assert_eq!(written, Outcome::Written);
    }
    let other = Checkpoint { last: true, ..checkpoint(1, 4, None) };
    let detail = failed(checkpoints.perform(&Request::WriteCheckpoint(other)));
    assert!(detail.contains("checkpoint-1-4: it exists already, with other content"), "{detail}");
    let read = checkpoints.perform(&Request::ReadCheckpoint(name(1, 4)));
    assert_eq!(read, Outcome::Checkpoint(checkpoint(1, 4, None)));
}

#[test]
fn discarding_removes_the_checkpoint_and_its_state_and_nothing_else() {
    let (directory, checkpoints) = new();
    for id in [1, 2, 11] {
        let handle = whole(&checkpoints, name(1, id), b"state");
        let written = checkpoints.perform(&Request::WriteCheckpoint(checkpoint(1, id, Some(handle))));
        assert_eq!(written, Outcome::Written);
    }
    assert_eq!(checkpoints.perform(&Request::Discard(name(1, 1))), Outcome::Written);
    let left =
        ["checkpoint-1-11", "checkpoint-1-2", "owner", "state-1-11-operator-0", "state-1-2-operator-0"];
    assert_eq!(files(directory.path()), left);
    assert_eq!(checkpoints.perform(&Request::Discard(name(1, 1))), Outcome::Written, "again");
}

#[test]
fn discarding_what_is_older_removes_state_without_a_checkpoint_too() {
    let (directory, checkpoints) = new();
    for (attempt, id) in [(1, 1), (1, 2), (2, 3), (2, 4)] {
        whole(&checkpoints, name(attempt, id), b"state");
    }
    for written in [checkpoint(1, 2, None), checkpoint(2, 3, None)] {
        assert_eq!(checkpoints.perform(&Request::WriteCheckpoint(written)), Outcome::Written);
    }
    assert_eq!(checkpoints.perform(&Request::DiscardBelow(CheckpointId::new(3))), Outcome::Written);
    let left = ["checkpoint-2-3", "owner", "state-2-3-operator-0", "state-2-4-operator-0"];
    assert_eq!(files(directory.path()), left);
}
