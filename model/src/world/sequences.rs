//! Random sequences of requests to Kafka. The writer follows the modelled broker, so that most requests are ones that a client
//! would make; some are late, repeated, or of a producer that never was.

use crate::dice::Dice;
use crate::world::conformance::{Broker, Generation, KafkaRequest, PARTITIONS};

/// Random sequences, the same for the same seed. Each ends with nothing left open. One in a hundred waits for a timeout.
pub fn kafka_sequences(seed: u64, n: usize) -> Vec<Vec<KafkaRequest>> {
    let mut dice = Dice::new(seed);
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

    /// A record without a word before it: in time, or late.
    fn produce(&mut self, dice: &mut Dice, id: u8) {
        // Nobody has an epoch that was not given out yet.
        let generation = match self.generation(dice, id) {
            Generation { answer, epochs } if self.is_ahead(id, answer, epochs) => {
                Generation { answer, epochs: 0 }
            }
            given => given,
        };
        // A partition that has not seen the end of a transaction takes a late record into it. Describing waits for the markers.
        self.push(KafkaRequest::Describe { id });
        self.values += 1;
        self.push(KafkaRequest::Produce {
            id,
            generation,
            partition: dice.below(PARTITIONS),
            value: self.values,
        });
    }

    fn is_ahead(&self, id: u8, answer: usize, epochs: i16) -> bool {
        let current = self.broker.kafka.entry(id).map_or(0, |entry| entry.producer.epoch);
        self.broker.producer(Generation { answer, epochs }).epoch > current
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
