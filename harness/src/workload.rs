//! What a chaos run is fed: Nexmark bids, keyed by auction, all of it decided by one seed.
//! Who writes it to Kafka, how fast and how much, is left to others.

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
pub use nexmark::event::Bid;
use nexmark::event::{Event, EventType};

/// Events of one Nexmark round: 1 person, 3 auctions, 46 bids.
const EVENTS_PER_ROUND: usize = 50;
const AUCTIONS_PER_ROUND: usize = 3;
/// Hot auctions are every hundredth one, so whole hundreds of rounds keep them in place when ids are shifted back.
const ROUNDS_PER_STRIDE: usize = 100;
/// 2026-01-01T00:00:00Z: a fixed start, because the generator's own default is the clock.
const BASE_TIME_MS: u64 = 1_767_225_600_000;
/// Keeps a record between 100 and 200 bytes; the generator's default of 100 makes them about 240.
const BID_SIZE_HINT_BYTES: usize = 36;

/// One record of the input topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in the workload, from 0; decides the partition.
    pub number: u64,
    /// The auction's id as decimal text.
    pub key: String,
    /// The bid as JSON.
    pub value: String,
}

/// An endless stream of bids. Equal seeds give equal bytes; it never ends, so take what you need.
#[derive(Clone, Debug)]
pub struct Bids {
    events: EventGenerator,
    number: u64,
    /// Rounds that the seed skipped; subtracted again so that ids start near 1000 whatever the seed.
    rounds_skipped: usize,
}

impl Bids {
    /// The workload of this seed. The generator draws each event from the event's own id, so the seed
    /// chooses where in the space of ids the stream begins.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // 40 bits of 64: far enough apart that streams of two seeds do not overlap, and small enough not to overflow.
        let stride = usize::try_from(mix(seed) >> 24).expect("40 bits fit in a usize of 64");
        let rounds_skipped = stride * ROUNDS_PER_STRIDE;
        let config = NexmarkConfig {
            first_event_id: rounds_skipped * EVENTS_PER_ROUND,
            base_time: BASE_TIME_MS,
            avg_bid_byte_size: BID_SIZE_HINT_BYTES,
            ..NexmarkConfig::default()
        };
        let events = EventGenerator::new(config).with_type_filter(EventType::Bid);
        Bids { events, number: 0, rounds_skipped }
    }
}

impl Bids {
    /// The next bid, before it is made a record.
    ///
    /// # Panics
    /// Never: the generator filters for bids and does not end.
    pub fn next_bid(&mut self) -> Bid {
        let Some(Event::Bid(mut bid)) = self.events.next() else {
            panic!("the generator filters for bids and never ends");
        };
        bid.auction -= self.rounds_skipped * AUCTIONS_PER_ROUND;
        bid.bidder -= self.rounds_skipped;
        bid
    }
}

impl Iterator for Bids {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let bid = self.next_bid();
        let value = serde_json::to_string(&bid).expect("numbers and strings always become JSON");
        let number = self.number;
        self.number += 1;
        Some(Record { number, key: bid.auction.to_string(), value })
    }
}

/// Chooses the input partition from the record's number, not from its key: so a key lives in every
/// partition and its records may interleave, which is the harder case for a consistent cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitioner {
    seed: u64,
    partitions: u32,
}

impl Partitioner {
    /// A chooser over `partitions` partitions.
    ///
    /// # Panics
    /// If `partitions` is 0 or more than Kafka can number.
    #[must_use]
    pub fn new(seed: u64, partitions: u32) -> Self {
        assert!(
            partitions > 0 && i32::try_from(partitions).is_ok(),
            "{partitions} partitions cannot be numbered"
        );
        Partitioner { seed: mix(seed ^ 0x7061_7274), partitions }
    }

    /// The partition of the record with this number.
    #[must_use]
    pub fn partition(&self, number: u64) -> i32 {
        let drawn = mix(self.seed.wrapping_add(number)) % u64::from(self.partitions);
        i32::try_from(drawn).expect("new() checked that partitions fit")
    }
}

/// Spreads one number over all 64 bits (the finaliser of SplitMix64), so that near seeds give unrelated streams.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes_and_others_do_not() {
        let take = |seed| Bids::new(seed).take(2_000).collect::<Vec<_>>();
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        assert_eq!(take(u64::MAX).len(), 2_000);
    }

    #[test]
    fn the_bytes_of_a_seed_are_pinned_so_that_old_runs_replay() {
        let mut digest = 0;
        for record in Bids::new(42).take(10_000) {
            digest = crc32c::crc32c_append(digest, record.key.as_bytes());
            digest = crc32c::crc32c_append(digest, record.value.as_bytes());
        }
        assert_eq!(digest, 2_051_070_560);
    }

    #[test]
    fn the_key_is_the_auction_and_the_value_is_a_bid_of_100_to_200_bytes() {
        let mut bytes = 0;
        for record in Bids::new(1).take(10_000) {
            let bid: nexmark::event::Bid = serde_json::from_str(&record.value).unwrap();
            assert_eq!(record.key, bid.auction.to_string());
            assert!(bid.auction >= 900 && bid.auction < 10_000, "{}", bid.auction);
            assert!(bid.date_time >= BASE_TIME_MS);
            bytes += record.value.len();
        }
        let mean = bytes / 10_000;
        assert!((100..=200).contains(&mean), "{mean} bytes");
    }

    #[test]
    fn keys_recur_and_one_is_hot() {
        let mut counts = BTreeMap::<String, u64>::new();
        for record in Bids::new(3).take(10_000) {
            *counts.entry(record.key).or_default() += 1;
        }
        assert!((300..3_000).contains(&counts.len()), "{} keys", counts.len());
        assert!(counts.values().any(|&n| n > 300));
    }

    #[test]
    fn a_key_is_spread_over_all_partitions_evenly() {
        let chooser = Partitioner::new(5, 4);
        let mut of_key = BTreeMap::<String, BTreeSet<i32>>::new();
        let mut sizes = [0_u32; 4];
        for record in Bids::new(5).take(20_000) {
            let partition = chooser.partition(record.number);
            sizes[usize::try_from(partition).unwrap()] += 1;
            of_key.entry(record.key).or_default().insert(partition);
        }
        assert!(sizes.iter().all(|&n| (4_500..5_500).contains(&n)), "{sizes:?}");
        assert!(of_key.values().any(|partitions| partitions.len() == 4));
        assert_ne!(
            (0..64).map(|n| chooser.partition(n)).collect::<Vec<_>>(),
            (0..64).map(|n| Partitioner::new(6, 4).partition(n)).collect::<Vec<_>>()
        );
    }
}
