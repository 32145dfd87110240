//! What subjects are fed: keys and values from one seed, written to Kafka before a run, and read back for the judge.
//!
//! A key's records are all in one input partition, chosen by the key's hash as Java's default partitioner does it: so that a peer which
//! counts where it reads counts right.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::consumer::{Read, read_all};
use super::kafka::Topic;
use super::settings::{Cell, Query};
use super::verify::demanded;
use crate::failure::Failure;
use crate::workload::Bids;

/// Fewer bytes have no room for what makes a value unique.
pub const BYTES_MIN: usize = 16;
/// The smallest key; all have four digits at least.
const FIRST_KEY: u64 = 1_000;
/// The time of the first bid, and 1 ms later that of each that follows: so no two outputs of a conversion are equal.
const BASE_TIME_MS: u64 = 1_767_225_600_000;
/// How long to wait for room in the producer's queue.
const ROOM: Duration = Duration::from_millis(10);

/// What decides an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) bids: bool,
    pub(super) bytes: usize,
    pub(super) keys: u64,
    /// One key after the other, instead of drawn ones.
    pub(super) in_turn: bool,
    pub(super) seed: u64,
}

impl Recipe {
    /// Of all cells that share an input.
    pub(super) fn of(cell: Cell, seed: u64) -> Self {
        let Cell { query, bytes, keys, .. } = cell;
        Self { bids: query.reads_bids(), bytes, keys, in_turn: false, seed }
    }
}

/// An endless stream of records.
#[derive(Debug)]
pub(super) struct Records {
    recipe: Recipe,
    bids: Bids,
    number: u64,
    random: u64,
    key: String,
    value: Vec<u8>,
}

impl Records {
    pub(super) fn of(recipe: Recipe) -> Self {
        let random = recipe.seed ^ 0x9e37_79b9_7f4a_7c15;
        Self {
            recipe,
            bids: Bids::new(recipe.seed),
            number: 0,
            random,
            key: String::new(),
            value: Vec::new(),
        }
    }

    /// The next record's key and value.
    pub(super) fn next(&mut self) -> (&str, &[u8]) {
        use std::fmt::Write as _;
        self.key.clear();
        self.value.clear();
        let key = if self.recipe.bids { self.bid() } else { self.opaque() };
        write!(self.key, "{key}").expect("a String takes all");
        self.number += 1;
        (&self.key, &self.value)
    }

    /// The record's number, then noise that no compression would shrink.
    fn opaque(&mut self) -> u64 {
        use std::io::Write as _;
        write!(self.value, "{:016}", self.number).expect("a Vec takes all");
        let drawn = if self.recipe.in_turn { self.number } else { self.draw() };
        let key = FIRST_KEY + drawn % self.recipe.keys;
        while self.value.len() < self.recipe.bytes {
            for byte in self.draw().to_le_bytes() {
                self.value.push(b'0' + (byte & 0x3f));
            }
        }
        self.value.truncate(self.recipe.bytes);
        key
    }

    fn bid(&mut self) -> u64 {
        let mut bid = self.bids.next_bid();
        bid.date_time = BASE_TIME_MS + self.number;
        bid.extra.clear();
        serde_json::to_writer(&mut self.value, &bid).expect("numbers and strings always become JSON");
        let missing = self.recipe.bytes.saturating_sub(self.value.len());
        if missing > 0 {
            self.value.truncate(self.value.len() - EMPTY_END.len());
            self.value.resize(self.value.len() + missing, b'x');
            self.value.extend_from_slice(EMPTY_END);
        }
        u64::try_from(bid.auction).expect("a usize has at most 64 bits")
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// How a bid ends whose `extra` is empty: what is missing goes in front of it.
const EMPTY_END: &[u8] = br#""}"#;

/// librdkafka's settings of whoever writes input.
fn producer_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "truecut-bench-input")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random");
    config
}

/// Writes so many records as fast as Kafka takes them. Blocks.
pub(super) fn write(bootstrap: &str, topic: &str, recipe: Recipe, records: u64) -> Result<(), Failure> {
    let failed = |error: KafkaError| {
        Failure::environment(format!("the input can't be written to Kafka at {bootstrap}: {error}"))
    };
    let producer: BaseProducer = producer_config(bootstrap)
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "500000")
        .set("delivery.report.only.error", "true")
        .create()
        .map_err(failed)?;
    let mut stream = Records::of(recipe);
    for _ in 0..records {
        let (key, value) = stream.next();
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        while let Err((error, unsent)) = producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(failed(error));
            }
            record = unsent;
            producer.poll(ROOM);
        }
    }
    // What failed is missing when the input is read back.
    while producer.in_flight_count() > 0 {
        producer.poll(ROOM);
    }
    Ok(())
}

/// One input record as the judge needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) key: u64,
    /// CRC-32C of the value.
    pub(super) crc: u32,
    /// Of a bid.
    pub(super) price: u64,
}

/// An input as it was read back.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) topic: Topic,
    /// Of each partition the records in order: the place is the offset.
    pub(super) partitions: Vec<Vec<Given>>,
    /// For queries that turn each record into one of its own: hash of the output that it demands, partition and offset; sorted.
    pub(super) demands: Vec<(u64, i32, u32)>,
    /// Bytes of all values.
    pub(super) bytes: u64,
}

impl Input {
    /// Reads an input back. Blocks.
    pub(super) fn read(bootstrap: &str, topic: &Topic, query: Query) -> Result<Self, Failure> {
        let mut input = Self::new(topic.clone());
        read_all(bootstrap, topic, |record| input.take(record, query))?;
        input.demands.sort_unstable();
        Ok(input)
    }

    pub(super) fn new(topic: Topic) -> Self {
        let partitions = vec![Vec::new(); usize::from(topic.partitions)];
        Self { topic, partitions, demands: Vec::new(), bytes: 0 }
    }

    pub(super) fn take(&mut self, record: Read<'_>, query: Query) -> Result<(), Failure> {
        let Read { partition, offset, key, value } = record;
        let strange = |what: &str| {
            Failure::bad_data(format!("input record {partition}@{offset} of {}: {what}", self.topic.name))
        };
        let number = std::str::from_utf8(key).ok().and_then(|text| text.parse().ok());
        let number = number.ok_or_else(|| strange("its key is no number"))?;
        let price =
            if query.reads_bids() { price(value).ok_or_else(|| strange("its value is no bid"))? } else { 0 };
        let place = usize::try_from(partition).ok().and_then(|place| self.partitions.get_mut(place));
        let of_one = place.ok_or_else(|| Failure::bad_data(format!("there is no partition {partition}")))?;
        if i64::try_from(of_one.len()) != Ok(offset) {
            let text = format!("the input {} has a gap before {partition}@{offset}", self.topic.name);
            return Err(Failure::bad_data(text));
        }
        of_one.push(Given { key: number, crc: crc32c::crc32c(value), price });
        self.bytes += u64::try_from(value.len()).unwrap_or(u64::MAX);
        if let Some(hash) = demanded(query, key, value) {
            let offset = u32::try_from(offset).map_err(|_| Failure::usage("give fewer records"))?;
            self.demands.push((hash, partition, offset));
        }
        Ok(())
    }

    pub(super) fn records(&self) -> u64 {
        self.partitions.iter().map(|of_one| u64::try_from(of_one.len()).unwrap_or(u64::MAX)).sum()
    }

    /// The record at these coordinates.
    pub(super) fn get(&self, partition: i32, offset: i64) -> Option<&Given> {
        self.partitions.get(usize::try_from(partition).ok()?)?.get(usize::try_from(offset).ok()?)
    }
}

fn price(value: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Priced {
        price: u64,
    }
    serde_json::from_slice(value).ok().map(|Priced { price }| price)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn take(recipe: Recipe, count: usize) -> Vec<(String, Vec<u8>)> {
        let mut records = Records::of(recipe);
        let mut next = || {
            let (key, value) = records.next();
            (key.to_owned(), value.to_vec())
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn values_have_the_bytes_asked_for_and_are_unique() {
        for (bids, bytes) in [(false, 16), (false, 100), (false, 1_001), (true, 300)] {
            let recipe = Recipe { bids, bytes, keys: 50, in_turn: false, seed: 7 };
            let records = take(recipe, 500);
            assert!(records.iter().all(|(_, value)| value.len() == bytes), "{bids} {bytes}");
            let unique: BTreeSet<_> = records.iter().map(|(_, value)| value).collect();
            assert_eq!(unique.len(), 500);
            assert_eq!(records, take(recipe, 500));
            assert_ne!(records, take(Recipe { seed: 8, ..recipe }, 500));
        }
    }

    #[test]
    fn a_bid_is_json_whatever_its_size_and_its_key_is_the_auction() {
        for bytes in [16, 400] {
            let recipe = Recipe { bids: true, bytes, keys: 1, in_turn: false, seed: 3 };
            for (number, (key, value)) in take(recipe, 100).into_iter().enumerate() {
                let bid: crate::workload::Bid = serde_json::from_slice(&value).unwrap();
                assert_eq!(key, bid.auction.to_string());
                assert_eq!(bid.date_time, BASE_TIME_MS + u64::try_from(number).unwrap());
            }
        }
    }

    #[test]
    fn keys_are_as_many_as_asked_for() {
        let recipe = Recipe { bids: false, bytes: 16, keys: 10, in_turn: false, seed: 1 };
        let keys: BTreeSet<_> = take(recipe, 1_000).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), 10);
        assert!(keys.contains("1000") && keys.contains("1009"));
        let in_turn: Vec<_> =
            take(Recipe { in_turn: true, ..recipe }, 11).into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            (in_turn[0].as_str(), in_turn[9].as_str(), in_turn[10].as_str()),
            ("1000", "1009", "1000")
        );
    }

    #[test]
    fn an_input_with_a_gap_is_refused() {
        let mut input = Input::new(Topic { name: "in".into(), partitions: 4 });
        let record = |offset| Read { partition: 1, offset, key: b"1000", value: b"v" };
        assert!(input.take(record(0), Query::Count).is_ok());
        assert!(input.take(record(2), Query::Count).is_err());
        let nobody = Read { partition: 9, ..record(0) };
        assert!(input.take(nobody, Query::Count).is_err());
        assert_eq!((input.records(), input.get(1, 0).map(|given| given.key)), (1, Some(1_000)));
    }
}
