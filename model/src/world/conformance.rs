//! The modelled Kafka by itself: seeded sequences of requests, and what the model answers. The same sequences are run
//! against a real broker, whose every answer must be one that the model allows.
//!
//! A driver of a real broker renders id `n` as a transactional id of its own, keeps the producer id and epoch that each
//! InitProducerId answered, asks again while it is answered CONCURRENT_TRANSACTIONS (51), and waits until DescribeTransactions
//! shows no Prepare state before it describes or fetches. It numbers the records of a producer id, epoch and partition from 0 on,
//! and counts only those that were taken. Where a sequence has a [`KafkaRequest::Timeout`], transactions time out after a second
//! or two; such a sequence has one transactional id.

use truecut_core::{ErrorCode, Producer, TransactionState};

use crate::world::kafka::{
    End, INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING, INVALID_TXN_STATE, Kafka, PRODUCER_FENCED,
};

/// Partitions of the output topic.
const PARTITIONS: u8 = 2;

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
struct Broker {
    kafka: Kafka<u8, u32>,
    given: Vec<Producer>,
}

impl Broker {
    fn new() -> Self {
        Self { kafka: Kafka::new(usize::from(PARTITIONS)), given: Vec::new() }
    }

    fn producer(&self, generation: Generation) -> Producer {
        let given = self.given[generation.answer];
        Producer { epoch: given.epoch + generation.epochs, ..given }
    }

    fn take(&mut self, request: &KafkaRequest) -> Answer {
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

/// Random sequences, the same for the same seed. Each ends with nothing left open. One in a hundred waits for a timeout.
pub fn kafka_sequences(seed: u64, n: usize) -> Vec<Vec<KafkaRequest>> {
    let mut dice = Dice(seed);
    (1..=n).map(|number| sequence(&mut dice, number % 100 == 0)).collect()
}

fn sequence(dice: &mut Dice, timeout: bool) -> Vec<KafkaRequest> {
    let ids = if timeout { 1 } else { 1 + dice.below(2) };
    let version = if dice.below(2) == 0 { 3 } else { 5 };
    let mut writer = Writer {
        broker: Broker::new(),
        ids: vec![Vec::new(); usize::from(ids)],
        requests: Vec::new(),
        version,
        values: 0,
    };
    for _ in 0..4 + dice.below(16) {
        let id = dice.below(ids);
        writer.random(dice, id);
    }
    if timeout {
        writer.open(dice, 0);
        writer.push(KafkaRequest::Timeout { id: 0 });
        writer.end(dice, 0, true);
        writer.push(KafkaRequest::Describe { id: 0 });
    }
    for id in 0..ids {
        writer.init(id);
    }
    for partition in 0..PARTITIONS {
        writer.push(KafkaRequest::FetchCommitted { partition });
    }
    writer.requests
}

/// A sequence that is being written, with the state that the modelled broker is in.
struct Writer {
    broker: Broker,
    /// For each transactional id, which answers gave it a producer.
    ids: Vec<Vec<usize>>,
    requests: Vec<KafkaRequest>,
    /// Version of EndTxn, but for now and then.
    version: i16,
    values: u32,
}

impl Writer {
    fn push(&mut self, request: KafkaRequest) {
        self.broker.take(&request);
        self.requests.push(request);
    }

    fn random(&mut self, dice: &mut Dice, id: u8) {
        if self.ids[usize::from(id)].is_empty() {
            // Sometimes an id is described that nobody initialised.
            return if dice.below(8) == 0 { self.push(KafkaRequest::Describe { id }) } else { self.init(id) };
        }
        match dice.below(12) {
            0 | 1 => self.init(id),
            2..=4 => self.open(dice, id),
            5 | 6 => self.produce(dice, id),
            7 | 8 => self.end(dice, id, true),
            9 => self.end(dice, id, false),
            10 => self.push(KafkaRequest::Describe { id }),
            _ => self.push(KafkaRequest::FetchCommitted { partition: dice.below(PARTITIONS) }),
        }
    }

    fn init(&mut self, id: u8) {
        let answer = self.broker.given.len();
        self.push(KafkaRequest::InitProducerId { id });
        self.ids[usize::from(id)].push(answer);
    }

    /// Mostly the generation that the broker has, sometimes one that was answered earlier, sometimes one that was never given.
    fn generation(&self, dice: &mut Dice, id: u8) -> Generation {
        let answers = &self.ids[usize::from(id)];
        let newest = *answers.last().expect("the id is initialised");
        match dice.below(8) {
            0 => Generation {
                answer: answers[usize::from(dice.below(u8::try_from(answers.len()).unwrap_or(u8::MAX)))],
                epochs: 0,
            },
            1 => Generation { answer: newest, epochs: 1 },
            _ => {
                // EndTxn from version 5 on bumps the epoch: a client goes on with the one that it was told.
                let current = self.broker.kafka.entry(id).map_or(0, |entry| entry.producer.epoch);
                Generation { answer: newest, epochs: current - self.broker.given[newest].epoch }
            }
        }
    }

    fn open(&mut self, dice: &mut Dice, id: u8) {
        let generation = self.generation(dice, id);
        let partition = dice.below(PARTITIONS);
        self.push(KafkaRequest::AddPartitions { id, generation, partition });
        if self.broker.kafka.is_open(id)
            && self.broker.kafka.entry(id).map(|entry| entry.producer)
                == Some(self.broker.producer(generation))
        {
            self.values += 1;
            self.push(KafkaRequest::Produce { id, generation, partition, value: self.values });
        }
    }

    fn produce(&mut self, dice: &mut Dice, id: u8) {
        let generation = self.generation(dice, id);
        self.values += 1;
        self.push(KafkaRequest::Produce {
            id,
            generation,
            partition: dice.below(PARTITIONS),
            value: self.values,
        });
    }

    fn end(&mut self, dice: &mut Dice, id: u8, commit: bool) {
        let generation = self.generation(dice, id);
        let version = if dice.below(8) == 0 { 8 - self.version } else { self.version };
        self.push(KafkaRequest::EndTxn { id, generation, commit, version });
        if dice.below(3) == 0 {
            // The same request once more, as after a lost answer.
            self.push(KafkaRequest::EndTxn { id, generation, commit, version });
        }
    }
}

/// SplitMix64: a small generator, so that a seed means the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u8) -> u8 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u8::try_from((mixed ^ mixed >> 31) % u64::from(bound.max(1))).expect("below a byte")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
