//! The handle to an operator's stored state: the `S` of the core in a running job.

use truecut_core::{Decode, Encode, Malformed, Reader};

/// Names a stored state and says what it must be, so that a wrong or changed file is never restored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateHandle {
    /// Name of the file in the checkpoint directory.
    pub path: String,
    /// Length of the state, in bytes.
    pub length: u64,
    /// CRC-32C of the state.
    pub crc32c: u32,
}

impl Encode for StateHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { path, length, crc32c } = self;
        path.encode(out);
        length.encode(out);
        crc32c.encode(out);
    }
}

impl Decode for StateHandle {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let path = Decode::decode(from)?;
        let length = Decode::decode(from)?;
        let crc32c = Decode::decode(from)?;
        Ok(Self { path, length, crc32c })
    }
}
