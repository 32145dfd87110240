//! A store in memory for tests, which does with files of layers what it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{CheckpointStore, Checkpoints, Put, StoreError};

/// What becomes of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stored,
    /// There is no room.
    Refused,
    /// Nobody knows, and it is not stored.
    Lost,
    /// Nobody knows, and it is stored.
    Landed,
}

/// Keeps objects in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Of the next puts of layers; those that come after are stored.
    fates: Mutex<VecDeque<Fate>>,
    /// Reads of layers that fail, from now on.
    failing_reads: Mutex<usize>,
    /// Bytes that were put.
    written: Mutex<usize>,
}

impl Memory {
    pub(crate) fn new() -> (Arc<Self>, Checkpoints) {
        let memory = Arc::new(Self::default());
        (Arc::clone(&memory), Checkpoints::new(memory))
    }

    /// Says what becomes of the next puts of layers.
    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) {
        *self.fates.lock().unwrap() = fates.into_iter().collect();
    }

    /// Lets so many reads of layers fail.
    pub(crate) fn fail_reads(&self, times: usize) {
        *self.failing_reads.lock().unwrap() = times;
    }

    /// Bytes that were put since this was asked last.
    pub(crate) fn written(&self) -> usize {
        std::mem::take(&mut *self.written.lock().unwrap())
    }

    /// Names that begin so.
    pub(crate) fn named(&self, start: &str) -> Vec<String> {
        self.objects.lock().unwrap().keys().filter(|name| name.starts_with(start)).cloned().collect()
    }
}

impl CheckpointStore for Memory {
    fn put_new(&self, name: &str, parts: &[&[u8]]) -> Result<Put, StoreError> {
        let error = |code| StoreError::io("write", Path::new(name), io::Error::from_raw_os_error(code));
        let fate = if name.starts_with("layer-") { self.fates.lock().unwrap().pop_front() } else { None };
        let fate = fate.unwrap_or(Fate::Stored);
        if fate == Fate::Refused {
            return Err(error(28));
        }
        *self.written.lock().unwrap() += parts.iter().map(|part| part.len()).sum::<usize>();
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(name) {
            return Ok(Put::Exists);
        }
        if fate != Fate::Lost {
            objects.insert(name.to_owned(), parts.concat());
        }
        Ok(if fate == Fate::Stored { Put::Stored } else { Put::Unknown(error(5)) })
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut failing = self.failing_reads.lock().unwrap();
        if name.starts_with("layer-") && *failing > 0 {
            *failing -= 1;
            return Err(StoreError::io("read", Path::new(name), io::Error::from_raw_os_error(5)));
        }
        Ok(self.objects.lock().unwrap().get(name).cloned())
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.named(""))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.objects.lock().unwrap().remove(name);
        Ok(())
    }

    fn place(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}
