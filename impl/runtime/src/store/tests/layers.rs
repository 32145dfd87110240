//! Layers of keyed state: refused by name when one of them is not what it was, and removed when nobody needs them.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::state::{Capture, Changes, Part, StateWriter, read_parts};
use crate::store::testing::Memory;
use crate::store::{CheckpointStore, Put, StoreError};

/// A capture of one value, so large that no later layer takes an earlier one in, if they are written in the order of the keys.
fn capture(key: &str) -> Capture {
    let bytes = key.bytes().next().map_or(0, |first| 20_000 >> (3 * (first - b'a')));
    let mut changes = Changes::default();
    changes.put(key.as_bytes(), |out| out.resize(out.len() + bytes, first_byte(key)));
    Capture::Changes(changes)
}

fn first_byte(key: &str) -> u8 {
    key.as_bytes()[0]
}

fn write(writer: &mut StateWriter, id: u64, key: &str) -> StateHandle {
    writer.write(name(1, id), capture(key)).unwrap()
}

fn writer(checkpoints: &Checkpoints) -> StateWriter {
    StateWriter::new(checkpoints.clone(), Subtask::operator(0))
}

/// Stores a checkpoint with this state.
fn store(checkpoints: &Checkpoints, id: u64, state: StateHandle) {
    let written = checkpoints.perform(&Request::WriteCheckpoint(checkpoint(1, id, Some(state))));
    assert_eq!(written, Outcome::Written);
}

fn discard_below(checkpoints: &Checkpoints, id: u64) -> Outcome<StateHandle> {
    checkpoints.perform(&Request::DiscardBelow(CheckpointId::new(id)))
}

/// The keys of a stored state, or why it can't be read.
fn keys(checkpoints: &Checkpoints, state: &StateHandle) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    for part in read_parts(checkpoints, state) {
        let (_, part) = part.map_err(|error| error.to_string())?;
        let Part::Entries(entries) = part else { return Err("a whole".into()) };
        keys.extend(entries.iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()));
    }
    Ok(keys)
}

fn layers(directory: &Path) -> Vec<String> {
    files(directory).into_iter().filter(|file| file.starts_with("layer")).collect()
}

const SECOND: &str = "layer-1-2-operator-0-0";

/// Three layers, and the path of the one in the middle.
fn three() -> (TempDir, Checkpoints, StateHandle, PathBuf) {
    let (directory, checkpoints) = new();
    let mut writer = writer(&checkpoints);
    write(&mut writer, 1, "a");
    write(&mut writer, 2, "b");
    let state = write(&mut writer, 3, "c");
    assert_eq!(keys(&checkpoints, &state).unwrap(), ["a", "b", "c"]);
    assert_eq!(state.files[1].path, SECOND);
    let path = directory.path().canonicalize().unwrap().join(SECOND);
    (directory, checkpoints, state, path)
}

#[test]
fn a_state_with_a_layer_that_is_missing_damaged_or_replaced_is_refused_by_the_name_of_the_file() {
    let refused = |harm: &dyn Fn(&Path), what: &str| {
        let (_directory, checkpoints, state, path) = three();
        harm(&path);
        let error = keys(&checkpoints, &state).unwrap_err();
        assert!(error.starts_with(&format!("bad data: {}: {what}", path.display())), "{error}");
        assert!(error.contains("; restore the file from a backup, or start fresh"), "{error}");
    };
    refused(&|path| fs::remove_file(path).unwrap(), "it is missing");
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    refused(&flip, "its checksum does not match");
    let third = |path: &Path| {
        fs::copy(path.with_file_name("layer-1-3-operator-0-0"), path).unwrap();
    };
    refused(&third, "its checksum does not match");
    let other = |path: &Path| {
        fs::remove_file(path).unwrap();
        let checkpoints = open(path.parent().unwrap());
        write(&mut writer(&checkpoints), 2, "c");
    };
    refused(&other, "it is not the state that the checkpoint names");
}

#[test]
fn a_layer_whose_entries_are_not_what_they_must_be_is_refused_although_its_checksum_fits() {
    let (_directory, checkpoints) = new();
    let entry = |key| [1, 0, 0, 0, 0, 0, 0, 0, key];
    for (id, content, entries, what) in [
        (
            1,
            [entry(b'b'), entry(b'a')].concat(),
            2,
            "its entries can't be read: a key is not above the one before",
        ),
        (2, entry(b'a')[..8].to_vec(), 1, "its entries can't be read: an entry is cut off"),
        (3, entry(b'a').to_vec(), 2, "it has 1 of 2 entries"),
    ] {
        let file = checkpoints.write_layer(name(1, id), Subtask::operator(0), 0, &content, entries);
        let state = StateHandle { files: vec![file.unwrap().unwrap()] };
        let error = keys(&checkpoints, &state).unwrap_err();
        assert!(error.contains(&format!("layer-1-{id}-operator-0-0: {what}")), "{error}");
    }
}

#[test]
fn a_damaged_layer_is_not_merged_and_the_snapshot_fails() {
    let (_directory, checkpoints, state, path) = three();
    fs::remove_file(path).unwrap();
    let mut writer = StateWriter::restored(checkpoints.clone(), Subtask::operator(0), state);
    let error = writer.write(name(1, 4), capture("a")).unwrap_err().to_string();
    assert!(error.contains(&format!("{SECOND}: it is missing")), "{error}");
}

#[test]
fn what_a_kept_checkpoint_names_is_kept_however_old_it_is() {
    let (directory, checkpoints) = new();
    let mut writer = writer(&checkpoints);
    let states = [(1, "a"), (2, "b"), (3, "c")].map(|(id, key)| (id, write(&mut writer, id, key)));
    for (id, state) in states.clone() {
        store(&checkpoints, id, state);
    }
    assert_eq!(discard_below(&checkpoints, 3), Outcome::Written);
    let left = ["checkpoint-1-3", "layer-1-1-operator-0-0", SECOND, "layer-1-3-operator-0-0", "owner"];
    assert_eq!(files(directory.path()), left);
    assert_eq!(keys(&checkpoints, &states[2].1).unwrap(), ["a", "b", "c"]);
}

#[test]
fn layers_that_were_merged_go_when_no_kept_checkpoint_names_them() {
    let (directory, checkpoints, state, _) = three();
    store(&checkpoints, 3, state.clone());
    let mut writer = StateWriter::restored(checkpoints.clone(), Subtask::operator(0), state.clone());
    let merged = write(&mut writer, 4, "a");
    assert_eq!(merged.files.len(), 1, "the new layer is as large as all of them");
    store(&checkpoints, 4, merged.clone());
    assert_eq!(discard_below(&checkpoints, 3), Outcome::Written);
    assert_eq!(keys(&checkpoints, &state).unwrap(), ["a", "b", "c"], "3 is kept");
    assert_eq!(discard_below(&checkpoints, 4), Outcome::Written);
    assert_eq!(layers(directory.path()), ["layer-1-4-operator-0-0"]);
    assert_eq!(keys(&checkpoints, &merged).unwrap(), ["a", "b", "c"]);
}

#[test]
fn the_layer_of_an_aborted_checkpoint_stays_while_a_later_one_names_it_and_goes_then() {
    let (directory, checkpoints) = new();
    let mut writer = writer(&checkpoints);
    let first = write(&mut writer, 1, "a");
    store(&checkpoints, 1, first);
    let aborted = write(&mut writer, 2, "b");
    store(&checkpoints, 2, aborted);
    assert_eq!(checkpoints.perform(&Request::Discard(name(1, 2))), Outcome::Written);
    assert!(!files(directory.path()).contains(&"checkpoint-1-2".into()));
    let third = write(&mut writer, 3, "c");
    store(&checkpoints, 3, third.clone());
    assert_eq!(discard_below(&checkpoints, 3), Outcome::Written);
    assert_eq!(keys(&checkpoints, &third).unwrap(), ["a", "b", "c"]);
    let fourth = write(&mut writer, 4, "a");
    store(&checkpoints, 4, fourth);
    assert_eq!(discard_below(&checkpoints, 4), Outcome::Written);
    assert_eq!(layers(directory.path()), ["layer-1-4-operator-0-0"]);
}

#[test]
fn what_a_checkpoint_under_way_adds_is_not_older_and_stays() {
    let (_directory, checkpoints) = new();
    let mut writer = writer(&checkpoints);
    for (id, key) in [(1, "a"), (2, "b")] {
        let state = write(&mut writer, id, key);
        store(&checkpoints, id, state);
    }
    let under_way = write(&mut writer, 3, "b"); // takes in the layer of 2
    assert_eq!(under_way.files.len(), 2);
    assert_eq!(discard_below(&checkpoints, 2), Outcome::Written);
    assert_eq!(keys(&checkpoints, &under_way).unwrap(), ["a", "b"]);
}

#[test]
fn a_layer_that_nobody_names_goes_with_what_is_older() {
    let (directory, checkpoints) = new();
    let mut lost = writer(&checkpoints);
    write(&mut lost, 1, "a");
    store(&checkpoints, 2, StateHandle::default());
    assert_eq!(checkpoints.perform(&Request::Discard(name(1, 1))), Outcome::Written);
    assert_eq!(layers(directory.path()).len(), 1, "an abort removes no layer");
    assert_eq!(discard_below(&checkpoints, 2), Outcome::Written);
    assert_eq!(files(directory.path()), ["checkpoint-1-2", "owner"]);
}

#[test]
fn nothing_is_discarded_while_a_kept_checkpoint_can_not_be_read() {
    let (directory, checkpoints, state, _) = three();
    store(&checkpoints, 1, StateHandle::default());
    store(&checkpoints, 3, state);
    let whole = fs::read(directory.path().join("checkpoint-1-3")).unwrap();
    fs::write(directory.path().join("checkpoint-1-3"), &whole[..30]).unwrap();
    let before = files(directory.path());
    let detail = failed(discard_below(&checkpoints, 3));
    assert!(detail.contains("checkpoint-1-3: it has 2 of"), "{detail}");
    assert_eq!(files(directory.path()), before);
}

/// Lists no checkpoint, as a list may that is made while one comes and another one goes.
#[derive(Debug)]
struct Blind(Arc<Memory>);

impl CheckpointStore for Blind {
    fn put_new(&self, name: &str, parts: &[&[u8]]) -> Result<Put, StoreError> {
        self.0.put_new(name, parts)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(name)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.0.names()?;
        names.retain(|name| !name.starts_with("checkpoint"));
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.0.remove(name)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.place(name)
    }
}

#[test]
fn what_the_head_names_is_kept_although_it_was_not_listed() {
    let (memory, checkpoints) = Memory::new();
    let mut writer = writer(&checkpoints);
    write(&mut writer, 1, "a");
    let state = write(&mut writer, 2, "b");
    store(&checkpoints, 2, state.clone());
    assert_eq!(swap(&checkpoints, 0, head(7, Some(2))), Outcome::Swapped);
    let late = Checkpoints::new(Arc::new(Blind(Arc::clone(&memory))));
    assert_eq!(discard_below(&late, 2), Outcome::Written);
    assert_eq!(keys(&checkpoints, &state).unwrap(), ["a", "b"]);
}
