//! The `B` of the core at run time: a batch that is shared, not copied, and known in traces by its digest.

use std::sync::Arc;

use truecut_core::{Batch, Encode};

use crate::batch::RecordBatch;

/// A batch on its way through the job. Clones share the records.
#[derive(Clone, Debug)]
pub struct Records(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    batch: RecordBatch,
    crc: u32,
}

impl Records {
    /// Takes a filled batch.
    #[must_use]
    pub fn new(batch: RecordBatch) -> Self {
        let crc = crc32c::crc32c(batch.data());
        Self(Arc::new(Inner { batch, crc }))
    }

    /// The records.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.0.batch
    }

    /// The records for oneself: moved if nobody else holds them, else copied.
    #[must_use]
    pub fn into_batch(self) -> RecordBatch {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.batch.clone(), |inner| inner.batch)
    }
}

impl Batch for Records {
    fn records(&self) -> u64 {
        u64::try_from(self.0.batch.len()).expect("a length fits")
    }
}

/// The digest that stands for the batch in a trace: how many records, and CRC-32C of their keys and values.
impl Encode for Records {
    fn encode(&self, out: &mut Vec<u8>) {
        self.records().encode(out);
        self.0.crc.encode(out);
    }
}
