//! What is removed when: all of an aborted checkpoint that is its own, and what no checkpoint needs any more that is kept.
//!
//! Layers of keyed state are shared: a checkpoint names those that its own subtask wrote and those that earlier ones wrote, which may
//! have been aborted since. So an abort removes none of them. A completion removes those that are older than what is kept and that
//! no kept checkpoint names. A checkpoint under way, which has no file yet, loses nothing by that: its layers came from those of the
//! latest complete one, and since then only layers of later checkpoints were added, also in place of older ones that were merged. So
//! those that are older are a part of what the latest complete one names. A restored state is that of the latest complete one.
//!
//! A coordinator that was taken over from may come here late. What it wants removed is older than its own latest checkpoint, and the one
//! that took over began at that or at a later one. It may list the directory while checkpoints come and go and miss them all;
//! so what the head names is asked for by itself.

use std::collections::{BTreeSet, HashSet};

use truecut_core::{CheckpointId, CheckpointName, Outcome, Snapshot};

use super::Checkpoints;
use super::error::StoreError;
use super::handle::StateHandle;
use super::names::{self, Named};

impl Checkpoints {
    /// Removes what is of this checkpoint alone: it was aborted.
    pub(super) fn discard(&self, name: CheckpointName) -> Result<Outcome<StateHandle>, StoreError> {
        self.remove(&self.store.names()?, |_, file| match file {
            Named::Checkpoint(of) | Named::State(of) => of == name,
            Named::Layer(_) | Named::Log(_) | Named::Head(_) => false,
        })
    }

    /// Removes what is older, except for state that is needed. Nothing, if it can't be said what that is.
    pub(super) fn discard_below(&self, id: CheckpointId) -> Result<Outcome<StateHandle>, StoreError> {
        let files = self.store.names()?;
        let needed = self.needed(&files, id).inspect_err(|error| {
            tracing::warn!(below = id.get(), %error, "nothing is discarded: a checkpoint that is kept can't be read");
        })?;
        self.remove(&files, |path, file| match file {
            Named::Checkpoint(of) | Named::Log(of) => of.id < id,
            Named::State(of) | Named::Layer(of) => of.id < id && !needed.contains(path),
            Named::Head(_) => false,
        })
    }

    /// The files of state that checkpoints name: the one that the head names, and those that are not older than this.
    fn needed(&self, files: &[String], id: CheckpointId) -> Result<HashSet<String>, StoreError> {
        let mut kept: BTreeSet<CheckpointName> = files
            .iter()
            .filter_map(|file| match names::parse(file)? {
                Named::Checkpoint(of) => Some(of).filter(|of| of.id >= id),
                Named::State(_) | Named::Layer(_) | Named::Log(_) | Named::Head(_) => None,
            })
            .collect();
        kept.extend(self.latest()?);
        let mut needed = HashSet::new();
        for name in kept {
            for snapshot in self.read_checkpoint(name)?.snapshots.into_values() {
                if let Snapshot::Operator(Some(state)) = snapshot {
                    needed.extend(state.files.into_iter().map(|file| file.path));
                }
            }
        }
        Ok(needed)
    }

    /// The checkpoint that the head names.
    fn latest(&self) -> Result<Option<CheckpointName>, StoreError> {
        let head = self.read_head()?;
        Ok(if let Outcome::Head { head: Some(head), .. } = head { head.latest } else { None })
    }

    fn remove(
        &self,
        files: &[String],
        is_unwanted: impl Fn(&str, Named) -> bool,
    ) -> Result<Outcome<StateHandle>, StoreError> {
        for path in files {
            if names::parse(path).is_some_and(|file| is_unwanted(path, file)) {
                self.store.remove(path)?;
            }
        }
        Ok(Outcome::Written)
    }
}
