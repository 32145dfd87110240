//! The head: one swap wins per version, late ones lose, readers always find one.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::{CheckpointStore, Put, StoreError};

#[test]
fn an_empty_store_has_no_head_and_the_first_swap_makes_one() {
    let (directory, checkpoints) = new();
    assert_eq!(read(&checkpoints), Outcome::Head { version: HeadVersion::new(0), head: None });
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Swapped);
    assert_eq!(read(&checkpoints), is(1, head(7, None)));
    assert_eq!(read(&open(directory.path())), is(1, head(7, None)), "after it was opened again");
}

#[test]
fn a_swap_of_a_version_that_is_not_the_newest_conflicts_and_changes_nothing() {
    let (_directory, checkpoints) = new();
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Swapped);
    assert_eq!(swap(&checkpoints, 1, head(7, Some(1))), Outcome::Swapped);
    for expected in [0, 1] {
        assert_eq!(swap(&checkpoints, expected, head(8, Some(5))), Outcome::Conflict);
    }
    assert_eq!(read(&checkpoints), is(2, head(7, Some(1))));
}

#[test]
fn a_swap_that_comes_after_its_version_was_pruned_conflicts() {
    let (directory, checkpoints) = new();
    for version in 0..50 {
        assert_eq!(swap(&checkpoints, version, head(7, Some(version + 1))), Outcome::Swapped);
    }
    let before = files(directory.path());
    assert!(before.len() < 20, "old heads are pruned: {before:?}");
    for late in 0..50 {
        assert_eq!(swap(&checkpoints, late, head(8, Some(99))), Outcome::Conflict, "version {late}");
    }
    assert_eq!(swap(&checkpoints, 60, head(8, Some(99))), Outcome::Conflict, "a version that never was");
    assert_eq!(files(directory.path()), before);
    assert_eq!(read(&checkpoints), is(50, head(7, Some(50))));
}

#[test]
fn of_two_that_swap_the_same_version_exactly_one_wins() {
    const SWAPS: u64 = 200;
    let (directory, first) = new();
    let (won, unknown) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    let done = AtomicBool::new(false);
    assert_eq!(swap(&first, 0, head(0, None)), Outcome::Swapped);
    std::thread::scope(|scope| {
        let swappers: Vec<_> = (1..=3)
            .map(|token| {
                let (won, unknown, checkpoints) = (&won, &unknown, open(directory.path()));
                scope.spawn(move || {
                    loop {
                        let Outcome::Head { version, head: Some(_) } = read(&checkpoints) else {
                            panic!("a reader found no head")
                        };
                        if version.get() > SWAPS {
                            return;
                        }
                        let outcome = swap(&checkpoints, version.get(), head(token, Some(version.get())));
                        if outcome == Outcome::Swapped {
                            won.lock().unwrap().push((version.get() + 1, token));
                        } else if outcome == Outcome::Unknown {
                            // It slept while the others went on for long.
                            unknown.lock().unwrap().insert(version.get() + 1);
                        } else {
                            assert_eq!(outcome, Outcome::Conflict);
                        }
                    }
                })
            })
            .collect();
        let reader = open(directory.path());
        let done = &done;
        let reading = scope.spawn(move || {
            let mut newest = 0;
            while !done.load(Ordering::Relaxed) {
                let Outcome::Head { version, head: Some(_) } = read(&reader) else {
                    panic!("a reader found no head")
                };
                assert!(version.get() >= newest, "the head goes forward");
                newest = version.get();
            }
        });
        swappers.into_iter().for_each(|swapper| swapper.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reading.join().unwrap();
    });
    let mut won = won.into_inner().unwrap();
    won.sort_unstable();
    let versions: Vec<u64> = won.iter().map(|(version, _)| *version).collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "two have won the same: {versions:?}");
    let (last, token) = *won.last().unwrap();
    let nobodys: BTreeSet<u64> = (2..last).filter(|version| !versions.contains(version)).collect();
    assert!(nobodys.is_subset(&unknown.into_inner().unwrap()), "nobody has won {nobodys:?}");
    assert_eq!(read(&first), is(last, head(token, Some(last - 1))));
}

type Happening = Box<dyn FnOnce() + Send>;

/// A directory in which something happens just before the next put, which may then be answered with "unknown".
struct Disturbed {
    directory: LocalDirectory,
    before: Mutex<Option<Happening>>,
    unsure: AtomicBool,
}

/// Opens a directory with a disturbance.
fn disturbed(path: &Path, unsure: bool, before: Happening) -> Checkpoints {
    let directory = LocalDirectory::open(path, JOB).unwrap();
    let before = Mutex::new(Some(before));
    Checkpoints::new(Arc::new(Disturbed { directory, before, unsure: AtomicBool::new(unsure) }))
}

impl fmt::Debug for Disturbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disturbed")
    }
}

impl CheckpointStore for Disturbed {
    fn put_new(&self, name: &str, parts: &[&[u8]]) -> Result<Put, StoreError> {
        let before = self.before.lock().unwrap().take();
        before.into_iter().for_each(|happens| happens());
        let put = self.directory.put_new(name, parts)?;
        if self.unsure.swap(false, Ordering::Relaxed) {
            let error = std::io::Error::from_raw_os_error(5);
            return Ok(Put::Unknown(StoreError::io("sync", &self.place(name), error)));
        }
        Ok(put)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.directory.get(name)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        self.directory.names()
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.directory.remove(name)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.directory.place(name)
    }
}

#[test]
fn a_swap_of_unknown_outcome_meets_its_own_head_when_it_is_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoints = disturbed(directory.path(), true, Box::new(|| {}));
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Unknown);
    assert_eq!(swap(&checkpoints, 0, head(7, None)), Outcome::Conflict);
    assert_eq!(read(&checkpoints), is(1, head(7, None)));
}

#[test]
fn a_swap_that_was_paused_while_its_version_came_and_was_pruned_does_not_win() {
    let (directory, others) = new();
    for version in 0..3 {
        assert_eq!(swap(&others, version, head(7, None)), Outcome::Swapped);
    }
    let meanwhile = move || {
        for version in 3..60 {
            assert_eq!(swap(&others, version, head(7, Some(version))), Outcome::Swapped);
        }
    };
    let paused = disturbed(directory.path(), false, Box::new(meanwhile));
    assert_eq!(swap(&paused, 3, head(8, Some(99))), Outcome::Unknown);
    assert_eq!(read(&paused), is(60, head(7, Some(59))));
    assert!(
        files(directory.path()).contains(&"head-4".into()),
        "it took the name of a version that was pruned"
    );
    assert_eq!(swap(&paused, 60, head(8, Some(99))), Outcome::Swapped);
    assert!(!files(directory.path()).contains(&"head-4".into()), "which is pruned once more");
}
