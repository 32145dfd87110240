//! Records as they lie in the log: appended with any identity, read with their batches and control markers.
//!
//! For tests of what Kafka does and for looking at its log. The data path is elsewhere; there is no compression here.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use kafka_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use kafka_protocol::messages::{BrokerId, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::routes::Target;
use super::{Isolation, ProducerIdentity, RawClient, exactly, incomplete, level, text, topic_name, versions};
use crate::kafka::connection::Transport;

/// Bytes asked for in one fetch.
const FETCH_BYTES_MAX: i32 = 8 << 20;
/// Bytes before a batch's length field ends: base offset and length itself.
const BATCH_PREFIX_BYTES: usize = 12;

/// Records to be appended to one partition as one batch.
#[derive(Clone, Copy, Debug)]
pub struct NewRecords<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// Who writes; `None` writes without identity.
    pub identity: Option<ProducerIdentity>,
    /// The number of the first record among all that this identity wrote to the partition.
    pub base_sequence: i32,
    /// The records.
    pub records: &'a [NewRecord<'a>],
}

/// One record to be appended.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
}

/// Answer to Produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// 0, or why not.
    pub error_code: i16,
    /// The offset of the first record; -1 unless the code is 0.
    pub base_offset: i64,
}

/// Answer to Fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// 0, or why not.
    pub error_code: i16,
    /// One past the last record that all replicas in sync have.
    pub high_watermark: i64,
    /// Readers of committed records get nothing from here on.
    pub last_stable_offset: i64,
    /// The first offset that is still kept.
    pub log_start_offset: i64,
    /// Aborted transactions among the batches; a reader of committed records skips these. Empty without that isolation.
    pub aborted: Vec<Aborted>,
    /// Whole batches from the one that holds the offset asked for.
    pub batches: Vec<LogBatch>,
    /// One past the last offset of the last whole batch, also of one that compaction emptied; `None` without one.
    pub next_offset: Option<i64>,
}

/// From this offset on, up to its abort marker, what this producer wrote was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// The producer.
    pub producer_id: i64,
    /// The transaction's first offset.
    pub first_offset: i64,
}

/// A batch in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBatch {
    /// Who wrote it; `None` for a batch without identity.
    pub identity: Option<ProducerIdentity>,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// The number of its first record; -1 without identity and in markers.
    pub base_sequence: i32,
    /// What it says, if it is a control batch; it then has one record.
    pub marker: Option<Marker>,
    /// The latest timestamp of the batch, in milliseconds since 1970: when the broker appended it, for markers and in topics
    /// that take the time of appending; else what its writer said of the youngest record.
    pub timestamp_ms: i64,
    /// Its records.
    pub records: Vec<LogRecord>,
}

/// What a control batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The producer's transaction is committed.
    Commit,
    /// The producer's transaction is aborted.
    Abort,
    /// Another kind, by its number.
    Other(i16),
}

/// A record in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
}

impl RawClient {
    /// Produce with `acks=all` in exactly this version, 3 to 12; with a transactional id the batch is part of its
    /// transaction. From version 12 on the broker adds the partition to the transaction itself.
    ///
    /// # Errors
    /// If no answer came: the records may have landed, or may still.
    pub async fn produce(
        &self,
        transactional_id: Option<&str>,
        new: NewRecords<'_>,
        version: i16,
    ) -> Result<Appended, Transport> {
        let data = PartitionProduceData::default()
            .with_index(new.partition)
            .with_records(Some(encode(transactional_id, new)?));
        let request = ProduceRequest::default()
            .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![
                TopicProduceData::default().with_name(topic_name(new.topic)).with_partition_data(vec![data]),
            ]);
        let target = Target::Leader { topic: new.topic.to_owned(), partition: new.partition };
        let code = |answer: &ProduceResponse| only_appended(answer).map_or(0, |p| p.error_code);
        match self.ask(&target, &request, exactly(version), code).await? {
            Err(error_code) => Ok(Appended { error_code, base_offset: -1 }),
            Ok(answer) => {
                let found = only_appended(&answer).ok_or_else(|| incomplete("Produce"))?;
                Ok(Appended { error_code: found.error_code, base_offset: found.base_offset })
            }
        }
    }

    /// Fetch from an offset what is there now; waits for nothing. One answer holds at most what lies in one segment
    /// of the log, so the end is reached only when an answer is empty.
    ///
    /// # Errors
    /// If no answer came, or its batches are damaged or compressed.
    pub async fn fetch(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        isolation: Isolation,
    ) -> Result<Fetched, Transport> {
        let asked = FetchPartition::default()
            .with_partition(partition)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(offset)
            .with_last_fetched_epoch(-1)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(FETCH_BYTES_MAX);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(0)
            .with_min_bytes(0)
            .with_max_bytes(FETCH_BYTES_MAX)
            .with_isolation_level(level(isolation))
            .with_session_id(0)
            .with_session_epoch(-1)
            .with_rack_id(StrBytes::from_static_str(""))
            .with_topics(vec![
                FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![asked]),
            ]);
        let target = Target::Leader { topic: topic.to_owned(), partition };
        let code = |answer: &FetchResponse| only_fetched(answer).map_or(answer.error_code, |p| p.error_code);
        match self.ask(&target, &request, versions(5, 12), code).await? {
            Err(error_code) => Ok(Fetched { error_code, ..Fetched::default() }),
            Ok(answer) => fetched(only_fetched(&answer).ok_or_else(|| incomplete("Fetch"))?),
        }
    }
}

fn only_appended(answer: &ProduceResponse) -> Option<&PartitionProduceResponse> {
    answer.responses.first().and_then(|topic| topic.partition_responses.first())
}

fn only_fetched(answer: &FetchResponse) -> Option<&PartitionData> {
    answer.responses.first().and_then(|topic| topic.partitions.first())
}

fn encode(transactional_id: Option<&str>, new: NewRecords<'_>) -> Result<Bytes, Transport> {
    let identity = new.identity.unwrap_or(ProducerIdentity::NOBODY);
    let records: Vec<_> = (0..)
        .zip(new.records)
        .map(|(at, record): (i32, _)| Record {
            transactional: transactional_id.is_some(),
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: identity.producer_id,
            producer_epoch: identity.producer_epoch,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(at),
            sequence: if new.identity.is_some() { new.base_sequence.wrapping_add(at) } else { at },
            timestamp: record.timestamp_ms,
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            headers: Default::default(),
        })
        .collect();
    let mut out = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut out, &records, &options)
        .map_err(|error| Transport::NotSent(format!("cannot encode {} records: {error}", records.len())))?;
    Ok(out.freeze())
}

fn fetched(partition: &PartitionData) -> Result<Fetched, Transport> {
    let aborted = partition.aborted_transactions.iter().flatten();
    let (batches, next_offset) = decode(partition.records.clone().unwrap_or_default())?;
    Ok(Fetched {
        error_code: partition.error_code,
        high_watermark: partition.high_watermark,
        last_stable_offset: partition.last_stable_offset,
        log_start_offset: partition.log_start_offset,
        aborted: aborted
            .map(|a| Aborted { producer_id: a.producer_id.0, first_offset: a.first_offset })
            .collect(),
        batches,
        next_offset,
    })
}

/// A fetch cuts the last batch anywhere; only whole ones are decoded.
fn decode(mut bytes: Bytes) -> Result<(Vec<LogBatch>, Option<i64>), Transport> {
    let (mut batches, mut next_offset) = (Vec::new(), None);
    while let Some(mut length) = bytes.get(8..BATCH_PREFIX_BYTES) {
        let length =
            usize::try_from(length.get_i32()).unwrap_or(usize::MAX).saturating_add(BATCH_PREFIX_BYTES);
        if length > bytes.len() {
            break;
        }
        next_offset = after(&bytes).or(next_offset);
        let timestamp_ms = latest_timestamp(&bytes).unwrap_or(-1);
        let set = RecordBatchDecoder::decode(&mut bytes.split_to(length)).map_err(|error| {
            Transport::Unsupported(format!("a batch in the log is compressed or damaged: {error}"))
        })?;
        batches.extend(log_batch(&set.records, timestamp_ms));
    }
    Ok((batches, next_offset))
}

/// One past the last offset of the batch that begins here: its base offset, and the distance of the last from it.
fn after(bytes: &Bytes) -> Option<i64> {
    let (mut base, mut distance) = (bytes.get(..8)?, bytes.get(23..27)?);
    Some(base.get_i64() + i64::from(distance.get_i32()) + 1)
}

/// The batch's largest timestamp. Where the broker sets it, it leaves those of the records as they were.
fn latest_timestamp(bytes: &Bytes) -> Option<i64> {
    Some(bytes.get(35..43)?.get_i64())
}

/// A batch that compaction emptied has nothing to tell.
fn log_batch(records: &[Record], timestamp_ms: i64) -> Option<LogBatch> {
    let first = records.first()?;
    let identity = ProducerIdentity { producer_id: first.producer_id, producer_epoch: first.producer_epoch };
    Some(LogBatch {
        identity: Some(identity).filter(|identity| identity.producer_id >= 0),
        transactional: first.transactional,
        base_sequence: first.sequence,
        marker: first.control.then(|| marker(first.key.as_deref())),
        timestamp_ms,
        records: records.iter().map(log_record).collect(),
    })
}

/// A control record's key: version, type.
fn marker(key: Option<&[u8]>) -> Marker {
    match key.and_then(|key| key.get(2..4)) {
        Some([0, 0]) => Marker::Abort,
        Some([0, 1]) => Marker::Commit,
        Some(mut other) => Marker::Other(other.get_i16()),
        None => Marker::Other(-1),
    }
}

fn log_record(record: &Record) -> LogRecord {
    let Record { offset, timestamp, key, value, .. } = record;
    LogRecord { offset: *offset, timestamp_ms: *timestamp, key: key.clone(), value: value.clone() }
}
