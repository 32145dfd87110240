//! Merges layers: of each key, the entry of the latest layer that has it. A file of each layer is in memory at a time.

use std::slice::Iter;

use super::changes::Sorted;
use super::entries::{Entries, Entry};
use crate::store::{Checkpoints, StateFile, StoreError};

/// Goes through the entries of a layer.
#[derive(Debug)]
pub(super) enum Cursor<'a> {
    /// Of one that is being written.
    Captured { layer: &'a Sorted, place: usize },
    /// Of one that is stored. Invariant: `at` is where an entry begins, unless nothing is left.
    Stored { checkpoints: &'a Checkpoints, files: Iter<'a, StateFile>, entries: Entries, at: usize },
}

impl<'a> Cursor<'a> {
    pub(super) fn captured(layer: &'a Sorted) -> Self {
        Self::Captured { layer, place: 0 }
    }

    pub(super) fn stored(checkpoints: &'a Checkpoints, files: &'a [StateFile]) -> Result<Self, StoreError> {
        let mut cursor =
            Self::Stored { checkpoints, files: files.iter(), entries: Entries::default(), at: 0 };
        cursor.read_on()?;
        Ok(cursor)
    }

    /// The entry at which it stands; none, at the end.
    fn entry(&self) -> Option<Entry<'_>> {
        match self {
            Self::Captured { layer, place } => layer.get(*place),
            Self::Stored { entries, at, .. } => entries.at(*at),
        }
    }

    fn key(&self) -> Option<&[u8]> {
        self.entry().map(|entry| entry.key)
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Captured { place, .. } => *place += 1,
            Self::Stored { entries, at, .. } => *at += entries.at(*at).map_or(0, |entry| entry.whole.len()),
        }
        self.read_on()
    }

    /// Reads the next file, where one is at its end.
    fn read_on(&mut self) -> Result<(), StoreError> {
        let Self::Stored { checkpoints, files, entries, at } = self else { return Ok(()) };
        while entries.at(*at).is_none() {
            let Some(file) = files.next() else { break };
            let part = super::read_part(checkpoints, file, file.entries)?;
            *entries = part.entries().map_err(|error| checkpoints.unreadable(file, error.to_string()))?;
            *at = 0;
        }
        Ok(())
    }
}

/// Gives out what the layers come to, in order of the keys. The oldest layer comes first.
pub(super) fn merge<E: From<StoreError>>(
    mut layers: Vec<Cursor<'_>>,
    mut give: impl FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(latest) = least(&layers) {
        let (older, latest) = layers.split_at_mut(latest);
        let Some((latest, _)) = latest.split_first_mut() else { break };
        let Some(entry) = latest.entry() else { break };
        for layer in older {
            if layer.key() == Some(entry.key) {
                layer.advance()?; // replaced
            }
        }
        give(entry)?;
        latest.advance()?;
    }
    Ok(())
}

/// The layer whose next key is the least; the latest of several. There are few: their sizes double.
fn least(layers: &[Cursor<'_>]) -> Option<usize> {
    let mut least: Option<(usize, &[u8])> = None;
    for (place, layer) in layers.iter().enumerate() {
        if let Some(key) = layer.key()
            && least.is_none_or(|(_, least)| key <= least)
        {
            least = Some((place, key));
        }
    }
    least.map(|(place, _)| place)
}
