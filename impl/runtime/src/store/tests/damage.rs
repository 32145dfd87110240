//! Damaged, foreign and newer files are refused by name, and never taken as absent.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::store::is_bad_data;

/// A store with one of each, and how to read each.
struct Sample {
    directory: TempDir,
    state: StateFile,
    layer: StateFile,
}

const FILES: [&str; 5] =
    ["head-1", "checkpoint-1-1", "state-1-1-operator-0", "layer-1-1-operator-1-0", "owner"];

impl Sample {
    fn new() -> Self {
        let (directory, checkpoints) = new();
        let StateHandle { files } = whole(&checkpoints, name(1, 1), b"a=1");
        let state = files[0].clone();
        let entry = [1, 0, 0, 0, 1, 0, 0, 0, b'a', b'1'];
        let layer = checkpoints.write_layer(name(1, 1), Subtask::operator(1), 0, &entry, 1).unwrap().unwrap();
        let all = checkpoint(1, 1, Some(StateHandle { files }));
        assert_eq!(checkpoints.perform(&Request::WriteCheckpoint(all)), Outcome::Written);
        assert_eq!(swap(&checkpoints, 0, head(7, Some(1))), Outcome::Swapped);
        Self { directory, state, layer }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(file)
    }

    /// Reads what the file holds: its error, if it is refused.
    fn read(&self, file: &str) -> Result<(), String> {
        let directory =
            LocalDirectory::open(self.directory.path(), JOB).map_err(|error| error.to_string())?;
        let checkpoints = Checkpoints::new(Arc::new(directory));
        match file {
            "owner" => Ok(()),
            "head-1" => of(checkpoints.perform(&Request::ReadHead)),
            "checkpoint-1-1" => of(checkpoints.perform(&Request::ReadCheckpoint(name(1, 1)))),
            _ => {
                let file = if file.starts_with("layer") { &self.layer } else { &self.state };
                checkpoints.read_state(file).map(drop).map_err(|error| error.to_string())
            }
        }
    }

    /// Puts other bytes into a file and says how reading it fails.
    #[track_caller]
    fn refused(&self, file: &str, bytes: &[u8]) -> String {
        fs::write(self.path(file), bytes).unwrap();
        let error = self.read(file).expect_err("damaged bytes are refused");
        let start = format!("bad data: {}: ", self.path(file).display());
        assert!(error.starts_with(&start), "{error}");
        assert!(is_bad_data(&error) && error.contains("; "), "with a remedy: {error}");
        error
    }
}

fn of(outcome: Outcome<StateHandle>) -> Result<(), String> {
    if let Outcome::Failed { detail } = outcome {
        return Err(detail);
    }
    assert!(
        matches!(outcome, Outcome::Head { head: Some(_), .. } | Outcome::Checkpoint(_)),
        "taken as {outcome:?}"
    );
    Ok(())
}

#[test]
fn a_file_torn_at_any_byte_is_refused() {
    for file in FILES {
        let sample = Sample::new();
        let whole = fs::read(sample.path(file)).unwrap();
        assert_eq!(sample.read(file), Ok(()), "{file}");
        for length in 0..whole.len() {
            sample.refused(file, &whole[..length]);
        }
        let longer = [whole.as_slice(), &[0]].concat();
        sample.refused(file, &longer);
        fs::write(sample.path(file), &whole).unwrap();
        assert_eq!(sample.read(file), Ok(()), "{file} restored from a backup");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    for file in FILES {
        let sample = Sample::new();
        let whole = fs::read(sample.path(file)).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            sample.refused(file, &flipped);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rewritten_bytes_are_found(
        file in 0_usize..FILES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let sample = Sample::new();
        let whole = fs::read(sample.path(FILES[file])).unwrap();
        let mut edited = whole.clone();
        for (place, value) in edits {
            edited[place.index(whole.len())] = value;
        }
        if edited != whole {
            sample.refused(FILES[file], &edited);
        }
    }
}

#[test]
fn a_newer_format_is_named() {
    let sample = Sample::new();
    let mut newer = fs::read(sample.path("head-1")).unwrap();
    newer[12] = 4;
    let error = sample.refused("head-1", &newer);
    assert!(
        error.contains("format version 4 and this program reads up to 3: use the newer program"),
        "{error}"
    );
}

#[test]
fn an_older_format_is_named() {
    let sample = Sample::new();
    let mut older = fs::read(sample.path("head-1")).unwrap();
    older[12] = 2;
    let error = sample.refused("head-1", &older);
    assert!(error.contains("format version 2") && error.contains("does not read any more"), "{error}");
}

#[test]
fn a_file_that_was_renamed_over_another_is_refused() {
    let (directory, checkpoints) = new();
    for version in 0..3 {
        assert_eq!(swap(&checkpoints, version, head(7, Some(version + 1))), Outcome::Swapped);
    }
    fs::copy(directory.path().join("head-1"), directory.path().join("head-3")).unwrap();
    let detail = failed(read(&checkpoints));
    assert!(detail.contains("head-3: its checksum does not match"), "{detail}");
    fs::copy(directory.path().join("owner"), directory.path().join("head-3")).unwrap();
    let detail = failed(read(&checkpoints));
    assert!(detail.contains("head-3: it is not what its name says, but a OWNR"), "{detail}");
}

#[test]
fn a_checkpoint_that_the_head_names_and_is_missing_is_bad_data() {
    let sample = Sample::new();
    for file in ["checkpoint-1-1", "state-1-1-operator-0", "layer-1-1-operator-1-0"] {
        fs::remove_file(sample.path(file)).unwrap();
        let error = sample.read(file).unwrap_err();
        assert!(is_bad_data(&error) && error.contains(&format!("{file}: it is missing")), "{error}");
    }
}

#[test]
fn a_state_that_is_not_the_one_of_the_handle_is_refused() {
    let sample = Sample::new();
    let checkpoints = open(sample.directory.path());
    let other = whole(&checkpoints, name(1, 2), b"a=2").files.remove(0);
    let layer = checkpoints.write_layer(name(1, 2), Subtask::operator(0), 0, b"a=3", 0).unwrap().unwrap();
    for path in [other.path, layer.path] {
        let mixed = StateFile { path, ..sample.state.clone() };
        let error = checkpoints.read_state(&mixed).unwrap_err().to_string();
        assert!(error.contains("it is not the state that the checkpoint names"), "{error}");
    }
    for path in ["../owner", "owner", "head-1", "layer-1-1-operator-0-0/../../owner"] {
        let outside = StateFile { path: path.into(), ..sample.state.clone() };
        let error = checkpoints.read_state(&outside).unwrap_err();
        assert!(
            error.is_bad_data() && error.to_string().contains("it is not the name of a state"),
            "{error}"
        );
    }
}
