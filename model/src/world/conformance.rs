//! The modelled Kafka by itself: seeded sequences of requests, and what the model answers. The same sequences are run
//! against a real broker, whose every answer must be one that the model allows.
//!
//! A driver of a real broker renders id `n` as a transactional id of its own, keeps the producer id and epoch that each
//! InitProducerId answered, asks again while it is answered CONCURRENT_TRANSACTIONS (51; partitions say NOT_ENOUGH_REPLICAS, 19,
//! to older clients), and waits until DescribeTransactions shows no Prepare state before it describes or fetches. It numbers the records of a producer id, epoch and partition from 0 on,
//! and counts only those that were taken. Where a sequence has a [`KafkaRequest::Timeout`], transactions time out after a second
//! or two; such a sequence has one transactional id.

use truecut_core::{ErrorCode, Producer, TransactionState};

use crate::world::kafka::{
    End, INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING, INVALID_TXN_STATE, Kafka, PRODUCER_FENCED,
};

/// Partitions of the output topic.
pub(crate) const PARTITIONS: u8 = 2;

/// TRANSACTION_ABORTABLE: what partitions answer to newer clients in place of INVALID_TXN_STATE.
const TRANSACTION_ABORTABLE: ErrorCode = 120;

/// Producer id and epoch of a request: those of an earlier answer, with another epoch if `epochs` is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    /// Which InitProducerId of the sequence that was answered with a producer, from 0.
    pub answer: usize,
    /// Added to the epoch of that answer.
    pub epochs: i16,
}

/// A request to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaRequest {
    /// InitProducerId without producer id and epoch.
    InitProducerId {
        /// The transactional id.
        id: u8,
    },
    /// AddPartitionsToTxn, at most version 3.
    AddPartitions {
        /// The transactional id.
        id: u8,
        /// Who asks.
        generation: Generation,
        /// The partition.
        partition: u8,
    },
    /// Produce of one record, at most version 11.
    Produce {
        /// The transactional id.
        id: u8,
        /// Who asks.
        generation: Generation,
        /// The partition.
        partition: u8,
        /// The record's value; no two of a sequence are equal.
        value: u32,
    },
    /// EndTxn.
    EndTxn {
        /// The transactional id.
        id: u8,
        /// Who asks.
        generation: Generation,
        /// Commit or abort.
        commit: bool,
        /// Version of the request: 3 is of transaction protocol V1, 5 of V2.
        version: i16,
    },
    /// Wait until the open transaction of the id, if there is one, has timed out.
    Timeout {
        /// The transactional id.
        id: u8,
    },
    /// DescribeTransactions.
    Describe {
        /// The transactional id.
        id: u8,
    },
    /// Read a partition `read_committed` up to its last stable offset.
    FetchCommitted {
        /// The partition.
        partition: u8,
    },
}

/// What the model allows as an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// A producer id that is always the same for one transactional id, with this epoch.
    Initialised {
        /// The epoch.
        epoch: i16,
    },
    /// One of these error codes; 0 is success.
    Codes(Vec<ErrorCode>),
    /// The transactional id is in this state, as Kafka names it, with this epoch.
    Described {
        /// The state.
        state: &'static str,
        /// The epoch.
        epoch: i16,
    },
    /// These records, in this order.
    Records(Vec<u32>),
    /// Nothing that could be compared.
    Nothing,
}

/// What a broker answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observed {
    /// A producer with this epoch.
    Initialised {
        /// The epoch.
        epoch: i16,
    },
    /// An error code; 0 is success.
    Code(ErrorCode),
    /// A description.
    Described {
        /// The state by Kafka's name.
        state: String,
        /// The epoch.
        epoch: i16,
    },
    /// The values of the records of this sequence, in log order.
    Records(Vec<u32>),
    /// The wait is over.
    Nothing,
}

impl Answer {
    /// Whether a broker may answer so.
    pub fn allows(&self, observed: &Observed) -> bool {
        match (self, observed) {
            (Self::Initialised { epoch }, Observed::Initialised { epoch: seen }) => epoch == seen,
            (Self::Codes(codes), Observed::Code(code)) => codes.contains(code),
            (Self::Described { state, epoch }, Observed::Described { state: seen, epoch: at }) => {
                state == seen && epoch == at
            }
            (Self::Records(records), Observed::Records(seen)) => records == seen,
            (Self::Nothing, Observed::Nothing) => true,
            _ => false,
        }
    }
}

/// The modelled broker, with the producers that it gave out.
pub(crate) struct Broker {
    pub(crate) kafka: Kafka<u8, u32>,
    /// The producers that it gave out.
    pub(crate) given: Vec<Producer>,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self { kafka: Kafka::new(usize::from(PARTITIONS)), given: Vec::new() }
    }

    pub(crate) fn producer(&self, generation: Generation) -> Producer {
        let given = self.given[generation.answer];
        Producer { epoch: given.epoch + generation.epochs, ..given }
    }

    pub(crate) fn take(&mut self, request: &KafkaRequest) -> Answer {
        match *request {
            KafkaRequest::InitProducerId { id } => {
                let fresh = i64::from(id);
                // The first answer on an open transaction is 51; the driver asks again.
                let answer = self
                    .kafka
                    .init_producer_id(id, fresh)
                    .or_else(|_| self.kafka.init_producer_id(id, fresh));
                let producer = answer.expect("asked again, the broker gives a producer");
                self.given.push(producer);
                Answer::Initialised { epoch: producer.epoch }
            }
            KafkaRequest::AddPartitions { id, generation, partition } => {
                let producer = self.producer(generation);
                fenced(self.kafka.add_partition(id, producer, usize::from(partition)))
            }
            KafkaRequest::Produce { id, generation, partition, value } => {
                let producer = self.producer(generation);
                match self.kafka.produce(id, producer, usize::from(partition), value) {
                    0 => Answer::Codes(vec![0]),
                    // Which of the two checks a partition makes first depends on what it has seen of the producer.
                    INVALID_PRODUCER_EPOCH | INVALID_TXN_STATE | INVALID_PRODUCER_ID_MAPPING => {
                        Answer::Codes(vec![
                            INVALID_PRODUCER_EPOCH,
                            INVALID_TXN_STATE,
                            INVALID_PRODUCER_ID_MAPPING,
                            PRODUCER_FENCED,
                            TRANSACTION_ABORTABLE,
                        ])
                    }
                    code => Answer::Codes(vec![code]),
                }
            }
            KafkaRequest::EndTxn { id, generation, commit, version } => {
                let end = if commit { End::Commit } else { End::Abort };
                fenced(self.kafka.end_txn(id, self.producer(generation), end, version))
            }
            KafkaRequest::Timeout { id } => {
                self.kafka.timeout(id);
                Answer::Nothing
            }
            KafkaRequest::Describe { id } => match self.kafka.describe(id) {
                Ok(described) => {
                    Answer::Described { state: name(described.state), epoch: described.producer.epoch }
                }
                Err(code) => Answer::Codes(vec![code]),
            },
            KafkaRequest::FetchCommitted { partition } => {
                Answer::Records(self.kafka.visible(usize::from(partition)).copied().collect())
            }
        }
    }
}

/// Old request versions are told INVALID_PRODUCER_EPOCH where newer ones are told PRODUCER_FENCED.
fn fenced(code: ErrorCode) -> Answer {
    Answer::Codes(if code == PRODUCER_FENCED {
        vec![PRODUCER_FENCED, INVALID_PRODUCER_EPOCH]
    } else {
        vec![code]
    })
}

fn name(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Empty => "Empty",
        TransactionState::Ongoing => "Ongoing",
        TransactionState::PrepareCommit => "PrepareCommit",
        TransactionState::PrepareAbort => "PrepareAbort",
        TransactionState::CompleteCommit => "CompleteCommit",
        TransactionState::CompleteAbort => "CompleteAbort",
        TransactionState::Other => "Other",
    }
}

/// What the modelled Kafka answers to a sequence that begins with nothing: one answer per request.
pub fn run_modelled(requests: &[KafkaRequest]) -> Vec<Answer> {
    let mut broker = Broker::new();
    requests.iter().map(|request| broker.take(request)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::sequences::kafka_sequences;

    #[test]
    fn a_seed_gives_the_same_sequences_and_one_answer_per_request() {
        let sequences = kafka_sequences(7, 300);
        assert_eq!(sequences, kafka_sequences(7, 300));
        assert_ne!(sequences, kafka_sequences(8, 300));
        for sequence in &sequences {
            assert_eq!(run_modelled(sequence).len(), sequence.len());
        }
        assert_eq!(
            sequences
                .iter()
                .flatten()
                .filter(|request| matches!(request, KafkaRequest::Timeout { .. }))
                .count(),
            3
        );
    }

    #[test]
    fn the_table_of_end_txn_is_that_of_the_broker() {
        let given = Generation { answer: 0, epochs: 0 };
        let next = Generation { answer: 0, epochs: 1 };
        let open = [
            KafkaRequest::InitProducerId { id: 0 },
            KafkaRequest::AddPartitions { id: 0, generation: given, partition: 0 },
            KafkaRequest::Produce { id: 0, generation: given, partition: 0, value: 1 },
        ];
        let end = |generation, commit, version| KafkaRequest::EndTxn { id: 0, generation, commit, version };
        let last = |requests: &[KafkaRequest]| run_modelled(&[&open, requests].concat()).pop().unwrap();
        let code = |code| Answer::Codes(vec![code]);
        let fenced = Answer::Codes(vec![90, 47]);
        // V1: exact epoch, repeatable.
        assert_eq!(last(&[end(given, true, 3), end(given, true, 3)]), code(0));
        assert_eq!(last(&[end(given, false, 3), end(given, true, 3)]), code(48));
        assert_eq!(last(&[end(next, true, 3)]), fenced);
        assert_eq!(last(&[KafkaRequest::Timeout { id: 0 }, end(given, true, 3)]), fenced);
        // V2: bumps, the epoch before marks a repeated request.
        assert_eq!(last(&[end(given, true, 5), end(given, true, 5)]), code(0));
        assert_eq!(last(&[end(given, true, 5), end(next, true, 5)]), code(48));
        assert_eq!(last(&[end(given, true, 5), end(next, false, 5)]), code(0));
        // Each is misread by the other.
        assert_eq!(last(&[end(given, true, 3), end(given, true, 5)]), code(48));
        assert_eq!(last(&[end(given, true, 5), end(given, true, 3)]), fenced);
        assert_eq!(last(&[KafkaRequest::Timeout { id: 0 }, end(given, true, 5)]), code(48));
    }
}
