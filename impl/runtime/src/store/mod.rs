//! The checkpoint store: performs the core's store requests and answers raw outcomes; takes no decision about them.
//!
//! [`CheckpointStore`] is what a place must offer: a put that succeeds only if the name is new, a get, a list, a removal.
//! [`LocalDirectory`] offers it on a local file system. [`Checkpoints`] keeps heads, checkpoints and operator state on any of them.
//! What operator state means and which of it is merged is decided in [`crate::state`].
//! Every stored object says what it is, which format version it has and what its checksum is (`envelope.rs`);
//! damaged, foreign or newer data is refused by name and never taken as empty.
//!
//! | object | name | written |
//! | --- | --- | --- |
//! | head | `head-<version>` | once per swap; the highest version is the head; old ones are pruned |
//! | checkpoint | `checkpoint-<attempt>-<id>` | before any head names it |
//! | whole operator state | `state-<attempt>-<id>-<vertex>-<index>` | before its subtask acknowledges |
//! | a file of a layer of keyed state | `layer-<attempt>-<id>-<vertex>-<index>-<number>` | before its subtask acknowledges; later checkpoints may name it, too |
//! | output log | `log-<attempt>-<id>-sink-<index>` | before its sink acknowledges |

mod checkpoints;
mod discard;
mod envelope;
mod error;
mod handle;
mod local;
mod lock;
mod names;
mod states;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use checkpoints::Checkpoints;
pub use error::{StoreError, is_bad_data};
pub use handle::{StateFile, StateHandle};
pub use local::LocalDirectory;
pub use lock::Lock;
pub use states::StoredState;

/// What became of a put.
#[derive(Debug)]
pub enum Put {
    /// The object is durable under its name.
    Stored,
    /// The name is taken; nothing changed.
    Exists,
    /// It may be stored, may not, may still be.
    Unknown(StoreError),
}

/// A place that keeps bytes under names. Names are plain file names.
pub trait CheckpointStore: Send + Sync + std::fmt::Debug {
    /// Stores the concatenated parts under a new name, durably and all at once: no reader ever sees a part of them.
    ///
    /// # Errors
    /// Nothing was stored, for certain.
    fn put_new(&self, name: &str, parts: &[&[u8]]) -> Result<Put, StoreError>;

    /// What is stored under the name, `None` if nothing is.
    ///
    /// # Errors
    /// The place can't be read.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// All names. One that is stored or removed meanwhile may be missing or not.
    ///
    /// # Errors
    /// The place can't be read.
    fn names(&self) -> Result<Vec<String>, StoreError>;

    /// Removes what is stored under the name, if anything is.
    ///
    /// # Errors
    /// It may still be there.
    fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// Where a name is, for a person.
    fn place(&self, name: &str) -> std::path::PathBuf;
}
