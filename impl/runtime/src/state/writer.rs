//! Makes captures durable, one after the other, and decides which layers a new one is merged with.
//!
//! A new layer takes in its older neighbour if it is at least half as large, and then the next. So each layer that stays is more than
//! twice as large as the one after it: there are few, together they are less than twice the oldest, and a large one is written again
//! only when so many changes have come. The files that a merge leaves behind stay where they are: checkpoints name them.
//!
//! A layer counts only when it is known to be stored. Changes whose layer is not, or may not be, are kept and go into the next one:
//! so no state names a file that may not exist, and the function need not be asked for anything twice.

use truecut_core::{CheckpointName, Subtask};

use super::Capture;
use super::changes::{Changes, Sorted};
use super::layer::LayerFiles;
use super::merge::{Cursor, merge};
use crate::store::{Checkpoints, StateFile, StateHandle, StoreError};

/// Bytes of a file of a layer. A merge holds so many of each layer in memory, and of the one that it writes.
const FILE_BYTES: usize = 16 << 20;

/// Makes the state of one operator subtask durable. Its calls block.
#[derive(Debug)]
pub struct StateWriter {
    checkpoints: Checkpoints,
    subtask: Subtask,
    file_bytes: usize,
    /// What is stored of the state. Invariant: every file is known to be there.
    stored: StateHandle,
    /// Changes that came after, and that are not in it.
    unwritten: Changes,
}

/// Why a capture is not stored.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// It certainly is not.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// It may be.
    #[error("it may be stored: {0}")]
    Unknown(StoreError),
    /// Changes came for a state that is stored as a whole.
    #[error(
        "the function captures changes, and its state is stored as a whole: use a function that captures one or the \
         other, always, or start fresh"
    )]
    OtherKind,
}

impl StateWriter {
    /// Nothing is stored.
    #[must_use]
    pub fn new(checkpoints: Checkpoints, subtask: Subtask) -> Self {
        Self::restored(checkpoints, subtask, StateHandle::default())
    }

    /// Goes on with a state that was restored: what is captured next is what changed since.
    #[must_use]
    pub fn restored(checkpoints: Checkpoints, subtask: Subtask, stored: StateHandle) -> Self {
        Self { checkpoints, subtask, file_bytes: FILE_BYTES, stored, unwritten: Changes::default() }
    }

    #[cfg(test)]
    pub(super) fn with_file_bytes(self, file_bytes: usize) -> Self {
        Self { file_bytes, ..self }
    }

    /// Makes a capture durable, for this checkpoint. Captures must come in the order in which they were made.
    ///
    /// # Errors
    /// It is not stored, or may not be.
    pub fn write(&mut self, name: CheckpointName, capture: Capture) -> Result<StateHandle, NotWritten> {
        match capture {
            Capture::Whole(state) => self.write_whole(name, &state)?,
            Capture::Changes(changes) => self.write_changes(name, changes)?,
        }
        Ok(self.stored.clone())
    }

    fn write_whole(&mut self, name: CheckpointName, state: &[u8]) -> Result<(), NotWritten> {
        let file = self.checkpoints.write_state(name, self.subtask, state)?.map_err(NotWritten::Unknown)?;
        self.stored = StateHandle { files: vec![file] };
        self.unwritten = Changes::default();
        Ok(())
    }

    fn write_changes(&mut self, name: CheckpointName, changes: Changes) -> Result<(), NotWritten> {
        let changes = std::mem::take(&mut self.unwritten).followed_by(changes).into_sorted();
        if changes.is_empty() {
            return Ok(());
        }
        match self.store(name, &changes) {
            Ok((kept, files)) => {
                self.stored.files.truncate(kept);
                self.stored.files.extend(files);
                Ok(())
            }
            Err(error) => {
                self.unwritten = changes.into_changes();
                Err(error)
            }
        }
    }

    /// Stores changes: how many of the files are kept, and those that take the place of the others.
    fn store(&self, name: CheckpointName, changes: &Sorted) -> Result<(usize, Vec<StateFile>), NotWritten> {
        if self.stored.files.iter().any(|file| file.layer().is_none()) {
            return Err(NotWritten::OtherKind);
        }
        let all = self.stored.files.len();
        let merged = self.merged(changes.byte_len());
        match self.store_layer(name, changes, merged, 0) {
            Ok(files) => Ok((merged, files)),
            // The disk may have room for the changes, if not for all that they are merged with.
            Err((NotWritten::Failed(error), number)) if merged < all && !error.is_bad_data() => {
                tracing::warn!(subtask = %self.subtask, checkpoint = name.id.get(), %error, "layers can't be merged now");
                let files = self.store_layer(name, changes, all, number).map_err(|(error, _)| error)?;
                Ok((all, files))
            }
            Err((error, _)) => Err(error),
        }
    }

    /// Stores changes, merged with the files from this one on. With an error comes the number of the next file.
    fn store_layer(
        &self,
        name: CheckpointName,
        changes: &Sorted,
        merged: usize,
        number: u32,
    ) -> Result<Vec<StateFile>, (NotWritten, u32)> {
        let older = StateHandle { files: self.stored.files[merged..].to_vec() };
        let mut files = LayerFiles::new(&self.checkpoints, name, self.subtask, self.file_bytes, number);
        let stored: Result<_, NotWritten> = (|| {
            let layers = older.layers().map(|layer| Cursor::stored(&self.checkpoints, layer));
            let mut layers = layers.collect::<Result<Vec<_>, StoreError>>()?;
            layers.push(Cursor::captured(changes));
            merge(layers, |entry| files.add(entry))?;
            files.finish()
        })();
        stored.map_err(|error| (error, files.take_back()))
    }

    /// The first of the files that so many bytes of changes are merged with.
    fn merged(&self, changes: usize) -> usize {
        let mut first = self.stored.files.len();
        let mut length = u64::try_from(changes).expect("a length fits");
        let layers: Vec<&[StateFile]> = self.stored.layers().collect();
        for layer in layers.into_iter().rev() {
            let older = layer.iter().fold(0, |sum: u64, file| sum.saturating_add(file.length));
            if length < older.div_ceil(2) {
                break;
            }
            length = length.saturating_add(older);
            first -= layer.len();
        }
        first
    }
}
