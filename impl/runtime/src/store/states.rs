//! Operator state in the store: bytes under names, checked against the handle that names them. What the bytes mean is decided in
//! `crate::state`.

use bytes::Bytes;
use truecut_core::{CheckpointName, Subtask};

use super::Checkpoints;
use super::envelope::Kind;
use super::error::StoreError;
use super::handle::StateFile;
use super::names::{self, Named};

/// The content of a file of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredState {
    /// A whole state.
    Whole(Bytes),
    /// Entries of a layer.
    Layer(Bytes),
}

impl Checkpoints {
    /// Makes a whole state durable. The inner error is of a write that may have been done.
    ///
    /// # Errors
    /// It is not stored.
    pub fn write_state(
        &self,
        name: CheckpointName,
        subtask: Subtask,
        state: &[u8],
    ) -> Result<Result<StateFile, StoreError>, StoreError> {
        self.write_file(names::state(name, subtask), Kind::State, state, 0)
    }

    /// Makes a file of a layer durable. The inner error is of a write that may have been done. No two files of a checkpoint and
    /// a subtask have the same number.
    ///
    /// # Errors
    /// It is not stored.
    pub fn write_layer(
        &self,
        name: CheckpointName,
        subtask: Subtask,
        number: u32,
        content: &[u8],
        entries: u64,
    ) -> Result<Result<StateFile, StoreError>, StoreError> {
        self.write_file(names::layer(name, subtask, number), Kind::Layer, content, entries)
    }

    /// Reads a file of a state.
    ///
    /// # Errors
    /// It can't be read, or is not what the handle says.
    pub fn read_state(&self, file: &StateFile) -> Result<StoredState, StoreError> {
        let (kind, content) = self.checked(file)?;
        Ok(if kind == Kind::Layer { StoredState::Layer(content) } else { StoredState::Whole(content) })
    }

    /// Removes a file that no handle names: whoever wrote it has told nobody of it. One that can't be removed goes with the next
    /// completed checkpoint.
    pub(crate) fn take_back(&self, file: &StateFile) {
        let _ = self.store.remove(&file.path);
    }

    /// The error of a file whose content is not what it must be.
    pub(crate) fn unreadable(&self, file: &StateFile, what: String) -> StoreError {
        self.bad_data(&file.path, kind_of(&file.path).unwrap_or(Kind::State), what)
    }

    fn write_file(
        &self,
        path: String,
        kind: Kind,
        content: &[u8],
        entries: u64,
    ) -> Result<Result<StateFile, StoreError>, StoreError> {
        let put = self.put_same(&path, kind, content)?;
        let length = u64::try_from(content.len()).expect("a length fits");
        Ok(put.map(|()| StateFile { path, length, crc32c: crc32c::crc32c(content), entries }))
    }

    fn checked(&self, file: &StateFile) -> Result<(Kind, Bytes), StoreError> {
        let Some(kind) = kind_of(&file.path) else {
            return Err(self.unreadable(file, "it is not the name of a state".into()));
        };
        let content = self.get_existing(&file.path, kind)?;
        if u64::try_from(content.len()) != Ok(file.length) || crc32c::crc32c(&content) != file.crc32c {
            return Err(self.unreadable(file, "it is not the state that the checkpoint names".into()));
        }
        Ok((kind, content))
    }
}

/// The kind of a file of a state, by its name; none, if it is no such name.
fn kind_of(path: &str) -> Option<Kind> {
    match names::parse(path).filter(|_| !path.contains('/'))? {
        Named::State(_) => Some(Kind::State),
        Named::Layer(_) => Some(Kind::Layer),
        Named::Head(_) | Named::Checkpoint(_) | Named::Log(_) => None,
    }
}
