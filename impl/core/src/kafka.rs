//! What a raw Kafka error code means to the protocol. Adapters report codes as they came; only this file reads them.
//!
//! Codes: Kafka's `org.apache.kafka.common.protocol.Errors`; below -100 librdkafka's `rd_kafka_resp_err_t`, for what no
//! broker said.

/// A raw Kafka error code; 0 is success.
pub type ErrorCode = i16;

/// What a code says about the request it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It was done.
    Done,
    /// It was not done yet; the same request may be sent again.
    Retry,
    /// The sender's producer id and epoch are not, or no more, those of the transactional id. Says nothing of
    /// what became of a transaction: a fenced commit may have been aborted (FLINK-8086, FLINK-23839).
    Fenced,
    /// It can't be done, and sending it again will not help.
    Refused,
}

/// Reads a raw code.
pub const fn meaning(code: ErrorCode) -> Meaning {
    match code {
        0 => Meaning::Done,
        // UNKNOWN_TOPIC_OR_PARTITION is left out on purpose: a deleted topic must not be retried for ever.
        // LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NETWORK_EXCEPTION,
        // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR,
        // NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND, CONCURRENT_TRANSACTIONS,
        // KAFKA_STORAGE_ERROR, THROTTLING_QUOTA_EXCEEDED
        5 | 6 | 7 | 13 | 14 | 15 | 16 | 19 | 20 | 51 | 56 | 89 => Meaning::Retry,
        // librdkafka's own: _TRANSPORT, _RESOLVE, _ALL_BROKERS_DOWN, _TIMED_OUT, _WAIT_COORD, _RETRY. A client that reads
        // heals them by itself.
        -195 | -193 | -187 | -185 | -180 | -153 => Meaning::Retry,
        // INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING, TRANSACTION_COORDINATOR_FENCED,
        // UNKNOWN_PRODUCER_ID, PRODUCER_FENCED
        47 | 49 | 52 | 59 | 90 => Meaning::Fenced,
        // librdkafka's own: _FENCED
        -144 => Meaning::Fenced,
        _ => Meaning::Refused,
    }
}

/// Whether a listing left nothing out: every broker answered, none was loading its part, and each part had one leader all the
/// while. A topic that does not exist yet keeps no transactions. The error is the code of who will never tell.
pub(crate) fn is_whole(
    topic: Option<ErrorCode>,
    leaderless: u32,
    brokers: &[Option<ErrorCode>],
) -> Result<bool, ErrorCode> {
    const UNKNOWN_TOPIC_OR_PARTITION: ErrorCode = 3;
    let topic = topic.map(|code| if code == UNKNOWN_TOPIC_OR_PARTITION { 0 } else { code });
    let said = || core::iter::once(topic).chain(brokers.iter().copied());
    match said().flatten().find(|code| matches!(meaning(*code), Meaning::Refused | Meaning::Fenced)) {
        Some(code) => Err(code),
        None => Ok(leaderless == 0 && !brokers.is_empty() && said().all(|code| code == Some(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_is_never_success() {
        for code in [47, 49, 52, 59, 90, -144] {
            assert_eq!(meaning(code), Meaning::Fenced, "code {code}");
        }
        assert_eq!(meaning(48), Meaning::Refused);
        for code in [14, 15, 16, 51, -195, -185] {
            assert_eq!(meaning(code), Meaning::Retry, "code {code}");
        }
    }

    #[test]
    fn a_listing_that_may_have_left_something_out_is_not_whole() {
        assert_eq!(is_whole(Some(0), 0, &[Some(0), Some(0)]), Ok(true));
        assert_eq!(is_whole(Some(3), 0, &[Some(0)]), Ok(true), "no transaction was ever begun");
        assert_eq!(is_whole(Some(5), 0, &[Some(0)]), Ok(false), "nothing is known of the topic's partitions");
        assert_eq!(is_whole(None, 0, &[Some(0)]), Ok(false), "nothing is known of the topic");
        assert_eq!(is_whole(Some(0), 1, &[Some(0)]), Ok(false), "a part has no leader");
        assert_eq!(is_whole(Some(0), 0, &[Some(0), Some(14)]), Ok(false), "a broker is loading");
        assert_eq!(is_whole(Some(0), 0, &[Some(0), None]), Ok(false), "a broker is silent");
        assert_eq!(is_whole(Some(0), 0, &[]), Ok(false), "nobody was asked");
        assert_eq!(is_whole(Some(29), 0, &[Some(0)]), Err(29), "nobody may see the topic");
        assert_eq!(is_whole(Some(0), 0, &[None, Some(31)]), Err(31), "nobody may see the transactions");
    }
}
