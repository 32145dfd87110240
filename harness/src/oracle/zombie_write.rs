//! `zombie_write`: a transaction is committed that no completed checkpoint lists, and its writer's attempt was over when it wrote the
//! last of it: a newer attempt had been claimed.
//!
//! Which attempt: by the producer id in the batch, which Kafka gives to one transactional id only. When: by the time at which the
//! broker appended the batch. What a completed checkpoint lists is no zombie's, whoever commits it and whenever.

use super::journal::Journal;
use crate::chaos::kafka_log::Transaction;

/// Why a committed transaction that nobody lists is a zombie's; `None` if it is not, or nobody knows.
pub(super) fn classify(transaction: &Transaction, journal: &Journal) -> Option<String> {
    let attempt = *journal.attempt_of_producer.get(&transaction.producer.producer_id)?;
    let newer = journal.heads.iter().filter(|head| head.attempt > attempt);
    let claimed = newer.min_by_key(|head| head.known_ms).filter(|_| attempt > 0)?;
    (transaction.appended_ms > claimed.known_ms).then(|| {
        format!(
            "attempt {attempt} wrote it {} ms after attempt {} was claimed, and no completed checkpoint lists it",
            transaction.appended_ms - claimed.known_ms,
            claimed.attempt
        )
    })
}
