//! Joins what readers of committed records saw with Kafka's own log and with what the subject told of its transactions.
//!
//! One pass over everything; what is kept is 4 bytes per visible record and a few dozen per transaction.

use std::collections::{BTreeMap, HashMap};

use truecut_runtime::kafka::raw::ProducerIdentity;

use super::Coordinates;
use super::journal::{Completed, Journal, Listed};
use super::log::count;
use crate::chaos::kafka_log::{OutputLog, Transaction, Transactions};

/// A record that a reader of committed records saw: where, and the checksum of key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenRecord {
    pub(super) partition: i32,
    pub(super) crc32c: u32,
    pub(super) offset: i64,
}

impl SeenRecord {
    pub(super) fn at(&self) -> Coordinates {
        Coordinates { partition: self.partition, offset: self.offset }
    }
}

/// Where a visible record lies in Kafka's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position of the record among all of the log.
    pub(super) record: usize,
    /// Position of its batch.
    pub(super) batch: usize,
}

/// Output as Kafka has it, with what was visible of it.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) log: &'a OutputLog,
    pub(super) transactions: Transactions,
    /// Of each transaction: how many of its records are visible.
    pub(super) visible: Vec<u64>,
    /// Visible records that the log does not have, or has otherwise.
    pub(super) strange: Vec<(SeenRecord, Strange)>,
    /// Of each partition the highest offset that was visible.
    pub(super) read_up_to: HashMap<i32, i64>,
}

/// How a visible record differs from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strange {
    /// Nothing is there.
    Absent,
    /// Another record is there.
    Different,
}

impl<'a> View<'a> {
    /// `each` gets every visible record with its transaction, if it is in one.
    pub(super) fn of(
        log: &'a OutputLog,
        seen: &[SeenRecord],
        mut each: impl FnMut(&SeenRecord, Option<&Transaction>),
    ) -> Self {
        let transactions = Transactions::of(log);
        let mut visible = vec![0; transactions.all.len()];
        let mut strange = Vec::new();
        let mut finder = Finder::of(log);
        let mut read_up_to = HashMap::new();
        for record in seen {
            read_up_to.insert(record.partition, record.offset);
            match finder.find(record) {
                None => strange.push((*record, Strange::Absent)),
                Some(place) => {
                    if log.records[place.record].crc32c != record.crc32c {
                        strange.push((*record, Strange::Different));
                    }
                    let at = transactions.of_batch[place.batch];
                    if let Some(at) = at {
                        visible[at] += 1;
                    }
                    each(record, at.map(|at| &transactions.all[at]));
                }
            }
        }
        Self { log, transactions, visible, strange, read_up_to }
    }
}

/// Finds records of the log; those of one partition are asked for in ascending order.
pub(super) struct Finder<'a> {
    log: &'a OutputLog,
    /// Of each partition: where the search goes on, batch and record.
    next: HashMap<i32, (usize, usize)>,
}

impl<'a> Finder<'a> {
    pub(super) fn of(log: &'a OutputLog) -> Self {
        let mut next = HashMap::new();
        for (at, batch) in log.batches.iter().enumerate() {
            next.entry(batch.partition).or_insert((at, batch.records.start));
        }
        Self { log, next }
    }

    pub(super) fn find(&mut self, wanted: &SeenRecord) -> Option<Place> {
        let (batch, record) = self.next.get_mut(&wanted.partition)?;
        while let Some(here) = self.log.batches.get(*batch).filter(|here| here.partition == wanted.partition)
        {
            *record = (*record).max(here.records.start);
            while let Some(found) = self.log.records.get(*record).filter(|_| *record < here.records.end) {
                if found.offset >= wanted.offset {
                    return (found.offset == wanted.offset)
                        .then_some(Place { record: *record, batch: *batch });
                }
                *record += 1;
            }
            *batch += 1;
        }
        None
    }
}

/// The part of a checkpoint that one sink subtask wrote: it is in one transaction, or was written again in another.
pub(super) type Part = (u64, u16);

/// What completed checkpoints promise to become visible, and where it is.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) all: BTreeMap<Part, Promise>,
    /// The part that a producer's records belong to.
    of_producer: HashMap<(i64, i16), Part>,
}

/// A part of a completed checkpoint.
#[derive(Debug)]
pub(super) struct Promise {
    /// How many records it has.
    pub(super) records: u64,
    /// The first completed checkpoint that lists it.
    pub(super) by: u64,
    /// When that was known to be complete.
    pub(super) known_us: u64,
    /// Transactions of the log that hold it, by position: one per output partition and producer.
    pub(super) held: Vec<usize>,
}

impl Parts {
    pub(super) fn of(journal: &Journal, completed: &[Completed<'_>], transactions: &Transactions) -> Self {
        let mut parts = Self::default();
        for Completed { checkpoint, known_us } in completed {
            for listed in &checkpoint.listed {
                let by = checkpoint.name.1;
                let (known_us, records) = (*known_us, listed.records);
                let promise = Promise { records, by, known_us, held: Vec::new() };
                parts.all.entry(part(listed)).or_insert(promise);
                parts.of_producer.entry(producer(listed)).or_insert(part(listed));
            }
        }
        for commit in journal.commits.iter().filter(|commit| commit.rewritten) {
            if parts.all.contains_key(&part(&commit.listed)) {
                parts.of_producer.entry(producer(&commit.listed)).or_insert(part(&commit.listed));
            }
        }
        for (at, transaction) in transactions.all.iter().enumerate() {
            if let Some(promise) = parts.part(transaction.producer).and_then(|part| parts.all.get_mut(&part))
            {
                promise.held.push(at);
            }
        }
        parts
    }

    /// The part of a completed checkpoint that this producer's records are.
    pub(super) fn part(&self, producer: ProducerIdentity) -> Option<Part> {
        self.of_producer.get(&(producer.producer_id, producer.producer_epoch)).copied()
    }
}

fn part(listed: &Listed) -> Part {
    (listed.checkpoint, listed.subtask)
}

fn producer(listed: &Listed) -> (i64, i16) {
    (listed.producer_id, listed.producer_epoch)
}

/// A transaction in words: its first record and its writer.
pub(super) fn told(transaction: &Transaction) -> String {
    let Transaction { producer, partition, first, records, .. } = transaction;
    let records = if *records == 1 { "1 record".to_owned() } else { format!("{records} records") };
    let ProducerIdentity { producer_id, producer_epoch } = producer;
    format!(
        "the transaction of producer {producer_id} epoch {producer_epoch} at {partition}@{first} ({records})"
    )
}

/// How many there are of something that was looked at.
pub(super) fn looked_at<T>(things: &[T]) -> u64 {
    count(things.len())
}
