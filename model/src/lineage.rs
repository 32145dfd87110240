//! What stands for records and for operator state in the model: where each record came from, and which were folded.

use truecut_core::{Batch, Partition};

/// Partitions of the input, and records of a partition, that a [`Lineage`] can tell apart.
pub(crate) const MOST: u8 = 8;

/// One record. Before the operator `sequence` is 0; after it, it is the result: how many records of the key the state
/// had folded, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// Partition of the input.
    pub partition: u8,
    /// Offset in it.
    pub offset: u8,
    /// Its key.
    pub key: u8,
    /// The operator's result.
    pub sequence: u8,
}

impl Record {
    /// Whether both come from the same input record.
    pub(crate) fn is_of(self, other: Self) -> bool {
        (self.partition, self.offset) == (other.partition, other.offset)
    }

    pub(crate) fn partition(self) -> Partition {
        Partition::new(u32::from(self.partition))
    }
}

impl Batch for Record {
    fn records(&self) -> u64 {
        1
    }
}

/// Operator state: which input records it folded, as bits, and which of them more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage {
    once: u64,
    again: u64,
}

impl Lineage {
    /// Folds a record, and gives the result: the record with its place among those of its key.
    pub(crate) fn fold(&mut self, record: Record, of_key: u64) -> Record {
        let bit = bit(record.partition, record.offset);
        self.again |= self.once & bit;
        self.once |= bit;
        let folded = (self.once & of_key).count_ones() + (self.again & of_key).count_ones();
        Record { sequence: u8::try_from(folded).expect("few records"), ..record }
    }

    /// Whether it folded exactly these records, each once.
    pub(crate) fn is_exactly(self, records: u64) -> bool {
        self.once == records && self.again == 0
    }
}

/// The bit of an input record.
pub(crate) fn bit(partition: u8, offset: u8) -> u64 {
    assert!(partition < MOST && offset < MOST, "a scope has at most {MOST} partitions of {MOST} records");
    1 << (partition * MOST + offset)
}
