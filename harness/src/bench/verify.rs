//! Is the output of a run what its input demands? The oracle of the chaos runs decides; here each query's output is put into the words
//! that it understands: which input record an output stands for, the how many-th of its key that is, and the fold up to it.
//!
//! A count says all of that itself. Bids say it but for the fold: their sum and maximum are followed here, and whoever goes wrong is given
//! a wrong digest. A query that turns each record into one of its own says nothing: the input record is found by what it demands
//! (64 bits of hash; equal demands are taken in turn), numbers and folds are given in the order of the output; so loss, repetition,
//! strange records and the order within a key are seen.
//!
//! No fault is made while a benchmark runs, so whatever a subject promises: each record must be there once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Deserialize;

use super::consumer::{Read, read_all};
use super::input::Input;
use super::kafka::Topic;
use super::settings::Query;
use crate::failure::Failure;
use crate::oracle::{BadRead, CLASSES, Drain, Findings, Lineage, Needs, Oracle, fold};
use crate::verdict::Verdict;

/// Offending records that are told of a run.
const EXAMPLES: usize = 3;

/// What an output was found to be.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// Why it is not `holds`.
    pub(super) reasons: Vec<String>,
    /// Offsets of all visible records, by partition (as many as the input has), ascending.
    pub(super) offsets: Vec<Vec<i64>>,
}

/// Reads an output to its end and judges it. Blocks.
pub(super) fn judge(
    bootstrap: &str,
    topic: &Topic,
    query: Query,
    input: &Input,
    drain: Drain,
) -> Result<Judged, Failure> {
    let mut judge = Judge::new(query, input)?;
    read_all(bootstrap, topic, |record| judge.take(record))?;
    Ok(judge.finish(drain))
}

/// Judges an output that is handed in.
pub(super) struct Judge<'a> {
    query: Query,
    input: &'a Input,
    oracle: Oracle,
    offsets: Vec<Vec<i64>>,
    keys: HashMap<Box<[u8]>, Followed>,
    /// Demands that an output has met.
    met: Vec<bool>,
}

/// What is followed of a key whose outputs do not say it.
#[derive(Clone, Copy, Debug, Default)]
struct Followed {
    count: u64,
    digest: u32,
    sum: u64,
    max: u64,
}

impl<'a> Judge<'a> {
    pub(super) fn new(query: Query, input: &'a Input) -> Result<Self, Failure> {
        use std::fmt::Write as _;
        let mut oracle = Oracle::new(EXAMPLES);
        let mut key = String::new();
        for (partition, of_one) in (0..).zip(&input.partitions) {
            for (offset, given) in (0..).zip(of_one) {
                key.clear();
                write!(key, "{}", given.key).expect("a String takes all");
                oracle.input_checksum(partition, offset, key.as_bytes(), given.crc).map_err(bad)?;
            }
        }
        Ok(Self {
            query,
            input,
            oracle,
            offsets: vec![Vec::new(); input.partitions.len()],
            keys: HashMap::new(),
            met: vec![false; input.demands.len()],
        })
    }

    pub(super) fn take(&mut self, record: Read<'_>) -> Result<(), Failure> {
        let Read { partition, offset, key, value } = record;
        let says = match self.query {
            Query::Count => count(key, value),
            Query::Bids => self.bids(key, value),
            Query::PassThrough | Query::Currency => self.transformed(key, value),
        };
        self.oracle.output_that_says(partition, offset, (key, value), says).map_err(bad)?;
        if let Some(of_one) = usize::try_from(partition).ok().and_then(|place| self.offsets.get_mut(place)) {
            of_one.push(offset);
        }
        Ok(())
    }

    pub(super) fn finish(self, drain: Drain) -> Judged {
        let findings = self.oracle.finish(drain);
        let (verdict, reasons) = concluded(&findings);
        Judged { verdict, reasons, offsets: self.offsets }
    }

    fn follow(&mut self, key: &[u8]) -> &mut Followed {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.into(), Followed::default());
        }
        self.keys.get_mut(key).expect("it was put there")
    }

    fn bids<'v>(&mut self, key: &'v [u8], value: &[u8]) -> Result<Lineage<'v>, String> {
        let statistics = Statistics::read(value)?;
        let Statistics { auction, bids, sum, max, partition, offset } = statistics;
        let name = text(key)?;
        if auction.to_string() != name {
            return Err(format!("its key is {name} but its value speaks of {auction}"));
        }
        let given = *self.input.get(partition, offset).ok_or("its input record does not exist")?;
        let followed = self.follow(key);
        let follows = bids == followed.count + 1
            && sum == followed.sum + given.price
            && max == followed.max.max(given.price);
        let right = fold(followed.digest, given.crc);
        let digest = if follows { right } else { !right };
        *followed = Followed { count: bids, digest, sum, max };
        Ok(Lineage { key: name.into(), count: bids, digest, partition, offset })
    }

    fn transformed<'v>(&mut self, key: &'v [u8], value: &[u8]) -> Result<Lineage<'v>, String> {
        let name = text(key)?;
        let hash = hashed(key, value);
        let demands = &self.input.demands;
        let first = demands.partition_point(|demand| demand.0 < hash);
        let equal = demands[first..].iter().take_while(|demand| demand.0 == hash).count();
        if equal == 0 {
            return Err("no input record demands it".to_owned());
        }
        // One more than is demanded repeats the last.
        let place = (first..first + equal).find(|place| !self.met[*place]).unwrap_or(first + equal - 1);
        self.met[place] = true;
        let (_, partition, offset) = demands[place];
        let offset = i64::from(offset);
        let crc = self.input.get(partition, offset).ok_or("its input record does not exist")?.crc;
        let followed = self.follow(key);
        followed.count += 1;
        followed.digest = fold(followed.digest, crc);
        let Followed { count, digest, .. } = *followed;
        Ok(Lineage { key: name.into(), count, digest, partition, offset })
    }
}

fn bad(error: BadRead) -> Failure {
    Failure::bad_data(error.to_string())
}

/// What the oracles that need nothing but input and output say.
fn concluded(findings: &Findings) -> (Verdict, Vec<String>) {
    let mut verdict = Verdict::Holds;
    let mut reasons = Vec::new();
    for info in CLASSES.iter().filter(|info| info.needs == Needs::Output) {
        match findings.oracles.iter().find(|judged| judged.class == info.class) {
            None => {
                verdict = verdict.and(Verdict::Unknown);
                reasons.push(format!("{}: not judged", info.name));
            }
            Some(judged) if judged.verdict != Verdict::Holds => {
                verdict = verdict.and(judged.verdict);
                let why = judged.reason.clone().unwrap_or_else(|| format!("{} found", judged.found));
                reasons.push(format!("{}: {why}", info.name));
            }
            Some(_) => {}
        }
    }
    let told = findings.anomalies.iter().take(EXAMPLES);
    reasons.extend(told.map(|anomaly| anomaly.example.text.clone()));
    (verdict, reasons)
}

/// The input record that an output says it stands for, where it says so.
pub(super) fn lineage(query: Query, value: &[u8]) -> Option<(i32, i64)> {
    match query {
        Query::Count => count(b"", value).ok().map(|lineage| (lineage.partition, lineage.offset)),
        Query::Bids => Statistics::read(value).ok().map(|read| (read.partition, read.offset)),
        Query::PassThrough | Query::Currency => None,
    }
}

fn text(key: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(key).map_err(|_| "its key is no text".to_owned())
}

/// Count, digest, partition and offset, big-endian.
fn count<'v>(key: &'v [u8], value: &[u8]) -> Result<Lineage<'v>, String> {
    let cut = || format!("its value has {} bytes instead of 24", value.len());
    let (count, rest) = value.split_first_chunk::<8>().ok_or_else(cut)?;
    let (digest, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let (partition, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let offset: [u8; 8] = rest.try_into().map_err(|_| cut())?;
    Ok(Lineage {
        key: text(key)?.into(),
        count: u64::from_be_bytes(*count),
        digest: u32::from_be_bytes(*digest),
        partition: i32::from_be_bytes(*partition),
        offset: i64::from_be_bytes(offset),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statistics {
    auction: u64,
    bids: u64,
    sum: u64,
    max: u64,
    partition: i32,
    offset: i64,
}

impl Statistics {
    fn read(value: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(value).map_err(|why| format!("it can't be read: {why}"))?;
        let Self { auction, bids, sum, max, partition, offset } = &read;
        let exact = format!(
            r#"{{"auction":{auction},"bids":{bids},"sum":{sum},"max":{max},"partition":{partition},"offset":{offset}}}"#
        );
        if exact.as_bytes() == value { Ok(read) } else { Err(format!("it should read {exact}")) }
    }
}

/// The hash of the output that an input record demands, of queries that turn each record into one of its own.
pub(super) fn demanded(query: Query, key: &[u8], value: &[u8]) -> Option<u64> {
    match query {
        Query::Count | Query::Bids => None,
        Query::PassThrough => Some(hashed(key, value)),
        Query::Currency => {
            #[derive(Deserialize)]
            struct Bid {
                auction: u64,
                bidder: u64,
                price: u64,
                date_time: u64,
            }
            let Bid { auction, bidder, price, date_time } = serde_json::from_slice(value).ok()?;
            let price = price * 908 / 1_000;
            let text = format!(
                r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"dateTime":{date_time}}}"#
            );
            Some(hashed(key, text.as_bytes()))
        }
    }
}

fn hashed(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
