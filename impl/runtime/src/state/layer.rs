//! Stores a layer: cuts it into files, so that a file is held in memory whenever one is written or read, and never a layer.

use truecut_core::{CheckpointName, Subtask};

use super::entries::Entry;
use super::writer::NotWritten;
use crate::store::{Checkpoints, StateFile};

/// A layer that is being stored.
#[derive(Debug)]
pub(super) struct LayerFiles<'a> {
    checkpoints: &'a Checkpoints,
    name: CheckpointName,
    subtask: Subtask,
    /// A file is not longer, unless it holds one entry that is.
    file_bytes: usize,
    /// Number of the next file.
    number: u32,
    /// What the next file holds.
    content: Vec<u8>,
    entries: u64,
    /// The last key. Invariant: keys ascend.
    last: Option<Vec<u8>>,
    files: Vec<StateFile>,
}

impl<'a> LayerFiles<'a> {
    /// A layer of this checkpoint, whose files are numbered from here.
    pub(super) fn new(
        checkpoints: &'a Checkpoints,
        name: CheckpointName,
        subtask: Subtask,
        file_bytes: usize,
        number: u32,
    ) -> Self {
        let (content, files) = (Vec::new(), Vec::new());
        Self { checkpoints, name, subtask, file_bytes, number, content, entries: 0, last: None, files }
    }

    /// Adds the next entry.
    pub(super) fn add(&mut self, entry: Entry<'_>) -> Result<(), NotWritten> {
        assert!(self.last.as_deref() < Some(entry.key), "the keys of a layer ascend");
        if self.entries > 0 && self.content.len() + entry.whole.len() > self.file_bytes {
            self.store()?;
        }
        self.content.extend_from_slice(entry.whole);
        self.entries += 1;
        let last = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(entry.key);
        Ok(())
    }

    /// Stores what is left; the layer's files.
    pub(super) fn finish(&mut self) -> Result<Vec<StateFile>, NotWritten> {
        if self.entries > 0 {
            self.store()?;
        }
        Ok(std::mem::take(&mut self.files))
    }

    /// Removes the files that are stored, of which nobody knows. The number that comes after all that were tried.
    pub(super) fn take_back(self) -> u32 {
        self.files.iter().for_each(|file| self.checkpoints.take_back(file));
        self.number
    }

    fn store(&mut self) -> Result<(), NotWritten> {
        let number = self.number;
        self.number += 1;
        let (content, entries) = (&self.content, self.entries);
        let written = self.checkpoints.write_layer(self.name, self.subtask, number, content, entries);
        self.files.push(written?.map_err(NotWritten::Unknown)?);
        self.content.clear();
        self.entries = 0;
        Ok(())
    }
}
