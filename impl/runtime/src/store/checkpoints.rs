//! Heads, checkpoints and output logs, kept in a [`CheckpointStore`]. What is there of operator state is in `states.rs`, what is
//! removed when in `discard.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use truecut_core::{
    Checkpoint, CheckpointName, Decode, Encode, Head, HeadVersion, LogName, Malformed, Outcome, Reader,
    Request,
};

use super::envelope::{self, Kind};
use super::error::StoreError;
use super::handle::StateHandle;
use super::names::{self, Named};
use super::{CheckpointStore, Put};

/// Head versions that are kept: a version is pruned only when as many newer ones exist. More than one, so that a reader that
/// is slow still finds a head.
const HEADS_KEPT: u64 = 16;
/// Times that a reader looks again for a head that was pruned under its eyes.
const LOOKS: usize = 100;
/// The first head is never pruned: while there is any head, every list shows one.
const FIRST: HeadVersion = HeadVersion::new(1);

/// The checkpoints of one job. Calls block; clones share the store.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    pub(super) store: Arc<dyn CheckpointStore>,
}

impl Checkpoints {
    /// Keeps checkpoints in this store.
    #[must_use]
    pub fn new(store: Arc<dyn CheckpointStore>) -> Self {
        Self { store }
    }

    /// Performs a request of the store lane and answers what came of it.
    ///
    /// # Panics
    /// If the request is of another lane.
    #[must_use]
    pub fn perform(&self, request: &Request<StateHandle>) -> Outcome<StateHandle> {
        let answer = match request {
            Request::ReadHead => self.read_head(),
            Request::SwapHead { expected, head } => self.swap_head(*expected, *head),
            Request::ReadCheckpoint(name) => self.read_checkpoint(*name).map(Outcome::Checkpoint),
            Request::WriteCheckpoint(checkpoint) => self.write_checkpoint(checkpoint),
            Request::Discard(name) => self.discard(*name),
            Request::DiscardBelow(id) => self.discard_below(*id),
            Request::ResolveStart { .. }
            | Request::ListTransactions(_)
            | Request::OpenProducer(_)
            | Request::Fence { .. }
            | Request::CommitOffsets(_)
            | Request::Restore(_)
            | Request::Snapshot(_)
            | Request::InitProducer { .. }
            | Request::Flush(_)
            | Request::Commit(_)
            | Request::Upload { .. }
            | Request::ReadMarker(_)
            | Request::Rewrite { .. }
            | Request::Describe(_) => unreachable!("no request of the store lane"),
        };
        answer.unwrap_or_else(|error| Outcome::Failed { detail: error.to_string() })
    }

    /// Makes the outputs of a transaction durable. The inner error is of a write that may have been done.
    ///
    /// # Errors
    /// It is not stored.
    pub fn write_log(&self, log: LogName, outputs: &[u8]) -> Result<Result<(), StoreError>, StoreError> {
        self.put_same(&names::log(log), Kind::Log, outputs)
    }

    /// Reads the outputs of a transaction.
    ///
    /// # Errors
    /// They can't be read.
    pub fn read_log(&self, log: LogName) -> Result<Vec<u8>, StoreError> {
        self.get_existing(&names::log(log), Kind::Log).map(Vec::from)
    }

    pub(super) fn read_head(&self) -> Result<Outcome<StateHandle>, StoreError> {
        for _ in 0..LOOKS {
            let Some(version) = self.head_versions()?.last().copied() else {
                return Ok(Outcome::Head { version: HeadVersion::new(0), head: None });
            };
            let name = names::head(version);
            let Some(bytes) = self.store.get(&name)? else { continue }; // replaced and pruned meanwhile
            let both = |from: &mut Reader<'_>| Ok((HeadVersion::decode(from)?, Head::decode(from)?));
            let (written, head) = self.decode(&name, Kind::Head, &bytes, both)?;
            if written != version {
                return Err(self.bad_data(
                    &name,
                    Kind::Head,
                    format!("it was written as version {}", written.get()),
                ));
            }
            return Ok(Outcome::Head { version, head: Some(head) });
        }
        let what = "a head is listed and can't be opened, again and again".into();
        Err(self.bad_data("head-*", Kind::Head, what))
    }

    /// A version is taken by whoever creates its file. Old versions are pruned, so one that comes very late may create its
    /// file once more; it then finds so many newer ones that its version may have been pruned, and can't tell whether it was the
    /// head for a while or never: unknown, and the head that is read next tells. Nothing that may be a head is ever taken
    /// back: another coordinator may have read it.
    fn swap_head(&self, expected: HeadVersion, head: Head) -> Result<Outcome<StateHandle>, StoreError> {
        let version = expected.next();
        let newest = self.head_versions()?.last().copied().unwrap_or(HeadVersion::new(0));
        if newest != expected && newest != version {
            return Ok(Outcome::Conflict);
        }
        let name = names::head(version);
        let mut content = Vec::new();
        version.encode(&mut content);
        head.encode(&mut content);
        match self.store.put_new(&name, &[&envelope::seal(&name, Kind::Head, &content), &content])? {
            Put::Exists => return Ok(Outcome::Conflict), // perhaps by an earlier try of our own: the head tells
            Put::Unknown(_) => return Ok(Outcome::Unknown),
            Put::Stored => {}
        }
        let Ok(versions) = self.head_versions() else { return Ok(Outcome::Unknown) };
        if versions.last().is_none_or(|newest| newest.get() >= version.get() + HEADS_KEPT) {
            return Ok(Outcome::Unknown);
        }
        self.prune(&versions);
        Ok(Outcome::Swapped)
    }

    /// Removes old heads. What can't be removed is tried again at the next swap.
    fn prune(&self, versions: &[HeadVersion]) {
        let Some(newest) = versions.last() else { return };
        let is_old =
            |version: &&HeadVersion| **version != FIRST && version.get() + HEADS_KEPT <= newest.get();
        for version in versions.iter().filter(is_old) {
            let _ = self.store.remove(&names::head(*version));
        }
    }

    pub(super) fn read_checkpoint(
        &self,
        name: CheckpointName,
    ) -> Result<Checkpoint<StateHandle>, StoreError> {
        let path = names::checkpoint(name);
        let bytes = self.store.get(&path)?;
        let bytes = bytes.ok_or_else(|| self.missing(&path, Kind::Checkpoint))?;
        let checkpoint: Checkpoint<StateHandle> =
            self.decode(&path, Kind::Checkpoint, &bytes, Decode::decode)?;
        if checkpoint.name != name {
            return Err(self.bad_data(
                &path,
                Kind::Checkpoint,
                format!("it is checkpoint {}", checkpoint.name),
            ));
        }
        Ok(checkpoint)
    }

    fn write_checkpoint(
        &self,
        checkpoint: &Checkpoint<StateHandle>,
    ) -> Result<Outcome<StateHandle>, StoreError> {
        let mut content = Vec::new();
        checkpoint.encode(&mut content);
        let put = self.put_same(&names::checkpoint(checkpoint.name), Kind::Checkpoint, &content)?;
        Ok(match put {
            Ok(()) => Outcome::Written,
            Err(error) => {
                tracing::warn!(checkpoint = checkpoint.name.id.get(), %error, "a checkpoint may not be stored");
                Outcome::Unknown
            }
        })
    }

    /// Versions of the heads, oldest first.
    fn head_versions(&self) -> Result<Vec<HeadVersion>, StoreError> {
        let names = self.store.names()?;
        let versions: BTreeSet<HeadVersion> = names
            .iter()
            .filter_map(|name| match names::parse(name) {
                Some(Named::Head(version)) => Some(version),
                Some(Named::Checkpoint(_) | Named::State(_) | Named::Layer(_) | Named::Log(_)) | None => None,
            })
            .collect();
        Ok(versions.into_iter().collect())
    }

    /// Stores under a new name, or finds the very same content there: a write that is repeated. The inner error is of a write
    /// that may have been done.
    pub(super) fn put_same(
        &self,
        name: &str,
        kind: Kind,
        content: &[u8],
    ) -> Result<Result<(), StoreError>, StoreError> {
        match self.store.put_new(name, &[&envelope::seal(name, kind, content), content])? {
            Put::Stored => Ok(Ok(())),
            Put::Unknown(error) => Ok(Err(error)),
            Put::Exists if self.get_existing(name, kind)? == content => Ok(Ok(())),
            Put::Exists => Err(self.bad_data(name, kind, "it exists already, with other content".into())),
        }
    }

    /// The content of an object, which is not copied.
    pub(super) fn get_existing(&self, name: &str, kind: Kind) -> Result<Bytes, StoreError> {
        let bytes = self.store.get(name)?.ok_or_else(|| self.missing(name, kind))?;
        let content = envelope::open(name, kind, &bytes).map_err(|what| self.bad_data(name, kind, what))?;
        let start = bytes.len() - content.len();
        Ok(Bytes::from(bytes).slice(start..))
    }

    fn decode<T>(
        &self,
        name: &str,
        kind: Kind,
        bytes: &[u8],
        decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<T, StoreError> {
        let content = envelope::open(name, kind, bytes).map_err(|what| self.bad_data(name, kind, what))?;
        let mut reader = Reader::new(content);
        let value = decode(&mut reader).and_then(|value| reader.end().map(|()| value));
        value
            .map_err(|malformed| self.bad_data(name, kind, format!("its content can't be read: {malformed}")))
    }

    fn missing(&self, name: &str, kind: Kind) -> StoreError {
        self.bad_data(name, kind, "it is missing".into())
    }

    pub(super) fn bad_data(&self, name: &str, kind: Kind, what: String) -> StoreError {
        StoreError::BadData { path: self.store.place(name), what, remedy: kind.remedy() }
    }
}
