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

/// What a code says about a batch that was to be appended to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appending {
    /// It is in the log.
    Done,
    /// Nobody knows, or it is not; the same batch may be sent again.
    Retry,
    /// It is not in the log, which misses a batch before it.
    OutOfOrder,
    /// The broker does not know the partition: it has not heard of it yet, or there is none.
    Unheard,
    /// It can't be appended, and sending it again will not help.
    Refused,
}

/// Reads a raw code of Produce, or of the search for a partition's leader.
pub(crate) const fn appending(code: ErrorCode) -> Appending {
    match code {
        // UNKNOWN_TOPIC_OR_PARTITION
        3 => Appending::Unheard,
        // OUT_OF_ORDER_SEQUENCE_NUMBER; UNKNOWN_PRODUCER_ID is what older brokers say of a log that misses the first batch
        45 | 59 => Appending::OutOfOrder,
        // DUPLICATE_SEQUENCE_NUMBER: it was appended before
        46 => Appending::Done,
        code => match meaning(code) {
            Meaning::Done => Appending::Done,
            Meaning::Retry => Appending::Retry,
            Meaning::Fenced | Meaning::Refused => Appending::Refused,
        },
    }
}

/// What a code says about a partition that was to become part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adding {
    /// It is part of it.
    Done,
    /// It is not yet; it may be asked for again.
    Retry,
    /// It can't be.
    Refused(ErrorCode),
}

/// Reads a raw code of AddPartitionsToTxn.
pub(crate) const fn adding(code: ErrorCode) -> Adding {
    match code {
        // OPERATION_NOT_ATTEMPTED, because of another partition, whose code decides. UNKNOWN_TOPIC_OR_PARTITION is said by a
        // coordinator that has not heard of the partition yet; that there is none is found where its leader is looked for.
        55 | 3 => Adding::Retry,
        code => match meaning(code) {
            Meaning::Done => Adding::Done,
            Meaning::Retry => Adding::Retry,
            Meaning::Fenced | Meaning::Refused => Adding::Refused(code),
        },
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
    fn a_batch_that_comes_again_is_appended_and_a_fenced_one_never() {
        assert_eq!(appending(46), Appending::Done, "DUPLICATE_SEQUENCE_NUMBER");
        assert_eq!(appending(45), Appending::OutOfOrder);
        for code in [5, 6, 7, 19, 20, 51, 56] {
            assert_eq!(appending(code), Appending::Retry, "code {code}");
        }
        // MESSAGE_TOO_LARGE, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, PRODUCER_FENCED, TRANSACTION_ABORTABLE
        for code in [10, 47, 48, 90, 120] {
            assert_eq!(appending(code), Appending::Refused, "code {code}");
            assert_eq!(adding(code), Adding::Refused(code), "code {code}");
        }
        assert_eq!((adding(0), adding(51), adding(55)), (Adding::Done, Adding::Retry, Adding::Retry));
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
