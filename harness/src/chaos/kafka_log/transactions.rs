//! Transactions as Kafka did them: which records of a partition one producer wrote under one epoch, and which marker ended them.
//!
//! A marker ends what its producer id has open in the partition, if its epoch is not older: the epoch of a marker is higher than
//! that of the records when the end bumped it (KIP-890) or when another incarnation fenced the producer.

use std::collections::HashMap;

use truecut_runtime::kafka::raw::ProducerIdentity;

use super::output::{Batch, OutputLog, What};

/// One transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Who wrote it, with the epoch of its records.
    pub producer: ProducerIdentity,
    /// The partition.
    pub partition: i32,
    /// Offset of its first record.
    pub first: i64,
    /// Offset of its last record.
    pub last: i64,
    /// How many records.
    pub records: u64,
    /// When its last batch was appended, in milliseconds since 1970.
    pub appended_ms: i64,
    /// How it ended; `None` while it is open.
    pub end: Option<End>,
}

/// A transaction's marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Committed, or aborted.
    pub committed: bool,
    /// The marker's offset.
    pub offset: i64,
    /// The marker's epoch.
    pub producer_epoch: i16,
    /// When the marker was appended, in milliseconds since 1970.
    pub appended_ms: i64,
}

impl Transaction {
    /// Readers of committed records get it.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.end.is_some_and(|end| end.committed)
    }
}

/// All transactions of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transactions {
    /// In the order of their first records within each partition.
    pub all: Vec<Transaction>,
    /// The transaction of each batch of the log, by its position in `all`; `None` for markers and for what is in none.
    pub of_batch: Vec<Option<usize>>,
    /// Markers that ended no record in their partition.
    pub empty_ends: u64,
}

impl Transactions {
    /// Reads them off a log, in one pass.
    #[must_use]
    pub fn of(log: &OutputLog) -> Self {
        let mut found = Self { of_batch: Vec::with_capacity(log.batches.len()), ..Self::default() };
        let mut open: HashMap<(i32, i64), usize> = HashMap::new();
        for batch in &log.batches {
            let of_batch = found.batch(batch, &mut open);
            found.of_batch.push(of_batch);
        }
        found
    }

    fn batch(&mut self, batch: &Batch, open: &mut HashMap<(i32, i64), usize>) -> Option<usize> {
        let producer = batch.producer.filter(|_| batch.transactional)?;
        let lane = (batch.partition, producer.producer_id);
        match batch.what {
            What::Records => {
                let same = |at: &usize| self.all.get(*at).is_some_and(|one| one.producer == producer);
                let at = open.get(&lane).copied().filter(same).unwrap_or(self.all.len());
                open.insert(lane, at);
                self.extend(at, producer, batch);
                return Some(at);
            }
            What::Commit | What::Abort => {
                let current = |at: &usize| {
                    self.all
                        .get(*at)
                        .is_some_and(|one| one.producer.producer_epoch <= producer.producer_epoch)
                };
                match open.get(&lane).copied().filter(current) {
                    Some(at) => {
                        open.remove(&lane);
                        self.all[at].end = Some(End {
                            committed: batch.what == What::Commit,
                            offset: batch.base_offset,
                            producer_epoch: producer.producer_epoch,
                            appended_ms: batch.appended_ms,
                        });
                    }
                    None => self.empty_ends += 1,
                }
            }
            What::Other => {}
        }
        None
    }

    fn extend(&mut self, at: usize, producer: ProducerIdentity, batch: &Batch) {
        let records = u64::try_from(batch.records.len()).unwrap_or(u64::MAX);
        if at == self.all.len() {
            let (partition, first) = (batch.partition, batch.base_offset);
            let (last, appended_ms) = (first, batch.appended_ms);
            self.all.push(Transaction {
                producer,
                partition,
                first,
                last,
                records: 0,
                appended_ms,
                end: None,
            });
        }
        let one = &mut self.all[at];
        one.records += records;
        one.appended_ms = batch.appended_ms;
        one.last = batch.base_offset + i64::try_from(batch.records.len()).unwrap_or(i64::MAX) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of one partition: producer id, epoch, and records or a marker.
    fn log(batches: &[(i64, i16, What)]) -> OutputLog {
        let mut log = OutputLog::default();
        for (&(producer_id, producer_epoch, what), base_offset) in batches.iter().zip(0..) {
            let start = log.records.len();
            if what == What::Records {
                log.records.push(super::super::Record { offset: base_offset, crc32c: 0, input: None });
            }
            log.batches.push(Batch {
                partition: 0,
                base_offset,
                producer: Some(ProducerIdentity { producer_id, producer_epoch }),
                transactional: true,
                what,
                appended_ms: base_offset,
                records: start..log.records.len(),
            });
        }
        log
    }

    fn ends(found: &Transactions) -> Vec<Option<(bool, i64)>> {
        found.all.iter().map(|one| one.end.map(|end| (end.committed, end.offset))).collect()
    }

    #[test]
    fn interleaved_producers_keep_their_own_ends() {
        use What::{Abort, Commit, Records};
        let found = Transactions::of(&log(&[
            (1, 0, Records),
            (2, 0, Records),
            (1, 0, Records),
            (2, 0, Commit),
            (1, 0, Abort),
            (2, 0, Records),
        ]));
        assert_eq!(ends(&found), [Some((false, 4)), Some((true, 3)), None]);
        assert_eq!(found.of_batch, [Some(0), Some(1), Some(0), None, None, Some(2)]);
        assert_eq!((found.all[0].first, found.all[0].last, found.all[0].records), (0, 2, 2));
    }

    #[test]
    fn a_marker_of_a_later_epoch_ends_the_transaction_and_one_of_an_older_epoch_does_not() {
        use What::{Abort, Commit, Records};
        let bumped =
            Transactions::of(&log(&[(1, 4, Records), (1, 5, Commit), (1, 5, Records), (1, 6, Abort)]));
        assert_eq!(ends(&bumped), [Some((true, 1)), Some((false, 3))]);
        let stale = Transactions::of(&log(&[(1, 4, Records), (1, 3, Commit)]));
        assert_eq!((ends(&stale), stale.empty_ends), (vec![None], 1));
    }

    #[test]
    fn records_outside_of_transactions_belong_to_none() {
        let mut log = log(&[(1, 0, What::Records)]);
        log.batches[0].transactional = false;
        assert_eq!(Transactions::of(&log).of_batch, [None]);
    }
}
