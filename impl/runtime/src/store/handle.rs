//! The handle to an operator's stored state: the `S` of the core in a running job.

use std::fmt;

use truecut_core::{CheckpointName, Decode, Encode, Malformed, Reader};

use super::names::{self, Named};

/// Names the files of a stored state, oldest first: what a later one holds replaces what an earlier one holds of the same key.
/// There are none while nothing was ever captured.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateHandle {
    /// The files.
    pub files: Vec<StateFile>,
}

/// Names a stored file and says what it must be, so that a wrong or changed one is never restored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateFile {
    /// Its name in the checkpoint directory.
    pub path: String,
    /// Its length, in bytes.
    pub length: u64,
    /// CRC-32C of its content.
    pub crc32c: u32,
    /// How many entries it holds; of a whole state, none.
    pub entries: u64,
}

impl StateHandle {
    /// Bytes of all files.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.length))
    }

    /// The files of each layer, oldest first: neighbours that the same checkpoint wrote.
    pub fn layers(&self) -> impl Iterator<Item = &[StateFile]> {
        self.files.chunk_by(|one, next| one.layer().is_some() && one.layer() == next.layer())
    }
}

impl StateFile {
    /// The checkpoint whose layer it is a file of; none, if it is a whole state.
    #[must_use]
    pub fn layer(&self) -> Option<CheckpointName> {
        match names::parse(&self.path)? {
            Named::Layer(of) => Some(of),
            Named::State(_) | Named::Head(_) | Named::Checkpoint(_) | Named::Log(_) => None,
        }
    }
}

impl fmt::Display for StateHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.files.split_first() else { return f.write_str("no files") };
        f.write_str(&first.path)?;
        if !rest.is_empty() {
            write!(f, " and {} more", rest.len())?;
        }
        write!(f, ", {} bytes", self.length())
    }
}

impl Encode for StateHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { files } = self;
        files.encode(out);
    }
}

impl Decode for StateHandle {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { files: Decode::decode(from)? })
    }
}

impl Encode for StateFile {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { path, length, crc32c, entries } = self;
        path.encode(out);
        length.encode(out);
        crc32c.encode(out);
        entries.encode(out);
    }
}

impl Decode for StateFile {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let path = Decode::decode(from)?;
        let length = Decode::decode(from)?;
        let crc32c = Decode::decode(from)?;
        let entries = Decode::decode(from)?;
        Ok(Self { path, length, crc32c, entries })
    }
}
