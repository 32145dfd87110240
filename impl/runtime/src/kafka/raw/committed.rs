//! Committed records between two offsets, as a `read_committed` reader sees them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Isolation, LogRecord, Marker, RawClient};
use crate::kafka::connection::Transport;

/// Pause before a partition whose end is held up by an open transaction is asked again.
const AGAIN: Duration = Duration::from_millis(10);

impl RawClient {
    /// The committed records of a partition from one offset up to another, with pauses for as long as an open transaction
    /// before that offset holds them up; or the code that Kafka answered.
    ///
    /// # Errors
    /// If no answer came, or what came can't be read.
    pub async fn read_committed(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<Result<Vec<LogRecord>, i16>, Transport> {
        let (mut records, mut aborted, mut next) = (Vec::new(), BTreeSet::new(), from);
        while next < to {
            let fetched = self.fetch(topic, partition, next, Isolation::ReadCommitted).await?;
            if fetched.error_code != 0 {
                return Ok(Err(fetched.error_code));
            }
            let mut ahead = fetched.aborted;
            for batch in fetched.batches {
                let Some(first) = batch.records.first().map(|record| record.offset) else { continue };
                // A transaction counts as aborted from its first record to its marker.
                aborted
                    .extend(ahead.extract_if(.., |one| one.first_offset <= first).map(|one| one.producer_id));
                let writer = batch.identity.map(|identity| identity.producer_id);
                let is_aborted = writer.is_some_and(|writer| aborted.contains(&writer));
                match batch.marker {
                    Some(Marker::Abort) => aborted.retain(|producer| Some(*producer) != writer),
                    Some(_) => {}
                    None if is_aborted => {}
                    None => {
                        let wanted = |record: &LogRecord| (next..to).contains(&record.offset);
                        records.extend(batch.records.into_iter().filter(wanted));
                    }
                }
            }
            match fetched.next_offset {
                Some(after) => next = next.max(after),
                None if fetched.last_stable_offset >= to => break,
                None => tokio::time::sleep(AGAIN).await,
            }
        }
        Ok(Ok(records))
    }
}
