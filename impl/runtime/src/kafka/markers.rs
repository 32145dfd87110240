//! The marker topic: one partition per sink subtask, compacted. Key: the job's name and the subtask. Value: the history of
//! checkpoints and the checkpoint, as two decimal numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use truecut_core::{CheckpointId, Isolation, Marker, Token};

use super::Transport;
use super::raw::{At, LogBatch, LogRecord, Marker as End, NewTopic, RawClient};
use crate::batch::{NO_TIMESTAMP, RecordBatch, RecordRef};

/// How long making the topic may take.
const AT_MOST: Duration = Duration::from_secs(10);
/// Kafka's code for a topic that exists already.
const TOPIC_EXISTS: i16 = 36;

/// The markers of one job.
#[derive(Clone, Debug)]
pub struct Markers {
    topic: Arc<str>,
    job: Arc<str>,
}

impl Markers {
    /// Markers of a job in a topic.
    #[must_use]
    pub fn new(topic: &str, job: &str) -> Self {
        Self { topic: topic.into(), job: job.into() }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The record that says so.
    #[must_use]
    pub fn record(&self, subtask: u16, marker: Marker) -> RecordBatch {
        let (key, value) = (self.key(subtask), format!("{} {}", marker.origin, marker.checkpoint));
        let mut batch = RecordBatch::default();
        batch.push(RecordRef {
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            timestamp_ms: NO_TIMESTAMP,
            partition: i32::from(subtask),
            offset: 0,
        });
        batch
    }

    /// The newest committed marker of a subtask: all of its partition is read, up to where it ends now. Gives the raw code where
    /// Kafka refuses.
    ///
    /// Committed is what a commit marker of Kafka's own follows, so that an open transaction of somebody else, behind which a
    /// `read_committed` reader would have to wait, holds up nothing. Compaction keeps that marker for as long as it keeps a record.
    ///
    /// # Errors
    /// No answer came.
    pub async fn read(
        &self,
        raw: &RawClient,
        subtask: u16,
    ) -> Result<Result<Option<Marker>, i16>, Transport> {
        let partition = i32::from(subtask);
        let mut ends = [0; 2];
        for (end, at) in ends.iter_mut().zip([At::Earliest, At::Latest]) {
            let listed = raw.list_offsets(&self.topic, partition, at, Isolation::ReadUncommitted).await?;
            match listed.offset {
                Some(offset) if listed.error_code == 0 => *end = offset,
                _ => return Ok(Err(listed.error_code)),
            }
        }
        let ([mut next, to], mut read) = (ends, Committed { key: self.key(subtask), ..Committed::default() });
        while next < to {
            let fetched = raw.fetch(&self.topic, partition, next, Isolation::ReadUncommitted).await?;
            if fetched.error_code != 0 {
                return Ok(Err(fetched.error_code));
            }
            for batch in fetched.batches {
                read.take(&batch).map_err(|offset| {
                    Transport::Unsupported(format!(
                        "the record at offset {offset} of {}-{partition} is not a marker of a job: give the job a marker topic of its own",
                        self.topic
                    ))
                })?;
            }
            match fetched.next_offset {
                Some(after) => next = next.max(after),
                None => break,
            }
        }
        Ok(Ok(read.newest))
    }

    fn key(&self, subtask: u16) -> String {
        format!("{}/{subtask}", self.job)
    }

    /// Makes the topic if there is none. Gives its number of partitions, or the raw code where Kafka refuses.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn prepare(
        &self,
        raw: &RawClient,
        subtasks: u16,
        replication_factor: i16,
    ) -> Result<Result<usize, i16>, Transport> {
        let topic = NewTopic {
            name: &self.topic,
            partitions: i32::from(subtasks),
            replication_factor,
            settings: &[("cleanup.policy", "compact")],
        };
        if !self.exists(raw).await? {
            for code in raw.create_topics(&[topic], AT_MOST).await? {
                if code != 0 && code != TOPIC_EXISTS {
                    return Ok(Err(code));
                }
            }
        }
        let metadata = raw.metadata(Some(&[&self.topic])).await?;
        let info = metadata.topics.iter().find(|info| *info.name == *self.topic);
        Ok(info.map_or(Ok(0), |info| match info.error_code {
            0 => Ok(info.partitions.len()),
            code => Err(code),
        }))
    }

    async fn exists(&self, raw: &RawClient) -> Result<bool, Transport> {
        let metadata = raw.metadata(Some(&[&self.topic])).await?;
        Ok(metadata.topics.iter().any(|info| *info.name == *self.topic && info.error_code == 0))
    }
}

/// What is committed of a partition, as its batches come.
#[derive(Debug, Default)]
struct Committed {
    key: String,
    /// Of each producer, what it wrote and has not ended.
    open: BTreeMap<i64, Marker>,
    newest: Option<Marker>,
}

impl Committed {
    /// Takes the next batch. The error is the offset of a record under the key that is no marker.
    fn take(&mut self, batch: &LogBatch) -> Result<(), i64> {
        let Some(producer) = batch.identity.map(|identity| identity.producer_id) else { return Ok(()) };
        match batch.marker {
            Some(End::Commit) => self.newest = self.open.remove(&producer).or(self.newest),
            Some(_) => drop(self.open.remove(&producer)),
            None => {
                for record in &batch.records {
                    if record.key.as_deref() == Some(self.key.as_bytes()) {
                        self.open.insert(producer, parse(record).ok_or(record.offset)?);
                    }
                }
            }
        }
        Ok(())
    }
}

fn parse(record: &LogRecord) -> Option<Marker> {
    let (origin, checkpoint) = std::str::from_utf8(record.value.as_deref()?).ok()?.split_once(' ')?;
    let (origin, checkpoint) =
        (Token::new(origin.parse().ok()?), CheckpointId::new(checkpoint.parse().ok()?));
    Some(Marker { origin, checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::raw::ProducerIdentity;

    #[test]
    fn only_what_a_commit_follows_is_committed_and_the_last_of_it_counts() {
        let marker = |checkpoint| Marker { origin: Token::new(1), checkpoint: CheckpointId::new(checkpoint) };
        let batch = |producer_id, checkpoint: Option<u64>, end| LogBatch {
            identity: Some(ProducerIdentity { producer_id, producer_epoch: 0 }),
            transactional: true,
            base_sequence: 0,
            marker: end,
            records: checkpoint
                .map(|checkpoint| LogRecord {
                    offset: 0,
                    timestamp_ms: 0,
                    key: Some(bytes::Bytes::from_static(b"job/0")),
                    value: Some(bytes::Bytes::from(format!("1 {checkpoint}"))),
                })
                .into_iter()
                .collect(),
        };
        let mut read = Committed { key: "job/0".to_owned(), ..Committed::default() };
        for batch in [
            batch(7, Some(1), None),
            batch(7, None, Some(End::Commit)),
            batch(8, Some(3), None), // open for ever
            batch(7, Some(2), None),
            batch(9, Some(4), None),
            batch(9, None, Some(End::Abort)),
            batch(7, None, Some(End::Commit)),
        ] {
            read.take(&batch).unwrap();
        }
        assert_eq!(read.newest, Some(marker(2)));
    }

    #[test]
    fn a_marker_reads_back_and_nothing_else_is_taken_for_one() {
        let marker = Marker { origin: Token::new(u64::MAX), checkpoint: CheckpointId::new(7) };
        let batch = Markers::new("markers", "job").record(2, marker);
        let record = batch.get(0).unwrap();
        assert_eq!((record.key, record.partition), (Some(&b"job/2"[..]), 2));
        let stored = |value: &[u8]| LogRecord {
            offset: 0,
            timestamp_ms: 0,
            key: None,
            value: Some(bytes::Bytes::copy_from_slice(value)),
        };
        assert_eq!(parse(&stored(record.value.unwrap())), Some(marker));
        for other in ["", "1", "1 2 3", "a 1", "-1 2"] {
            assert_eq!(parse(&stored(other.as_bytes())), None, "{other}");
        }
    }
}
