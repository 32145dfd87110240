//! What is written for a capture, and what follows from a failure.

use std::ops::Range;

use super::*;

/// Values for these keys: 100 bytes an entry.
fn values(keys: Range<u32>, value: u8) -> Values {
    keys.map(|key| (key.to_be_bytes().to_vec(), vec![value; 88])).collect()
}

fn capture(values: &Values) -> Capture {
    let mut changes = Changes::default();
    for (key, value) in values {
        changes.put(key, |out| out.extend_from_slice(value));
    }
    Capture::Changes(changes)
}

/// A writer beside the values that were captured.
struct Sample {
    memory: std::sync::Arc<Memory>,
    checkpoints: Checkpoints,
    writer: StateWriter,
    values: Values,
    id: u64,
}

impl Sample {
    /// 100,000 bytes are stored, in files of so many.
    fn new(file_bytes: usize) -> Self {
        let (memory, checkpoints) = Memory::new();
        let writer = StateWriter::new(checkpoints.clone(), SUBTASK).with_file_bytes(file_bytes);
        let mut sample = Self { memory, checkpoints, writer, values: Values::new(), id: 0 };
        assert_eq!(sizes(&sample.write(0..1_000).unwrap()), [100_000]);
        sample
    }

    /// Captures new values for these keys.
    fn write(&mut self, keys: Range<u32>) -> Result<StateHandle, NotWritten> {
        self.id += 1;
        let changed = values(keys, self.id.to_le_bytes()[0]);
        self.values.extend(changed.clone());
        self.writer.write(name(1, self.id), capture(&changed))
    }

    #[track_caller]
    fn is_all(&self, state: &StateHandle) {
        assert_eq!(restored(&self.checkpoints, state), self.values);
    }
}

#[test]
fn a_layer_is_merged_with_those_that_are_at_most_twice_as_large() {
    let mut sample = Sample::new(1 << 20);
    for (keys, expected) in [
        (0..499, &[100_000, 49_900][..]),
        (0..1, &[100_000, 49_900, 100]),
        (1..2, &[100_000, 49_900, 200]),
        (0..2, &[100_000, 49_900, 200]),
        (0..3, &[100_000, 49_900, 300]),
        (0..246, &[100_000, 49_900, 24_600]),
        (0..100, &[100_000, 49_900, 24_600, 10_000]),
        (500..600, &[100_000]),
    ] {
        let state = sample.write(keys).unwrap();
        assert_eq!(sizes(&state), expected);
        sample.is_all(&state);
    }
}

#[test]
fn keys_that_change_all_the_time_do_not_make_a_large_layer_be_written_again() {
    let mut sample = Sample::new(1 << 20);
    for _ in 0..20 {
        let state = sample.write(700..900).unwrap();
        assert_eq!(sizes(&state), [100_000, 20_000]);
        assert_eq!(state.files[0].path, "layer-1-1-operator-0-0");
        sample.is_all(&state);
    }
}

#[test]
fn what_is_written_for_changes_grows_with_them_and_hardly_with_the_state() {
    let mut sample = Sample::new(1 << 20);
    sample.memory.written();
    for id in 0..200 {
        let first = 10_000 + 100 * id;
        sample.write(first..first + 100).unwrap();
    }
    let (changed, written) = (200 * 10_000, sample.memory.written());
    assert!(written < 10 * changed, "{written} bytes for {changed}; all of it each time were 200,000,000");
}

#[test]
fn a_layer_is_cut_into_files_and_says_in_each_how_many_entries_it_has() {
    let mut sample = Sample::new(999);
    let state = sample.write(0..25).unwrap();
    let files: Vec<(&str, u64)> =
        state.files.iter().rev().take(3).map(|file| (file.path.as_str(), file.entries)).collect();
    let expected =
        [("layer-1-2-operator-0-2", 7), ("layer-1-2-operator-0-1", 9), ("layer-1-2-operator-0-0", 9)];
    assert_eq!(files, expected);
    let all: Vec<usize> = read_parts(&sample.checkpoints, &state)
        .map(|part| part.unwrap().1.entries().unwrap().of_all_parts())
        .collect();
    assert_eq!(all.len(), 112 + 3);
    assert!(all[..112].iter().all(|entries| *entries == 1_000));
    assert!(all[112..].iter().all(|entries| *entries == 25));
}

#[test]
fn an_entry_that_is_larger_than_a_file_has_one_of_its_own() {
    let sample = Sample::new(10);
    assert_eq!(sample.memory.named("layer").len(), 1_000);
}

#[test]
fn where_nothing_changed_nothing_is_written() {
    let mut sample = Sample::new(1 << 20);
    let before = sample.write(0..1).unwrap();
    assert_eq!(sample.write(0..0).unwrap(), before);
    let (memory, checkpoints) = Memory::new();
    let mut writer = StateWriter::new(checkpoints, SUBTASK);
    let nothing = writer.write(name(1, 1), Capture::Changes(Changes::default())).unwrap();
    assert_eq!(nothing, StateHandle::default());
    assert_eq!(memory.named(""), Vec::<String>::new());
}

#[test]
fn a_restored_state_goes_on_with_its_layers() {
    let mut sample = Sample::new(1 << 20);
    let before = sample.write(0..100).unwrap();
    sample.writer = StateWriter::restored(sample.checkpoints.clone(), SUBTASK, before.clone());
    let after = sample.write(0..1).unwrap();
    assert_eq!(after.files[..2], before.files, "nothing is written again");
    sample.is_all(&after);
}

#[test]
fn changes_that_are_not_stored_go_into_the_next_layer() {
    for fate in [Fate::Refused, Fate::Lost, Fate::Landed] {
        let mut sample = Sample::new(1 << 20);
        sample.memory.fates([fate]);
        let error = sample.write(0..100).unwrap_err();
        assert_eq!(matches!(error, NotWritten::Failed(_)), fate == Fate::Refused, "{error}");
        sample.memory.fates([fate]);
        sample.write(50..150).unwrap_err();
        let state = sample.write(0..0).unwrap();
        assert_eq!(sizes(&state), [100_000, 15_000]);
        assert_eq!(state.files[1].path, "layer-1-4-operator-0-0", "no file that may not be there is named");
        sample.is_all(&state);
    }
}

#[test]
fn a_layer_of_which_not_all_files_are_stored_is_taken_back() {
    for fate in [Fate::Refused, Fate::Lost, Fate::Landed] {
        let mut sample = Sample::new(1_000);
        sample.memory.fates([Fate::Stored, Fate::Stored, fate]);
        sample.write(0..100).unwrap_err();
        let left: &[&str] = if fate == Fate::Landed { &["layer-1-2-operator-0-2"] } else { &[] };
        assert_eq!(sample.memory.named("layer-1-2"), left);
        let state = sample.write(0..0).unwrap();
        sample.is_all(&state);
    }
}

#[test]
fn where_there_is_no_room_for_a_merge_the_changes_alone_are_stored() {
    let mut sample = Sample::new(1_000);
    sample.memory.fates([Fate::Stored, Fate::Refused]);
    let state = sample.write(0..600).unwrap();
    assert_eq!(sizes(&state), [100_000, 60_000]);
    assert_eq!(state.files[100].path, "layer-1-2-operator-0-2", "no number is used twice");
    sample.is_all(&state);
    let state = sample.write(0..300).unwrap();
    assert_eq!(sizes(&state), [100_000], "and merged when there is room");
    sample.is_all(&state);
}

#[test]
fn where_a_layer_can_not_be_read_to_merge_it_the_changes_alone_are_stored() {
    let mut sample = Sample::new(1_000);
    sample.memory.fail_reads(1);
    let state = sample.write(0..600).unwrap();
    assert_eq!(sizes(&state), [100_000, 60_000]);
    sample.is_all(&state);
}

#[test]
fn a_whole_state_replaces_what_was_before() {
    let mut sample = Sample::new(1 << 20);
    for state in [b"first".as_slice(), b"second"] {
        sample.id += 1;
        let stored = sample.writer.write(name(1, sample.id), Capture::Whole(state.to_vec())).unwrap();
        let parts: Vec<Part> = read_parts(&sample.checkpoints, &stored).map(|part| part.unwrap().1).collect();
        let [Part::Whole(restored)] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!(restored, state);
    }
}

#[test]
fn changes_to_a_whole_state_are_refused_and_not_forgotten() {
    let (_memory, checkpoints) = Memory::new();
    let mut writer = StateWriter::new(checkpoints, SUBTASK);
    writer.write(name(1, 1), Capture::Whole(vec![1])).unwrap();
    for (id, keys) in [(2, 0..1), (3, 0..0)] {
        let error = writer.write(name(1, id), capture(&values(keys, 1))).unwrap_err();
        assert!(matches!(error, NotWritten::OtherKind), "{error}");
    }
}
