//! Records as Kafka's record batch, version 2: each record's bytes are written once, into the buffer that is sent.
//!
//! The format is that of Kafka's `DefaultRecordBatch` and `DefaultRecord`: a header of 61 bytes, then records with lengths and deltas as
//! zigzag varints; the checksum covers everything behind it.

use bytes::Bytes;
use truecut_core::delivery::Sequence;

use super::compress::Compression;
use crate::batch::{NO_TIMESTAMP, RecordBatch, RecordRef};
use crate::kafka::Failure;
use crate::kafka::raw::ProducerIdentity;

/// Bytes of a batch before its first record.
const HEADER_BYTES: usize = 61;
/// The most that a record is larger than its key and value: length, attributes, two deltas, two lengths, no headers.
const RECORD_BYTES_MAX: usize = 5 + 1 + 10 + 5 + 5 + 5 + 1;
/// Bytes before the batch's length counts.
const PREFIX_BYTES: usize = 12;
/// The checksum covers what is behind it.
const CHECKED_FROM: usize = 21;
const MAGIC: u8 = 2;
const TRANSACTIONAL: i16 = 1 << 4;

/// Who writes a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author {
    pub(super) identity: ProducerIdentity,
    pub(super) transactional: bool,
}

/// A batch that records are added to.
#[derive(Debug)]
pub(super) struct OpenBatch {
    /// Room for the header, then records.
    bytes: Vec<u8>,
    records: u32,
    first_ms: i64,
    latest_ms: i64,
}

impl OpenBatch {
    /// An empty batch with room for so many bytes before it allocates again.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes.max(HEADER_BYTES));
        buffer.resize(HEADER_BYTES, 0);
        Self { bytes: buffer, records: 0, first_ms: 0, latest_ms: i64::MIN }
    }

    pub(super) fn records(&self) -> u32 {
        self.records
    }

    /// Bytes so far, with the header.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether one more record keeps it within so many bytes. A first record always fits.
    pub(super) fn has_room(&self, record: &RecordRef<'_>, bytes_max: usize) -> bool {
        let more = length(record.key) + length(record.value) + RECORD_BYTES_MAX;
        self.records == 0 || self.bytes.len() + more <= bytes_max
    }

    /// Adds a record; one without a timestamp gets this time.
    pub(super) fn push(&mut self, record: &RecordRef<'_>, now_ms: i64) {
        let timestamp_ms = if record.timestamp_ms == NO_TIMESTAMP { now_ms } else { record.timestamp_ms };
        if self.records == 0 {
            self.first_ms = timestamp_ms;
        }
        self.latest_ms = self.latest_ms.max(timestamp_ms);
        let later_ms = timestamp_ms.wrapping_sub(self.first_ms);
        let offset = i64::from(self.records);
        let (key, value) = (field_length(record.key), field_length(record.value));
        let body = 1
            + varint_len(later_ms)
            + varint_len(offset)
            + varint_len(key)
            + length(record.key)
            + varint_len(value)
            + length(record.value)
            + 1;
        let out = &mut self.bytes;
        out.reserve(body + 5);
        put_varint(out, i64::try_from(body).unwrap_or(i64::MAX));
        out.push(0); // attributes: none are defined
        put_varint(out, later_ms);
        put_varint(out, offset);
        put_varint(out, key);
        out.extend_from_slice(record.key.unwrap_or_default());
        put_varint(out, value);
        out.extend_from_slice(record.value.unwrap_or_default());
        out.push(0); // no headers
        self.records += 1;
    }

    /// Closes the batch: what Kafka appends as it is.
    ///
    /// # Errors
    /// If it can't be compressed, or has more bytes than Kafka can number.
    pub(super) fn seal(
        self,
        author: Author,
        first: Sequence,
        compression: Compression,
    ) -> Result<Bytes, Failure> {
        let Self { bytes, records, first_ms, latest_ms } = self;
        let mut bytes = compression.apply(bytes, HEADER_BYTES)?;
        let size = bytes.len() - PREFIX_BYTES;
        let size = i32::try_from(size).map_err(|_| super::too_large(size))?;
        let attributes = compression.attribute() | if author.transactional { TRANSACTIONAL } else { 0 };
        let ProducerIdentity { producer_id, producer_epoch } = author.identity;
        // The base offset is the broker's to set, and the leader's epoch too.
        put(&mut bytes, 8, size.to_be_bytes());
        put(&mut bytes, 12, (-1_i32).to_be_bytes());
        put(&mut bytes, 16, [MAGIC]);
        put(&mut bytes, 21, attributes.to_be_bytes());
        put(&mut bytes, 23, records.saturating_sub(1).to_be_bytes());
        put(&mut bytes, 27, first_ms.to_be_bytes());
        put(&mut bytes, 35, latest_ms.to_be_bytes());
        put(&mut bytes, 43, producer_id.to_be_bytes());
        put(&mut bytes, 51, producer_epoch.to_be_bytes());
        put(&mut bytes, 53, first.get().to_be_bytes());
        put(&mut bytes, 57, records.to_be_bytes());
        let checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        put(&mut bytes, 17, checksum.to_be_bytes());
        Ok(bytes.into())
    }
}

/// These records as one of Kafka's record batches, as our own producer sends the first one of a transaction.
///
/// # Errors
/// If it can't be compressed, or has more bytes than Kafka can number.
pub fn encode_records(
    records: &RecordBatch,
    identity: ProducerIdentity,
    compression: Compression,
) -> Result<Bytes, Failure> {
    let mut open = OpenBatch::with_capacity(records.byte_len());
    for record in records.iter() {
        open.push(&record, 0);
    }
    open.seal(Author { identity, transactional: true }, Sequence::FIRST, compression)
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, what: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&what);
}

fn length(field: Option<&[u8]>) -> usize {
    field.map_or(0, <[u8]>::len)
}

/// -1 stands for null, which is not empty.
fn field_length(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |field| i64::try_from(field.len()).unwrap_or(i64::MAX))
}

/// Small numbers of either sign are small.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn varint_len(value: i64) -> usize {
    // 7 bits a byte, at least one byte.
    match zigzag(value) {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        larger => usize::try_from((63 - larger.leading_zeros()) / 7 + 1).unwrap_or(10),
    }
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut left = zigzag(value);
    while left >= 0x80 {
        out.push(left.to_le_bytes()[0] | 0x80);
        left >>= 7;
    }
    out.push(left.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::{Record, RecordBatchDecoder};
    use proptest::prelude::*;

    use super::*;

    type Field = Option<Vec<u8>>;

    const AUTHOR: Author = Author {
        identity: ProducerIdentity { producer_id: 7_000_000_007, producer_epoch: 12 },
        transactional: true,
    };

    fn seal(records: &[(Field, Field, i64)], compression: Compression) -> Bytes {
        let mut batch = OpenBatch::with_capacity(0);
        for (key, value, timestamp_ms) in records {
            let (key, value) = (key.as_deref(), value.as_deref());
            let record = RecordRef { key, value, timestamp_ms: *timestamp_ms, partition: 0, offset: 0 };
            batch.push(&record, 99);
        }
        batch.seal(AUTHOR, Sequence::FIRST.after(41), compression).expect("sealed")
    }

    fn field(record: &Option<Bytes>) -> Field {
        record.as_ref().map(|bytes| bytes.to_vec())
    }

    proptest! {
        /// The decoder is another implementation, and checks the checksum.
        #[test]
        fn what_is_encoded_is_decoded_by_another_implementation(
            records in prop::collection::vec(
                (prop::option::of(prop::collection::vec(any::<u8>(), 0..300)), prop::option::of(prop::collection::vec(any::<u8>(), 0..300)), 0..1_i64 << 50),
                1..40,
            )
        ) {
            let mut sealed = seal(&records, Compression::None);
            let decoded: Vec<Record> = RecordBatchDecoder::decode(&mut sealed).expect("a batch").records;
            prop_assert!(sealed.is_empty());
            prop_assert_eq!(decoded.len(), records.len());
            for (at, (found, (key, value, timestamp_ms))) in decoded.iter().zip(&records).enumerate() {
                prop_assert_eq!((&field(&found.key), &field(&found.value), found.timestamp), (key, value, *timestamp_ms));
                let at = i32::try_from(at).expect("few");
                prop_assert_eq!((found.offset, found.sequence), (i64::from(at), 41 + at));
                prop_assert_eq!((found.producer_id, found.producer_epoch), (7_000_000_007, 12));
                prop_assert!(found.transactional && !found.control);
                prop_assert!(found.headers.is_empty());
            }
        }

        #[test]
        fn the_length_of_a_number_is_that_of_its_bytes(value in any::<i64>(), shift in 0..64_u32) {
            let value = value >> shift;
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
        }
    }

    #[test]
    fn the_header_tells_the_latest_time_and_a_record_without_time_gets_one() {
        let key = Some(b"k".to_vec());
        let records = [(key.clone(), None, 50), (None, None, NO_TIMESTAMP), (key, Some(Vec::new()), 20)];
        let mut sealed = seal(&records, Compression::None);
        assert_eq!(sealed[35..43], 99_i64.to_be_bytes());
        let decoded = RecordBatchDecoder::decode(&mut sealed).expect("a batch").records;
        assert_eq!(decoded.iter().map(|record| record.timestamp).collect::<Vec<_>>(), [50, 99, 20]);
        assert_eq!(decoded[2].value.as_deref(), Some(&b""[..]));
        assert_eq!((&decoded[1].key, &decoded[1].value), (&None, &None));
    }

    #[test]
    fn a_batch_takes_what_fits_and_a_first_record_whatever_its_size() {
        let record =
            RecordRef { key: None, value: Some(&[b'.'; 100]), timestamp_ms: 1, partition: 0, offset: 0 };
        let mut batch = OpenBatch::with_capacity(300);
        assert!(batch.has_room(&record, 50));
        batch.push(&record, 1);
        assert!(batch.has_room(&record, 302) && !batch.has_room(&record, 301));
        batch.push(&record, 1);
        assert!(batch.len() <= 302 && batch.records() == 2);
    }
}
