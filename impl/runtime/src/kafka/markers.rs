//! The marker topic: one partition per sink subtask, compacted. Key: the job's name and the subtask. Value: the history of
//! checkpoints and the checkpoint, as two decimal numbers.

use std::sync::Arc;
use std::time::Duration;

use truecut_core::{CheckpointId, Isolation, Marker, Token};

use super::Transport;
use super::raw::{At, LogRecord, NewTopic, RawClient};
use crate::batch::{NO_TIMESTAMP, RecordBatch, RecordRef};

/// How long to read before it counts as unanswered. An open transaction in the partition may hold a reading up.
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
    /// # Errors
    /// No answer came, or an open transaction held the reading up for too long.
    pub async fn read(
        &self,
        raw: &RawClient,
        subtask: u16,
    ) -> Result<Result<Option<Marker>, i16>, Transport> {
        let late =
            |_| Transport::Unanswered(format!("open transactions hold up readers of topic {}", self.topic));
        tokio::time::timeout(AT_MOST, self.read_all(raw, subtask)).await.map_err(late)?
    }

    async fn read_all(
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
        let [from, to] = ends;
        let key = self.key(subtask);
        let records = match raw.read_committed(&self.topic, partition, from, to).await? {
            Ok(records) => records,
            Err(code) => return Ok(Err(code)),
        };
        let mut ours = records.iter().filter(|record| record.key.as_deref() == Some(key.as_bytes()));
        let Some(newest) = ours.next_back() else { return Ok(Ok(None)) };
        let marker = parse(newest).ok_or_else(|| {
            Transport::Unsupported(format!(
                "the record at offset {} of {}-{partition} is not a marker of a job: give the job a marker topic of its own",
                newest.offset, self.topic
            ))
        })?;
        Ok(Ok(Some(marker)))
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

fn parse(record: &LogRecord) -> Option<Marker> {
    let (origin, checkpoint) = std::str::from_utf8(record.value.as_deref()?).ok()?.split_once(' ')?;
    let (origin, checkpoint) =
        (Token::new(origin.parse().ok()?), CheckpointId::new(checkpoint.parse().ok()?));
    Some(Marker { origin, checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

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
