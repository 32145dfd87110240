//! Captures against a plain map: what is restored is what was captured, whatever was merged, failed, discarded and begun again.

mod random;
mod writing;

use std::collections::BTreeMap;

use truecut_core::{Attempt, CheckpointId, CheckpointName, Subtask};

use super::{Capture, Changes, NotWritten, Part, StateWriter, read_parts};
use crate::store::testing::{Fate, Memory};
use crate::store::{Checkpoints, StateHandle};

const SUBTASK: Subtask = Subtask::operator(0);

/// Values by key.
type Values = BTreeMap<Vec<u8>, Vec<u8>>;

fn name(attempt: u64, id: u64) -> CheckpointName {
    CheckpointName { attempt: Attempt::new(attempt), id: CheckpointId::new(id) }
}

/// What a stored state comes to.
#[track_caller]
fn restored(checkpoints: &Checkpoints, state: &StateHandle) -> Values {
    let mut values = Values::new();
    for part in read_parts(checkpoints, state) {
        let (_, part) = part.unwrap_or_else(|error| panic!("{state}: {error}"));
        let entries = part.entries().expect("layers");
        values.extend(entries.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    values
}

/// Bytes of each layer, oldest first.
fn sizes(state: &StateHandle) -> Vec<u64> {
    state.layers().map(|layer| layer.iter().map(|file| file.length).sum()).collect()
}
