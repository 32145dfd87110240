//! A batch of records in one buffer: what the source reads, the exchange carries and the sink writes.
//!
//! Decides how records lie in memory and on the wire, and nothing about what they mean. Keys and values follow each
//! other in one byte buffer, an index of fixed-size entries says where each ends; so a cleared batch that is filled
//! again allocates nothing. Numbers keep Kafka's own conventions ([`NO_TIMESTAMP`], [`ANY_PARTITION`]).

use std::sync::{Arc, Mutex, PoisonError};

/// A record without a timestamp; a producer then stamps it with its own time.
pub const NO_TIMESTAMP: i64 = -1;
/// A record whose partition the producer chooses by the hash of its key.
pub const ANY_PARTITION: i32 = -1;

/// Bytes of one index entry, in memory and on the wire: two ends, presence flags, partition, timestamp, offset.
pub(crate) const ENTRY_BYTES: usize = 4 + 4 + 4 + 4 + 8 + 8;
/// Bytes in front of the index on the wire: record count and length of the data.
const HEADER_BYTES: usize = 4 + 4;
const HAS_KEY: u32 = 1;
const HAS_VALUE: u32 = 2;

/// Records in one contiguous buffer, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordBatch {
    /// Invariant: ends ascend, and the last `value_end` is the length of `data`.
    index: Vec<Entry>,
    data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The key begins where the record before ends; the value begins here.
    key_end: u32,
    value_end: u32,
    present: u32,
    partition: i32,
    timestamp_ms: i64,
    offset: i64,
}

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// `None` is Kafka's null key, which is not the empty key.
    pub key: Option<&'a [u8]>,
    /// `None` is Kafka's null value, a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since 1970, or [`NO_TIMESTAMP`].
    pub timestamp_ms: i64,
    /// Where it was read from, or where it shall be written to: a partition or [`ANY_PARTITION`].
    pub partition: i32,
    /// The offset it was read at; of no meaning in a batch to be written.
    pub offset: i64,
}

/// Bytes that are not an encoded batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record batch: {0}; the sender is of another version, or the bytes were damaged")]
pub struct BatchError(&'static str);

impl RecordBatch {
    /// An empty batch that has room for `records` records of `bytes` bytes in all before it allocates again.
    #[must_use]
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self { index: Vec::with_capacity(records), data: Vec::with_capacity(bytes) }
    }

    /// Appends a record.
    ///
    /// # Panics
    /// If the batch would exceed 4 GiB, which no bounded batch reaches.
    pub fn push(&mut self, record: RecordRef<'_>) {
        let present = record.key.map_or(0, |_| HAS_KEY) | record.value.map_or(0, |_| HAS_VALUE);
        self.data.extend_from_slice(record.key.unwrap_or_default());
        let key_end = short(self.data.len());
        self.data.extend_from_slice(record.value.unwrap_or_default());
        let value_end = short(self.data.len());
        let RecordRef { timestamp_ms, partition, offset, .. } = record;
        self.index.push(Entry { key_end, value_end, present, partition, timestamp_ms, offset });
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.index.clear();
        self.data.clear();
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.data.len()
    }

    /// All keys and values, one after the other.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The record at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<RecordRef<'_>> {
        let entry = self.index.get(position)?;
        let start =
            position.checked_sub(1).and_then(|before| self.index.get(before)).map_or(0, |e| e.value_end);
        Some(self.record(start, entry))
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordRef<'_>> + Clone {
        let mut start = 0;
        self.index.iter().map(move |entry| {
            let record = self.record(start, entry);
            start = entry.value_end;
            record
        })
    }

    /// How many bytes [`Self::encode`] appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        HEADER_BYTES + self.index.len() * ENTRY_BYTES + self.data.len()
    }

    /// Appends the wire form: header, index, data; all numbers little-endian.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        out.extend_from_slice(&short(self.index.len()).to_le_bytes());
        out.extend_from_slice(&short(self.data.len()).to_le_bytes());
        for entry in &self.index {
            out.extend_from_slice(&entry.to_bytes());
        }
        out.extend_from_slice(&self.data);
    }

    /// Replaces the content by what [`Self::encode`] wrote, and keeps the memory.
    ///
    /// # Errors
    /// If `bytes` are not exactly one whole batch; the batch is then empty.
    pub fn decode_from(&mut self, bytes: &[u8]) -> Result<(), BatchError> {
        self.clear();
        let result = self.try_decode(bytes);
        if result.is_err() {
            self.clear();
        }
        result
    }

    fn try_decode(&mut self, bytes: &[u8]) -> Result<(), BatchError> {
        let (count, rest) = bytes.split_first_chunk::<4>().ok_or(BatchError("no record count"))?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(BatchError("no data length"))?;
        let (count, length) = (long(u32::from_le_bytes(*count)), long(u32::from_le_bytes(*length)));
        let index_bytes = count.checked_mul(ENTRY_BYTES).ok_or(BatchError("record count too large"))?;
        if index_bytes.checked_add(length) != Some(rest.len()) {
            return Err(BatchError("length differs from its header"));
        }
        let (index, data) = rest.split_at(index_bytes);
        let mut end = 0;
        for chunk in index.as_chunks::<ENTRY_BYTES>().0 {
            let entry = Entry::from_bytes(chunk);
            entry.check_after(end)?;
            end = entry.value_end;
            self.index.push(entry);
        }
        if long(end) != data.len() {
            return Err(BatchError("index does not cover the data"));
        }
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn record(&self, start: u32, entry: &Entry) -> RecordRef<'_> {
        let (start, key_end, value_end) = (long(start), long(entry.key_end), long(entry.value_end));
        RecordRef {
            key: (entry.present & HAS_KEY != 0).then(|| &self.data[start..key_end]),
            value: (entry.present & HAS_VALUE != 0).then(|| &self.data[key_end..value_end]),
            timestamp_ms: entry.timestamp_ms,
            partition: entry.partition,
            offset: entry.offset,
        }
    }
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[0..4].copy_from_slice(&self.key_end.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.value_end.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.present.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.partition.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.timestamp_ms.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        Self {
            key_end: u32::from_le_bytes(part(bytes, 0)),
            value_end: u32::from_le_bytes(part(bytes, 4)),
            present: u32::from_le_bytes(part(bytes, 8)),
            partition: i32::from_le_bytes(part(bytes, 12)),
            timestamp_ms: i64::from_le_bytes(part(bytes, 16)),
            offset: i64::from_le_bytes(part(bytes, 24)),
        }
    }

    fn check_after(&self, start: u32) -> Result<(), BatchError> {
        if self.key_end < start || self.value_end < self.key_end {
            return Err(BatchError("ends do not ascend"));
        }
        if self.present & !(HAS_KEY | HAS_VALUE) != 0 {
            return Err(BatchError("unknown flags"));
        }
        let null_key_has_bytes = self.present & HAS_KEY == 0 && self.key_end != start;
        let null_value_has_bytes = self.present & HAS_VALUE == 0 && self.value_end != self.key_end;
        if null_key_has_bytes || null_value_has_bytes {
            return Err(BatchError("a null field has bytes"));
        }
        Ok(())
    }
}

fn part<const N: usize>(bytes: &[u8; ENTRY_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("a batch stays below 4 GiB")
}

fn long(length: u32) -> usize {
    usize::try_from(length).expect("usize has at least 32 bits")
}

/// Empty batches to be filled again: whoever empties one gives it back, whoever needs one takes it.
///
/// Keeps a bounded number, and none that has grown beyond its limit, so that one huge record does not stay in memory.
#[derive(Clone, Debug)]
pub struct BatchPool {
    idle: Arc<Mutex<Vec<RecordBatch>>>,
    kept_max: usize,
    kept_bytes_max: usize,
}

impl BatchPool {
    /// Keeps at most `kept_max` batches, of at most `kept_bytes_max` bytes of capacity each.
    #[must_use]
    pub fn new(kept_max: usize, kept_bytes_max: usize) -> Self {
        Self { idle: Arc::default(), kept_max, kept_bytes_max }
    }

    /// An empty batch, used before if there is one.
    #[must_use]
    pub fn take(&self) -> RecordBatch {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives a batch back; its content is dropped.
    pub fn give(&self, mut batch: RecordBatch) {
        if batch.data.capacity() > self.kept_bytes_max {
            return;
        }
        batch.clear();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.kept_max {
            idle.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(key: Option<&'a str>, value: Option<&'a str>, offset: i64) -> RecordRef<'a> {
        RecordRef {
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            timestamp_ms: 1_700_000_000_000 + offset,
            partition: 3,
            offset,
        }
    }

    fn sample() -> RecordBatch {
        let mut batch = RecordBatch::default();
        batch.push(record(Some("a"), Some("one"), 7));
        batch.push(record(None, Some(""), 8));
        batch.push(record(Some(""), None, 9));
        batch.push(record(Some("key"), Some("value"), 12));
        batch
    }

    #[test]
    fn records_come_back_as_pushed_and_null_is_not_empty() {
        let batch = sample();
        let all: Vec<_> = batch.iter().collect();
        assert_eq!(all[0], record(Some("a"), Some("one"), 7));
        assert_eq!(all[1], record(None, Some(""), 8));
        assert_eq!(all[2], record(Some(""), None, 9));
        assert_eq!((0..5).map(|at| batch.get(at)).collect::<Vec<_>>(), {
            let mut expected: Vec<_> = all.into_iter().map(Some).collect();
            expected.push(None);
            expected
        });
        assert_eq!((batch.len(), batch.byte_len()), (4, 12));
    }

    #[test]
    fn the_wire_form_comes_back_and_memory_is_kept() {
        let batch = sample();
        let mut wire = Vec::new();
        batch.encode(&mut wire);
        assert_eq!(wire.len(), batch.encoded_len());
        let mut back = RecordBatch::with_capacity(8, 64);
        let (index, data) = (back.index.as_ptr(), back.data.as_ptr());
        back.decode_from(&wire).expect("what was encoded");
        assert_eq!(back, batch);
        assert_eq!((back.index.as_ptr(), back.data.as_ptr()), (index, data));
    }

    #[test]
    fn damaged_bytes_are_refused_or_a_valid_batch_never_a_panic() {
        let mut wire = Vec::new();
        sample().encode(&mut wire);
        let mut refused = 0;
        for at in 0..wire.len() {
            for bit in 0..8 {
                let mut damaged = wire.clone();
                damaged[at] ^= 1 << bit;
                let mut batch = RecordBatch::default();
                match batch.decode_from(&damaged) {
                    Ok(()) => assert_eq!(batch.iter().count(), 4),
                    Err(_) => {
                        refused += 1;
                        assert!(batch.is_empty());
                    }
                }
            }
            assert!(RecordBatch::default().decode_from(&wire[..at]).is_err(), "cut at {at}");
        }
        assert!(refused > 400, "header, ends and flags are checked: {refused}");
    }

    #[test]
    fn a_pool_gives_back_empty_memory_and_forgets_the_oversized() {
        let pool = BatchPool::new(1, 1 << 10);
        let batch = sample();
        let kept = batch.data.as_ptr();
        pool.give(batch);
        pool.give(RecordBatch::with_capacity(1, 10));
        let taken = pool.take();
        assert!(taken.is_empty());
        assert_eq!(taken.data.as_ptr(), kept);
        pool.give(RecordBatch::with_capacity(1, 4 << 10));
        assert_eq!(pool.take().data.capacity(), 0);
    }
}
