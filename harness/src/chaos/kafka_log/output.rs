//! The output's log: batches with who wrote them, markers, and of each record its place, its checksum and its origin.
//!
//! Kept as one entry per batch, and one per partition that says where the log begins and ends: 24 bytes per record.

use std::ops::Range;

use truecut_runtime::kafka::raw::{LogBatch, LogRecord, Marker, ProducerIdentity};

use super::super::records::Kept;
use super::decode::Bytes;
use crate::oracle::{Coordinates, Lineage};

/// First byte of an entry's key.
const ENDS: u8 = 0;
const BATCH: u8 = 1;
/// Of a batch without identity.
const NOBODY: ProducerIdentity = ProducerIdentity { producer_id: -1, producer_epoch: -1 };

/// All partitions of the output, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputLog {
    /// Where each partition begins and ends.
    pub partitions: Vec<Ends>,
    /// Batches in log order within each partition.
    pub batches: Vec<Batch>,
    /// The records of all batches.
    pub records: Vec<Record>,
}

/// Where a partition's log begins and ends, when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The partition.
    pub partition: i32,
    /// The first offset that was still kept.
    pub log_start: i64,
    /// Readers of committed records get nothing from here on.
    pub last_stable: i64,
    /// One past the last record.
    pub high_watermark: i64,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The partition.
    pub partition: i32,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Who wrote it. In a marker the epoch is that of the end, which may be higher than that of the transaction (KIP-890, or a
    /// producer that was fenced).
    pub producer: Option<ProducerIdentity>,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// Records, or a marker.
    pub what: What,
    /// When the broker appended it, in milliseconds since 1970.
    pub appended_ms: i64,
    /// Its records, by their positions in [`OutputLog::records`]. None in a marker.
    pub records: Range<usize>,
}

/// What a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Records.
    Records,
    /// The producer's transaction in this partition is committed.
    Commit,
    /// The producer's transaction in this partition is aborted.
    Abort,
    /// Another control batch.
    Other,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// CRC-32C of its key followed by its value.
    pub crc32c: u32,
    /// The input record that it says to stand for; `None` if it can't be read.
    pub input: Option<Coordinates>,
}

impl OutputLog {
    /// The records of a batch.
    #[must_use]
    pub fn records_of(&self, batch: &Batch) -> &[Record] {
        self.records.get(batch.records.clone()).unwrap_or_default()
    }

    /// Takes an entry of the file; `None` if it is damaged.
    pub(super) fn take(&mut self, kept: &Kept<'_>) -> Option<()> {
        let (mut key, mut value) = (Bytes(kept.key), Bytes(kept.value));
        match key.fixed()? {
            [ENDS] => {
                let (log_start, last_stable, high_watermark) = (key.i64()?, key.i64()?, key.i64()?);
                let partition = kept.partition;
                self.partitions.push(Ends { partition, log_start, last_stable, high_watermark });
            }
            [BATCH] => {
                let start = self.records.len();
                let identity = ProducerIdentity { producer_id: key.i64()?, producer_epoch: key.i16()? };
                let transactional = key.i8()? == 1;
                let what = what(key.i8()?)?;
                let appended_ms = key.i64()?;
                while !value.is_empty() {
                    self.records.push(record(kept.offset, &mut value)?);
                }
                self.batches.push(Batch {
                    partition: kept.partition,
                    base_offset: kept.offset,
                    producer: Some(identity).filter(|identity| *identity != NOBODY),
                    transactional,
                    what,
                    appended_ms,
                    records: start..self.records.len(),
                });
            }
            _ => return None,
        }
        key.is_empty().then_some(())
    }
}

fn what(number: i8) -> Option<What> {
    [What::Records, What::Commit, What::Abort, What::Other].into_iter().nth(usize::try_from(number).ok()?)
}

fn record(base: i64, from: &mut Bytes<'_>) -> Option<Record> {
    let offset = base + i64::from(from.u32()?);
    let crc32c = from.u32()?;
    let (partition, input) = (from.i32()?, from.i64()?);
    let input = (partition >= 0).then_some(Coordinates { partition, offset: input });
    Some(Record { offset, crc32c, input })
}

/// The key of a partition's entry.
pub(super) fn ends_entry(ends: Ends) -> Vec<u8> {
    let mut key = vec![ENDS];
    for number in [ends.log_start, ends.last_stable, ends.high_watermark] {
        key.extend_from_slice(&number.to_be_bytes());
    }
    key
}

/// Base offset, key and value of a batch's entry; `None` for one without records.
pub(super) fn batch_entry(batch: &LogBatch) -> Option<(i64, Vec<u8>, Vec<u8>)> {
    let base = batch.records.first()?.offset;
    let identity = batch.identity.unwrap_or(NOBODY);
    let what: i8 = match batch.marker {
        None => 0,
        Some(Marker::Commit) => 1,
        Some(Marker::Abort) => 2,
        Some(Marker::Other(_)) => 3,
    };
    let mut key = vec![BATCH];
    key.extend_from_slice(&identity.producer_id.to_be_bytes());
    key.extend_from_slice(&identity.producer_epoch.to_be_bytes());
    key.extend_from_slice(&i8::from(batch.transactional).to_be_bytes());
    key.extend_from_slice(&what.to_be_bytes());
    key.extend_from_slice(&batch.timestamp_ms.to_be_bytes());
    let mut value = Vec::new();
    if batch.marker.is_none() {
        for record in &batch.records {
            push_record(base, record, &mut value);
        }
    }
    Some((base, key, value))
}

fn push_record(base: i64, record: &LogRecord, out: &mut Vec<u8>) {
    let (key, value) =
        (record.key.as_deref().unwrap_or_default(), record.value.as_deref().unwrap_or_default());
    let distance = u32::try_from(record.offset - base).unwrap_or(u32::MAX);
    let input = serde_json::from_slice::<Lineage<'_>>(value).ok();
    let (partition, offset) = input.map_or((-1, -1), |lineage| (lineage.partition, lineage.offset));
    out.extend_from_slice(&distance.to_be_bytes());
    out.extend_from_slice(&checksum(key, value).to_be_bytes());
    out.extend_from_slice(&partition.to_be_bytes());
    out.extend_from_slice(&offset.to_be_bytes());
}

/// What is kept of a record's bytes.
#[must_use]
pub(crate) fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(log: &mut OutputLog, partition: i32, offset: i64, key: &[u8], value: &[u8]) -> Option<()> {
        log.take(&Kept { partition, offset, key, value })
    }

    #[test]
    fn batches_markers_and_ends_read_back() {
        let json = br#"{"key":"k","count":1,"digest":2,"partition":3,"offset":44}"#;
        let record = |offset, value: &'static [u8]| LogRecord {
            offset,
            timestamp_ms: 5,
            key: Some("k".into()),
            value: Some(value.into()),
        };
        let identity = Some(ProducerIdentity { producer_id: 1_000, producer_epoch: 4 });
        let data = LogBatch {
            identity,
            transactional: true,
            base_sequence: 0,
            marker: None,
            timestamp_ms: 77,
            records: vec![record(10, json), record(11, b"?")],
        };
        let marker = LogBatch { marker: Some(Marker::Abort), records: vec![record(12, b"")], ..data.clone() };
        let mut log = OutputLog::default();
        for batch in [&data, &marker] {
            let (base, key, value) = batch_entry(batch).unwrap();
            taken(&mut log, 1, base, &key, &value).unwrap();
        }
        let ends = Ends { partition: 1, log_start: 0, last_stable: 13, high_watermark: 13 };
        taken(&mut log, 1, 0, &ends_entry(ends), b"").unwrap();
        assert_eq!(log.partitions, [ends]);
        assert_eq!((log.batches[0].what, log.batches[1].what), (What::Records, What::Abort));
        assert_eq!((log.batches[0].appended_ms, log.batches[1].base_offset), (77, 12));
        assert_eq!(log.batches[0].producer, identity);
        let records = log.records_of(&log.batches[0]);
        assert_eq!(records[0].input, Some(Coordinates { partition: 3, offset: 44 }));
        assert_eq!((records[1].offset, records[1].input), (11, None));
        assert_eq!(records[0].crc32c, checksum(b"k", json));
        assert!(log.records_of(&log.batches[1]).is_empty());
    }

    #[test]
    fn an_entry_that_is_cut_off_is_refused() {
        let ends = ends_entry(Ends { partition: 1, log_start: 0, last_stable: 13, high_watermark: 13 });
        for length in 0..ends.len() {
            assert_eq!(taken(&mut OutputLog::default(), 1, 0, &ends[..length], b""), None);
        }
        assert_eq!(taken(&mut OutputLog::default(), 1, 0, &[9], b""), None);
    }
}
