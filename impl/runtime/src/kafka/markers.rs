//! The marker topic: one partition per sink subtask, compacted. Key: the job's name, the history of checkpoints and the
//! subtask, so that compaction keeps the newest of each history. Value: the history and the checkpoint, as two decimal numbers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_core::{CheckpointId, Isolation, Marker, MarkerEvent, Token};

use super::Transport;
use super::raw::{At, LogBatch, LogRecord, Marker as End, NewTopic, RawClient};
use crate::batch::{NO_TIMESTAMP, RecordBatch, RecordRef};

/// How long making the topic may take.
const AT_MOST: Duration = Duration::from_secs(10);
/// How often is looked whether a new topic is known.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Kafka's codes for a topic, or the leader of one of its partitions, that a broker does not know.
const UNHEARD_OF: [i16; 2] = [3, 5];
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
        let key = format!("{}/{}/{subtask}", self.job, marker.origin);
        let value = format!("{} {}", marker.origin, marker.checkpoint);
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

    /// All that a subtask's partition holds, up to where it ends now, whatever is open in it. Gives the raw code where Kafka
    /// refuses.
    ///
    /// # Errors
    /// No answer came, or not all of it.
    pub async fn read(
        &self,
        raw: &RawClient,
        subtask: u16,
    ) -> Result<Result<Vec<MarkerEvent>, i16>, Transport> {
        let partition = i32::from(subtask);
        let mut ends = [0; 2];
        for (end, at) in ends.iter_mut().zip([At::Earliest, At::Latest]) {
            let listed = raw.list_offsets(&self.topic, partition, at, Isolation::ReadUncommitted).await?;
            match listed.offset {
                Some(offset) if listed.error_code == 0 => *end = offset,
                _ => return Ok(Err(listed.error_code)),
            }
        }
        let ([mut next, to], key, mut events) = (ends, (&*self.job, subtask), Vec::new());
        while next < to {
            let fetched = raw.fetch(&self.topic, partition, next, Isolation::ReadUncommitted).await?;
            if fetched.error_code != 0 {
                return Ok(Err(fetched.error_code));
            }
            for batch in fetched.batches {
                take(key, &batch, &mut events).map_err(|offset| {
                    Transport::Unsupported(format!(
                        "the record at offset {offset} of {}-{partition} is not a marker of a job: give the job a marker topic of its own",
                        self.topic
                    ))
                })?;
            }
            match fetched.next_offset {
                Some(after) => next = next.max(after),
                None => {
                    let why = format!("{}-{partition} ends at {next} and not at {to}", self.topic);
                    return Err(Transport::Unanswered(why));
                }
            }
        }
        Ok(Ok(events))
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
            settings: &[("cleanup.policy", "compact"), ("compression.type", "producer")],
        };
        if !self.exists(raw).await? {
            for code in raw.create_topics(&[topic], AT_MOST).await? {
                if code != 0 && code != TOPIC_EXISTS {
                    return Ok(Err(code));
                }
            }
        }
        let since = Instant::now();
        loop {
            let metadata = raw.metadata(Some(&[&self.topic])).await?;
            let info = metadata.topics.iter().find(|info| *info.name == *self.topic);
            match info.map_or((0, 0), |info| (info.error_code, info.partitions.len())) {
                (0, partitions) => return Ok(Ok(partitions)),
                // Kafka has made it, and the broker that was asked has not heard of it yet.
                (code, _) if UNHEARD_OF.contains(&code) && since.elapsed() < AT_MOST => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                (code, _) => return Ok(Err(code)),
            }
        }
    }

    async fn exists(&self, raw: &RawClient) -> Result<bool, Transport> {
        let metadata = raw.metadata(Some(&[&self.topic])).await?;
        Ok(metadata.topics.iter().any(|info| *info.name == *self.topic && info.error_code == 0))
    }
}

/// What a batch says. The error is the offset of a record under a key of the subtask that is no marker, or of a control record of an
/// unknown kind.
fn take((job, subtask): (&str, u16), batch: &LogBatch, events: &mut Vec<MarkerEvent>) -> Result<(), i64> {
    let Some(producer) = batch.identity.map(|identity| identity.producer_id) else { return Ok(()) };
    let committed = match batch.marker {
        None => None,
        Some(End::Commit) => Some(true),
        Some(End::Abort) => Some(false),
        Some(End::Other(_)) => return Err(batch.records.first().map_or(-1, |record| record.offset)),
    };
    if let Some(committed) = committed {
        events.push(MarkerEvent::Ended { producer, committed });
        return Ok(());
    }
    let is_ours = |record: &&LogRecord| {
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        let rest = key.and_then(|key| key.strip_prefix(job)).and_then(|rest| rest.strip_prefix('/'));
        rest.and_then(|rest| rest.split_once('/')).is_some_and(|(_, of)| of == subtask.to_string())
    };
    for record in batch.records.iter().filter(is_ours) {
        let marker = parse(record).ok_or(record.offset)?;
        events.push(MarkerEvent::Written { producer, marker });
    }
    Ok(())
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
    fn a_record_under_the_key_that_is_no_marker_is_named() {
        let batch = |value: &'static str| LogBatch {
            identity: Some(ProducerIdentity { producer_id: 7, producer_epoch: 0 }),
            transactional: true,
            base_sequence: 0,
            marker: None,
            timestamp_ms: -1,
            records: vec![LogRecord {
                offset: 5,
                timestamp_ms: 0,
                key: Some(bytes::Bytes::from_static(b"job/1/0")),
                value: Some(bytes::Bytes::from_static(value.as_bytes())),
            }],
        };
        let mut events = Vec::new();
        assert_eq!(take(("job", 0), &batch("1 2"), &mut events), Ok(()));
        assert_eq!(take(("job", 1), &batch("what"), &mut events), Ok(()), "of another subtask");
        assert_eq!(take(("job", 0), &batch("what"), &mut events), Err(5));
        let marker = Marker { origin: Token::new(1), checkpoint: CheckpointId::new(2) };
        assert_eq!(events, [MarkerEvent::Written { producer: 7, marker }]);
    }

    #[test]
    fn a_marker_reads_back_and_nothing_else_is_taken_for_one() {
        let marker = Marker { origin: Token::new(u64::MAX), checkpoint: CheckpointId::new(7) };
        let batch = Markers::new("markers", "job").record(2, marker);
        let record = batch.get(0).unwrap();
        assert_eq!((record.key, record.partition), (Some(&b"job/18446744073709551615/2"[..]), 2));
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
