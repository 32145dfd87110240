//! What is done with each record. Keys are never in two partitions, so each thread has the state of its own keys.

use std::collections::HashMap;
use std::io::Write as _;

use serde::Deserialize;

use crate::Failure;

/// Which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    PassThrough,
    Count,
    Currency,
    Bids,
}

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A function with its state.
#[derive(Debug)]
pub(crate) struct Task {
    function: Function,
    keys: HashMap<Box<[u8]>, State>,
    out: Vec<u8>,
}

/// What is kept of a key.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    count: u64,
    digest: u32,
    sum: u64,
    max: u64,
}

#[derive(Debug, Deserialize)]
struct Bid {
    auction: u64,
    bidder: u64,
    price: u64,
    date_time: u64,
}

impl Task {
    pub(crate) fn new(function: Function) -> Self {
        Self { function, keys: HashMap::new(), out: Vec::new() }
    }

    /// The value that is written for a record; its key stays.
    pub(crate) fn process<'a>(&'a mut self, record: Record<'a>) -> Result<&'a [u8], Failure> {
        let Record { key, value, partition, offset } = record;
        self.out.clear();
        match self.function {
            Function::PassThrough => return Ok(value),
            Function::Count => {
                let state = state(&mut self.keys, key);
                state.count += 1;
                let crc = crc32c::crc32c(value);
                let digest = crc32c::crc32c(&state.digest.to_le_bytes());
                state.digest = crc32c::crc32c_append(digest, &crc.to_le_bytes());
                self.out.extend_from_slice(&state.count.to_be_bytes());
                self.out.extend_from_slice(&state.digest.to_be_bytes());
                self.out.extend_from_slice(&partition.to_be_bytes());
                self.out.extend_from_slice(&offset.to_be_bytes());
            }
            Function::Currency => {
                let Bid { auction, bidder, price, date_time } = serde_json::from_slice(value)?;
                let price = price * 908 / 1_000;
                write!(
                    self.out,
                    r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"dateTime":{date_time}}}"#
                )?;
            }
            Function::Bids => {
                let Bid { auction, price, .. } = serde_json::from_slice(value)?;
                let state = state(&mut self.keys, key);
                state.count += 1;
                state.sum += price;
                state.max = state.max.max(price);
                let State { count, sum, max, .. } = state;
                write!(
                    self.out,
                    r#"{{"auction":{auction},"bids":{count},"sum":{sum},"max":{max},"partition":{partition},"offset":{offset}}}"#
                )?;
            }
        }
        Ok(&self.out)
    }
}

/// Looked up by reference first: the key is copied once, when it is new.
fn state<'a>(keys: &'a mut HashMap<Box<[u8]>, State>, key: &[u8]) -> &'a mut State {
    if !keys.contains_key(key) {
        keys.insert(key.into(), State::default());
    }
    keys.get_mut(key).expect("it was put there")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BID: &[u8] =
        br#"{"auction":7,"bidder":1,"price":1999,"channel":"c","url":"u","date_time":5,"extra":""}"#;

    fn record(value: &[u8], offset: i64) -> Record<'_> {
        Record { key: b"7", value, partition: 3, offset }
    }

    #[test]
    fn every_function_writes_what_the_contract_says() {
        let written =
            |function, value: &[u8]| Task::new(function).process(record(value, 9)).unwrap().to_vec();
        assert_eq!(written(Function::PassThrough, b"v"), b"v");
        assert_eq!(
            written(Function::Currency, BID),
            br#"{"auction":7,"bidder":1,"price":1815,"dateTime":5}"#
        );
        assert_eq!(
            written(Function::Bids, BID),
            br#"{"auction":7,"bids":1,"sum":1999,"max":1999,"partition":3,"offset":9}"#
        );
        let zero = crc32c::crc32c(&0_u32.to_le_bytes());
        let digest = crc32c::crc32c_append(zero, &crc32c::crc32c(b"v").to_le_bytes());
        let mut count = vec![0, 0, 0, 0, 0, 0, 0, 1];
        count.extend_from_slice(&digest.to_be_bytes());
        count.extend_from_slice(&[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(written(Function::Count, b"v"), count);
    }

    #[test]
    fn state_is_each_keys_own() {
        let mut task = Task::new(Function::Bids);
        task.process(record(BID, 0)).unwrap();
        let other = Record { key: b"8", ..record(BID, 1) };
        assert!(task.process(other).unwrap().starts_with(br#"{"auction":7,"bids":1,"#));
        assert!(task.process(record(BID, 2)).unwrap().starts_with(br#"{"auction":7,"bids":2,"sum":3998"#));
        assert!(task.process(record(b"no bid", 3)).is_err());
    }
}
