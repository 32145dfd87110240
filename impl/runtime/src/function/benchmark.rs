//! The functions that benchmarks run, here and in every peer: what they read and write is fixed by docs/benchmarks.md, byte for byte,
//! so that one reader judges the output of all of them.

use serde::Deserialize;

use super::{Capture, Changes, Function, FunctionError, KeyedFunction, Lineage, Part};
use crate::batch::{ANY_PARTITION, RecordBatch, RecordRef};

/// Bytes of a value that [`CountBinary`] writes.
const COUNT_BYTES: usize = 8 + 4 + 4 + 8;

/// What [`CountWithLineage`](super::CountWithLineage) says, in 24 bytes instead of JSON: count (u64), digest (u32), and the input
/// record's partition (i32) and offset (i64), all big-endian.
#[derive(Debug, Default)]
pub struct CountBinary;

impl KeyedFunction for CountBinary {
    type Value = Lineage;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        value: &mut Lineage,
        out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        value.add(record);
        let mut bytes = [0; COUNT_BYTES];
        bytes[..8].copy_from_slice(&value.count.to_be_bytes());
        bytes[8..12].copy_from_slice(&value.digest.to_be_bytes());
        bytes[12..16].copy_from_slice(&record.partition.to_be_bytes());
        bytes[16..].copy_from_slice(&record.offset.to_be_bytes());
        out.push(RecordRef { value: Some(&bytes), partition: ANY_PARTITION, ..record });
        Ok(())
    }

    fn encode(value: &Lineage, out: &mut Vec<u8>) {
        super::CountWithLineage::encode(value, out);
    }

    fn decode(bytes: &[u8]) -> Result<Lineage, FunctionError> {
        super::CountWithLineage::decode(bytes)
    }
}

/// What is read of a Nexmark bid.
#[derive(Debug, Deserialize)]
struct Bid {
    auction: u64,
    bidder: u64,
    price: u64,
    date_time: u64,
}

impl Bid {
    fn of(record: RecordRef<'_>) -> Result<Self, FunctionError> {
        let bytes = record.value.ok_or("a record without a value, where a bid should be")?;
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// Nexmark's query 1: the price of each bid in euros, at 0.908 to the dollar, rounded down.
#[derive(Debug, Default)]
pub struct Currency {
    text: String,
}

impl Function for Currency {
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError> {
        use std::fmt::Write as _;
        let Bid { auction, bidder, price, date_time } = Bid::of(record)?;
        let price = price * 908 / 1_000;
        self.text.clear();
        write!(
            self.text,
            r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"dateTime":{date_time}}}"#
        )?;
        out.push(RecordRef { value: Some(self.text.as_bytes()), partition: ANY_PARTITION, ..record });
        Ok(())
    }

    fn snapshot(&mut self) -> Capture {
        Capture::Changes(Changes::default())
    }

    fn restore(&mut self, _part: Part) -> Result<(), FunctionError> {
        Err("a conversion has no state".into())
    }
}

/// After Nexmark's queries 4 and 5: of each auction how many bids there were so far, the sum of their prices and the highest, and
/// the input record that was the latest of them.
#[derive(Debug, Default)]
pub struct BidStatistics {
    text: String,
}

/// What [`BidStatistics`] keeps of an auction.
#[derive(Clone, Copy, Debug, Default)]
pub struct BidsOfAuction {
    bids: u64,
    sum: u64,
    max: u64,
}

impl KeyedFunction for BidStatistics {
    type Value = BidsOfAuction;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        value: &mut BidsOfAuction,
        out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        use std::fmt::Write as _;
        let bid = Bid::of(record)?;
        value.bids += 1;
        value.sum += bid.price;
        value.max = value.max.max(bid.price);
        let (BidsOfAuction { bids, sum, max }, auction) = (*value, bid.auction);
        let (partition, offset) = (record.partition, record.offset);
        self.text.clear();
        write!(
            self.text,
            r#"{{"auction":{auction},"bids":{bids},"sum":{sum},"max":{max},"partition":{partition},"offset":{offset}}}"#
        )?;
        out.push(RecordRef { value: Some(self.text.as_bytes()), partition: ANY_PARTITION, ..record });
        Ok(())
    }

    fn encode(value: &BidsOfAuction, out: &mut Vec<u8>) {
        for number in [value.bids, value.sum, value.max] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Result<BidsOfAuction, FunctionError> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        match (numbers, rest) {
            ([bids, sum, max], []) => Ok(BidsOfAuction {
                bids: u64::from_le_bytes(*bids),
                sum: u64::from_le_bytes(*sum),
                max: u64::from_le_bytes(*max),
            }),
            _ => Err("a value that is not three numbers".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Keyed;

    const BID: &str = r#"{"auction":1007,"bidder":1001,"price":1999,"channel":"Google","url":"u","date_time":1767225600000,"extra":""}"#;

    fn record<'a>(value: &'a str, offset: i64) -> RecordRef<'a> {
        RecordRef { key: Some(b"1007"), value: Some(value.as_bytes()), timestamp_ms: 0, partition: 3, offset }
    }

    fn values(function: &mut dyn Function, records: &[RecordRef<'_>]) -> Vec<Vec<u8>> {
        let mut out = RecordBatch::default();
        for record in records {
            function.process(*record, &mut out).unwrap();
        }
        out.iter().map(|record| record.value.unwrap().to_vec()).collect()
    }

    #[test]
    fn a_count_is_24_bytes_big_endian() {
        let written = values(&mut Keyed::new(CountBinary), &[record("v", 117)]);
        let zero = crc32c::crc32c(&0_u32.to_le_bytes());
        let digest = crc32c::crc32c_append(zero, &crc32c::crc32c(b"v").to_le_bytes());
        let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 1];
        expected.extend_from_slice(&digest.to_be_bytes());
        expected.extend_from_slice(&[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 117]);
        assert_eq!(written, [expected]);
    }

    #[test]
    fn a_price_is_converted_and_rounded_down() {
        let written = values(&mut Currency::default(), &[record(BID, 0)]);
        let expected = br#"{"auction":1007,"bidder":1001,"price":1815,"dateTime":1767225600000}"#;
        assert_eq!(written, [expected.to_vec()]);
        let nothing = RecordRef { value: None, ..record("", 0) };
        assert!(Currency::default().process(nothing, &mut RecordBatch::default()).is_err());
    }

    #[test]
    fn statistics_of_an_auction_go_on_after_a_restore() {
        let cheap = BID.replace("1999", "1");
        let mut before = Keyed::new(BidStatistics::default());
        assert_eq!(
            values(&mut before, &[record(BID, 8)]),
            [br#"{"auction":1007,"bids":1,"sum":1999,"max":1999,"partition":3,"offset":8}"#.to_vec()]
        );
        let mut after = Keyed::new(BidStatistics::default());
        after.restore(before.snapshot().into_part()).unwrap();
        assert_eq!(
            values(&mut after, &[record(&cheap, 9)]),
            [br#"{"auction":1007,"bids":2,"sum":2000,"max":1999,"partition":3,"offset":9}"#.to_vec()]
        );
        assert!(BidStatistics::decode(&[0; 23]).is_err());
    }
}
