//! Records in a trace: how many, and a checksum of them.

use truecut_core::{Batch, Decode, Encode, Malformed, Reader};

/// What a trace keeps of a batch. A running job's own batch type encodes as these bytes, so that a replay reads digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchDigest {
    /// Number of records.
    pub records: u64,
    /// CRC-32C of them, in the batch's own layout.
    pub crc: u32,
}

impl Batch for BatchDigest {
    fn records(&self) -> u64 {
        self.records
    }
}

impl Encode for BatchDigest {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { records, crc } = self;
        records.encode(out);
        crc.encode(out);
    }
}

impl Decode for BatchDigest {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let records = Decode::decode(from)?;
        let crc = Decode::decode(from)?;
        Ok(Self { records, crc })
    }
}
