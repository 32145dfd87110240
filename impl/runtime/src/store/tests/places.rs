//! Directories that can't be used, and the lock.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::*;
use crate::store::StoreError;

#[test]
fn a_directory_with_other_files_is_no_checkpoint_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.tex"), "x").unwrap();
    let error = LocalDirectory::open(directory.path(), JOB).unwrap_err();
    assert!(error.is_bad_data());
    assert!(error.to_string().contains("`thesis.tex` is there: this is no checkpoint directory"), "{error}");
    assert_eq!(files(directory.path()), ["thesis.tex"], "nothing is left in it");
}

#[test]
fn the_directory_of_another_job_is_refused() {
    let (directory, _) = new();
    let error = LocalDirectory::open(directory.path(), "bids").unwrap_err().to_string();
    assert!(error.contains("belongs to the job `orders`, and this is `bids`"), "{error}");
}

#[test]
fn a_path_that_is_a_file_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "x").unwrap();
    let error = LocalDirectory::open(&path, JOB).unwrap_err();
    assert!(!error.is_bad_data());
    assert!(error.to_string().starts_with(&format!("cannot create {}: ", path.display())), "{error}");
}

#[test]
fn a_directory_that_vanished_is_not_an_empty_store() {
    let (directory, checkpoints) = new();
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Swapped);
    fs::remove_dir_all(directory.path()).unwrap();
    for request in [
        Request::ReadHead,
        Request::ReadCheckpoint(name(1, 1)),
        Request::WriteCheckpoint(checkpoint(1, 1, None)),
        Request::SwapHead { expected: HeadVersion::new(1), head: head(7, None) },
    ] {
        let detail = failed(checkpoints.perform(&request));
        assert!(detail.contains("nobody removed it"), "{detail}");
    }
}

#[test]
fn a_locked_directory_names_its_holder_and_is_free_again_afterwards() {
    let (directory, _) = new();
    let first = LocalDirectory::open(directory.path(), JOB).unwrap();
    let second = LocalDirectory::open(directory.path(), JOB).unwrap();
    let lock = first.lock().unwrap();
    let error = second.lock().unwrap_err();
    assert!(matches!(&error, StoreError::Locked { holder, .. } if *holder == std::process::id().to_string()));
    assert!(error.to_string().contains("is in use by process"), "{error}");
    drop(lock);
    drop(second.lock().unwrap());
}

#[test]
fn what_killed_processes_left_unfinished_is_removed_with_the_lock() {
    let (directory, checkpoints) = new();
    fs::write(directory.path().join("temporary-1-0"), "half").unwrap();
    fs::write(directory.path().join(format!("temporary-{}-1", std::process::id())), "half").unwrap();
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Swapped, "a name that is left is passed over");
    let _lock = LocalDirectory::open(directory.path(), JOB).unwrap().lock().unwrap();
    assert_eq!(files(directory.path()), ["head-1", "lock", "owner"]);
}

const READ_ONLY: &str = "TRUECUT_TEST_READ_ONLY_DIRECTORY";

/// The other half of the test below, in a process that is not root.
#[test]
fn helper_that_writes_where_it_may_not() {
    let Some(path) = std::env::var_os(READ_ONLY) else { return };
    let checkpoints = open(Path::new(&path));
    assert_eq!(read(&checkpoints), is(1, head(7, None)));
    for request in [
        Request::WriteCheckpoint(checkpoint(1, 1, None)),
        Request::SwapHead { expected: HeadVersion::new(1), head: head(8, None) },
    ] {
        let detail = failed(checkpoints.perform(&request));
        assert!(detail.starts_with("cannot create ") && detail.contains("Permission denied"), "{detail}");
        assert!(detail.contains("give this user the right"), "{detail}");
    }
    assert_eq!(read(&checkpoints), is(1, head(7, None)));
    std::process::exit(42);
}

#[test]
fn a_read_only_directory_is_read_and_refuses_to_be_written() {
    let (directory, checkpoints) = new();
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Swapped);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere, so a copy of this program does it as nobody.
    let program = tempfile::tempdir().unwrap();
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = program.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = Command::new(copy);
    command.args(["--exact", "store::tests::places::helper_that_writes_where_it_may_not", "--nocapture"]);
    command.env(READ_ONLY, directory.path()).current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(output.status.code(), Some(42), "{}", String::from_utf8_lossy(&output.stdout));
}
