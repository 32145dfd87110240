//! Operator state between its function and the checkpoint store: what is captured, how it lies in files, when files are merged.
//!
//! A function captures its state as a whole, or as the entries that changed since the last capture ([`Capture`]). A whole state is a
//! file. Changes are a *layer*: the entries that one checkpoint wrote, sorted by key, in one file or several. A state is a list of
//! layers, oldest first; what a later one holds replaces what an earlier one holds of the same key.
//!
//! | file | decides |
//! | --- | --- |
//! | `entries.rs` | how entries lie in a file, and that what is read is so |
//! | `changes.rs` | how a capture is kept and sorted |
//! | `merge.rs` | which of several layers' entries is the one that counts |
//! | `layer.rs` | where a layer is cut into files |
//! | `writer.rs` | what is written for a capture: which layers are merged, and what follows from a failure |
//!
//! Files never change, so all of this goes on beside the stream. The stream waits for the capture only. Which files are removed when is
//! decided in `store/discard.rs`.

mod changes;
mod entries;
mod layer;
mod merge;
#[cfg(test)]
mod tests;
mod writer;

use bytes::Bytes;

pub use changes::Changes;
pub use entries::{Entries, MalformedEntries};
pub use writer::{NotWritten, StateWriter};

use crate::store::{Checkpoints, StateFile, StateHandle, StoreError, StoredState};

/// What a function captures for a checkpoint. A function gives one kind, always.
#[derive(Debug)]
pub enum Capture {
    /// The whole state, in bytes that only the function understands.
    Whole(Vec<u8>),
    /// What changed since the last capture; of a state that was restored, since then. A function without state gives no changes.
    Changes(Changes),
}

/// A part of a stored state, given back to the function.
#[derive(Clone, Debug)]
pub enum Part {
    /// A whole state.
    Whole(Bytes),
    /// Some of the entries.
    Entries(Entries),
}

/// What is given back is not what the function captures.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it was captured as {found}, and this function captures {wanted}")]
pub struct OtherKind {
    found: &'static str,
    wanted: &'static str,
}

const WHOLE: &str = "a whole";
const CHANGES: &str = "changes";

impl Capture {
    /// What is given back for it, if it is all that there is.
    #[must_use]
    pub fn into_part(self) -> Part {
        match self {
            Self::Whole(state) => Part::Whole(state.into()),
            Self::Changes(changes) => Part::Entries(changes.into_sorted().to_entries()),
        }
    }
}

impl Part {
    /// The whole state.
    ///
    /// # Errors
    /// It was captured as changes.
    pub fn whole(self) -> Result<Bytes, OtherKind> {
        match self {
            Self::Whole(state) => Ok(state),
            Self::Entries(_) => Err(OtherKind { found: CHANGES, wanted: WHOLE }),
        }
    }

    /// The entries.
    ///
    /// # Errors
    /// It was captured as a whole.
    pub fn entries(self) -> Result<Entries, OtherKind> {
        match self {
            Self::Entries(entries) => Ok(entries),
            Self::Whole(_) => Err(OtherKind { found: WHOLE, wanted: CHANGES }),
        }
    }
}

/// Reads a stored state, a file at a time, oldest first.
pub fn read_parts<'a>(
    checkpoints: &'a Checkpoints,
    state: &'a StateHandle,
) -> impl Iterator<Item = Result<(&'a StateFile, Part), StoreError>> {
    state.layers().flat_map(move |files| {
        let entries = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.entries));
        files.iter().map(move |file| Ok((file, read_part(checkpoints, file, entries)?)))
    })
}

fn read_part(checkpoints: &Checkpoints, file: &StateFile, of_layer: u64) -> Result<Part, StoreError> {
    match checkpoints.read_state(file)? {
        StoredState::Whole(state) => Ok(Part::Whole(state)),
        StoredState::Layer(content) => {
            let entries = Entries::read(content)
                .map_err(|malformed| checkpoints.unreadable(file, malformed.to_string()))?;
            if u64::try_from(entries.len()) != Ok(file.entries) {
                let what = format!("it has {} of {} entries", entries.len(), file.entries);
                return Err(checkpoints.unreadable(file, what));
            }
            Ok(Part::Entries(entries.of_layer(of_layer)))
        }
    }
}
