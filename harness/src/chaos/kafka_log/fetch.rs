//! Reads the logs from Kafka into files of the run directory. A file is there only if it is whole.

use std::path::Path;

use truecut_runtime::kafka::raw::{At, Fetched, Isolation, LogBatch, RawClient};

use super::super::kafka::patiently;
use super::super::records::{Kept, Writer};
use super::output::{Ends, batch_entry, ends_entry};
use super::{LOG_FILE, STATES_FILE, states};
use crate::failure::Failure;

/// Kafka's topic of the transaction coordinators.
const STATE_TOPIC: &str = "__transaction_state";
/// Kafka's code for an offset that is not there any more.
const OFFSET_OUT_OF_RANGE: i16 = 1;
/// Kafka's code for a topic that does not exist: no transaction was ever begun.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// Reads the whole output topic, and the states of the transactional ids that begin with `prefix` and a slash.
///
/// # Errors
/// Kafka does not answer or refuses, or a file can't be written.
pub(in crate::chaos) async fn save(
    raw: &RawClient,
    output: (&str, u16),
    prefix: &str,
    directory: &Path,
) -> Result<(), Failure> {
    let (topic, partitions) = output;
    let mut file = Writer::create(&directory.join(LOG_FILE))?;
    for partition in 0..i32::from(partitions) {
        let ends = walk(raw, topic, partition, |batch| match batch_entry(batch) {
            Some((offset, key, value)) => file.push(Kept { partition, offset, key: &key, value: &value }),
            None => Ok(()),
        })
        .await?;
        file.push(Kept { partition, offset: ends.high_watermark, key: &ends_entry(ends), value: &[] })?;
    }
    file.finish()?;

    let mut file = Writer::create(&directory.join(STATES_FILE))?;
    let prefix = format!("{prefix}/");
    for partition in state_partitions(raw).await? {
        let take = |batch: &LogBatch| {
            for record in &batch.records {
                let key = record.key.as_deref().unwrap_or_default();
                if states::id(key).is_some_and(|id| id.starts_with(&prefix)) {
                    let value = record.value.as_deref().unwrap_or_default();
                    file.push(Kept { partition, offset: record.offset, key, value })?;
                }
            }
            Ok(())
        };
        walk(raw, STATE_TOPIC, partition, take).await?;
    }
    file.finish()
}

async fn state_partitions(raw: &RawClient) -> Result<Vec<i32>, Failure> {
    let ask = || async {
        let metadata = raw.metadata(Some(&[STATE_TOPIC])).await.map_err(|why| silent(STATE_TOPIC, &why))?;
        match metadata.topics.first() {
            Some(topic) if topic.error_code == 0 => {
                Ok(topic.partitions.iter().map(|one| one.partition).collect())
            }
            Some(topic) if topic.error_code == UNKNOWN_TOPIC_OR_PARTITION => Ok(Vec::new()),
            other => Err(silent(STATE_TOPIC, &format!("{:?}", other.map(|topic| topic.error_code)))),
        }
    };
    patiently(ask).await
}

/// Hands all batches of a partition over, in order, up to where it ended at the last answer.
async fn walk(
    raw: &RawClient,
    topic: &str,
    partition: i32,
    mut take: impl FnMut(&LogBatch) -> Result<(), Failure>,
) -> Result<Ends, Failure> {
    let mut next = patiently(|| earliest(raw, topic, partition)).await?;
    loop {
        let fetched = patiently(|| fetch(raw, topic, partition, next)).await?;
        for batch in &fetched.batches {
            take(batch)?;
        }
        match fetched.next_offset {
            Some(after) if after > next && after < fetched.high_watermark => next = after,
            Some(_) | None if fetched.next_offset.unwrap_or(next) >= fetched.high_watermark => {
                return Ok(Ends {
                    partition,
                    log_start: fetched.log_start_offset,
                    last_stable: fetched.last_stable_offset,
                    high_watermark: fetched.high_watermark,
                });
            }
            Some(_) | None => {
                let why =
                    format!("nothing at offset {next}, though it goes on to {}", fetched.high_watermark);
                return Err(silent(topic, &why));
            }
        }
    }
}

async fn earliest(raw: &RawClient, topic: &str, partition: i32) -> Result<i64, Failure> {
    let listed = raw.list_offsets(topic, partition, At::Earliest, Isolation::ReadUncommitted).await;
    let listed = listed.map_err(|why| silent(topic, &why))?;
    let code = listed.error_code;
    listed.offset.filter(|_| code == 0).ok_or_else(|| silent(topic, &format!("error code {code}")))
}

async fn fetch(raw: &RawClient, topic: &str, partition: i32, offset: i64) -> Result<Fetched, Failure> {
    let fetched = raw.fetch(topic, partition, offset, Isolation::ReadUncommitted).await;
    let fetched = fetched.map_err(|why| silent(topic, &why))?;
    match fetched.error_code {
        0 => Ok(fetched),
        OFFSET_OUT_OF_RANGE => Err(silent(topic, &format!("offset {offset} is gone"))),
        code => Err(silent(topic, &format!("error code {code}"))),
    }
}

fn silent(topic: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::environment(format!("the log of {topic} can't be read: {why}"))
}
