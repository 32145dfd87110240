//! Kafka's transactions as the broker keeps them: the one transcription in the model, and therefore tested against a real
//! broker.
//!
//! Rules: `TransactionCoordinator` of Kafka 4.x (KIP-98, KIP-360, KIP-890, KIP-664). Prepare states pass at once, unless
//! markers are late (`ending.rs`): a client that is answered CONCURRENT_TRANSACTIONS (51) and asks again finds the completed
//! state. `acks=all` without unclean leader election, and loaded brokers, are assumed.

use std::collections::BTreeMap;

use truecut_core::{Described, ErrorCode, Marker, Producer, TransactionState};

use crate::world::ending::Ending;

/// INVALID_PRODUCER_EPOCH
pub(crate) const INVALID_PRODUCER_EPOCH: ErrorCode = 47;
/// INVALID_TXN_STATE
pub(crate) const INVALID_TXN_STATE: ErrorCode = 48;
/// INVALID_PRODUCER_ID_MAPPING
pub(crate) const INVALID_PRODUCER_ID_MAPPING: ErrorCode = 49;
/// CONCURRENT_TRANSACTIONS
pub(crate) const CONCURRENT_TRANSACTIONS: ErrorCode = 51;
/// PRODUCER_FENCED
pub(crate) const PRODUCER_FENCED: ErrorCode = 90;
/// TRANSACTIONAL_ID_NOT_FOUND
pub(crate) const TRANSACTIONAL_ID_NOT_FOUND: ErrorCode = 105;

/// The first version of EndTxn that bumps the producer epoch (transaction protocol V2).
const BUMPS: i16 = 5;

/// A transactional id at its coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) state: TransactionState,
    pub(crate) producer: Producer,
}

/// A record in an output log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Written<K, R> {
    pub(crate) record: R,
    /// The transactional id whose open transaction holds it; `None` once that is committed. Records of aborted
    /// transactions are gone.
    pub(crate) open: Option<K>,
}

/// The broker. `K` names a transactional id, `R` is a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kafka<K, R> {
    pub(super) ids: BTreeMap<K, Entry>,
    /// Partitions of the output topic.
    pub(super) logs: Vec<Vec<Written<K, R>>>,
    /// Partitions that open transactions were told of.
    pub(super) members: BTreeMap<K, u32>,
    /// Markers of sinks that transactions hold which have not ended everywhere, each of a sink subtask.
    pub(super) marks: BTreeMap<K, (u16, Marker)>,
    /// The newest committed marker of each sink subtask.
    pub(super) marked: BTreeMap<u16, Marker>,
    /// Transactions that are decided, where some partition has not seen it.
    pub(super) ending: BTreeMap<K, Ending>,
    /// Ids that were forgotten, and how often.
    pub(super) forgotten: BTreeMap<K, u8>,
    pub(super) manners: Manners,
}

/// What this broker, or its readers, may do besides. With none of it, it is the one that is run against a real broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Manners {
    /// Each partition learns in a step of its own that a transaction ended.
    pub(crate) late_markers: bool,
    /// Readers see what is not committed.
    pub(crate) read_uncommitted: bool,
}

/// How an open transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Commit,
    Abort,
}

impl<K: Copy + Ord, R: Copy> Kafka<K, R> {
    pub(crate) fn new(partitions: usize) -> Self {
        Self::with_manners(partitions, Manners::default())
    }

    pub(crate) fn with_manners(partitions: usize, manners: Manners) -> Self {
        Self {
            ids: BTreeMap::new(),
            logs: vec![Vec::new(); partitions],
            members: BTreeMap::new(),
            marks: BTreeMap::new(),
            marked: BTreeMap::new(),
            ending: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            manners,
        }
    }

    pub(crate) fn entry(&self, id: K) -> Option<Entry> {
        self.ids.get(&id).copied()
    }

    pub(crate) fn logs(&self) -> &[Vec<Written<K, R>>] {
        &self.logs
    }

    /// Records of the id's open transaction.
    pub(crate) fn open_records(&self, id: K) -> impl Iterator<Item = R> + '_ {
        let open = self.is_open(id);
        let written = self.logs.iter().flatten().filter(move |written| open && written.open == Some(id));
        written.map(|written| written.record)
    }

    /// Committed records, by partition, in log order: their transaction's commit is decided, whether a reader sees them yet or not.
    /// To a reader of what is not committed they are all records that there ever were.
    pub(crate) fn committed(&self) -> impl Iterator<Item = &R> + '_ {
        self.logs.iter().flat_map(|log| self.committed_in(log))
    }

    /// The same of one partition.
    pub(crate) fn committed_in<'a>(&'a self, log: &'a [Written<K, R>]) -> impl Iterator<Item = &'a R> + 'a {
        let decided = |id: K| self.entry(id).is_some_and(|it| it.state == TransactionState::PrepareCommit);
        let committed = move |open: Option<K>| self.manners.read_uncommitted || open.is_none_or(decided);
        log.iter().filter(move |written| committed(written.open)).map(|written| &written.record)
    }

    /// What a reader sees of a partition: what is committed below the last stable offset, or all if it reads what is not
    /// committed.
    pub(crate) fn visible(&self, partition: usize) -> impl Iterator<Item = &R> + '_ {
        let all = self.manners.read_uncommitted;
        let log = self.logs[partition].iter();
        log.take_while(move |written| all || written.open.is_none()).map(|written| &written.record)
    }

    /// Transactional ids with an open transaction (ListTransactions, state Ongoing).
    pub(crate) fn open_ids(&self) -> impl Iterator<Item = K> + '_ {
        self.ids.iter().filter(|(_, entry)| entry.state == TransactionState::Ongoing).map(|(id, _)| *id)
    }

    pub(crate) fn is_open(&self, id: K) -> bool {
        self.entry(id).is_some_and(|entry| entry.state == TransactionState::Ongoing)
    }

    /// InitProducerId without a producer id. A new id gets producer id `fresh`. On an open transaction the broker fences
    /// it by an epoch of its own, aborts it and answers 51; asked again it gives the next epoch.
    pub(crate) fn init_producer_id(&mut self, id: K, fresh: i64) -> Result<Producer, ErrorCode> {
        match self.entry(id) {
            None => {
                let times = self.forgotten.get(&id).copied().unwrap_or(0);
                let producer = Producer { id: fresh + (i64::from(times) << 32), epoch: 0 };
                self.ids.insert(id, Entry { state: TransactionState::Empty, producer });
                Ok(producer)
            }
            Some(Entry { state: TransactionState::Ongoing, producer }) => {
                self.end(id, End::Abort, bumped(producer));
                Err(CONCURRENT_TRANSACTIONS)
            }
            Some(Entry { state, .. }) if is_prepared(state) => Err(CONCURRENT_TRANSACTIONS),
            Some(Entry { producer, .. }) => {
                let producer = bumped(producer);
                self.ids.insert(id, Entry { state: TransactionState::Empty, producer });
                Ok(producer)
            }
        }
    }

    /// AddPartitionsToTxn of transaction protocol V1. On a completed id it opens the next transaction with the *same*
    /// producer id and epoch.
    pub(crate) fn add_partition(&mut self, id: K, producer: Producer, partition: usize) -> ErrorCode {
        let Some(entry) = self.entry(id) else { return INVALID_PRODUCER_ID_MAPPING };
        if entry.producer.id != producer.id {
            return INVALID_PRODUCER_ID_MAPPING;
        }
        if entry.producer.epoch != producer.epoch {
            return PRODUCER_FENCED;
        }
        if is_prepared(entry.state) {
            return CONCURRENT_TRANSACTIONS;
        }
        self.ids.insert(id, Entry { state: TransactionState::Ongoing, ..entry });
        *self.members.entry(id).or_default() |= 1 << partition;
        0
    }

    /// Produce. The partition verifies that it belongs to the producer's open transaction (KAFKA-14402), but where it has not
    /// seen the end of one: there it takes the record into that.
    pub(crate) fn produce(&mut self, id: K, producer: Producer, partition: usize, record: R) -> ErrorCode {
        if self.has_not_seen_the_end(id, producer, partition) {
            self.logs[partition].push(Written { record, open: Some(id) });
            return 0;
        }
        let Some(entry) = self.entry(id).filter(|entry| entry.producer.id == producer.id) else {
            return INVALID_PRODUCER_ID_MAPPING;
        };
        if entry.producer.epoch != producer.epoch {
            return INVALID_PRODUCER_EPOCH;
        }
        if entry.state != TransactionState::Ongoing || !self.is_member(id, partition) {
            return INVALID_TXN_STATE;
        }
        self.logs[partition].push(Written { record, open: Some(id) });
        0
    }

    /// Whether a partition belongs to the id's open transaction.
    pub(crate) fn is_member(&self, id: K, partition: usize) -> bool {
        self.members.get(&id).is_some_and(|partitions| partitions & 1 << partition != 0)
    }

    /// Produce without a transaction.
    pub(crate) fn append(&mut self, partition: usize, record: R) {
        self.logs[partition].push(Written { record, open: None });
    }

    /// A marker is produced to a sink subtask's partition of the marker topic.
    pub(crate) fn mark(&mut self, id: K, producer: Producer, subtask: u16, marker: Marker) -> ErrorCode {
        match self.entry(id) {
            Some(entry) if is_prepared(entry.state) => CONCURRENT_TRANSACTIONS,
            Some(entry) if entry.producer == producer => {
                self.ids.insert(id, Entry { state: TransactionState::Ongoing, ..entry });
                self.marks.insert(id, (subtask, marker));
                0
            }
            _ => INVALID_PRODUCER_EPOCH,
        }
    }

    /// EndTxn. Up to version 4 the epoch must be exact and stays; from version 5 on each end bumps it, and the epoch before
    /// marks a repeated request.
    pub(crate) fn end_txn(&mut self, id: K, producer: Producer, end: End, version: i16) -> ErrorCode {
        let Some(entry) = self.entry(id).filter(|entry| entry.producer.id == producer.id) else {
            return INVALID_PRODUCER_ID_MAPPING;
        };
        if version < BUMPS {
            self.end_v1(id, entry, producer, end)
        } else {
            self.end_v2(id, entry, producer, end)
        }
    }

    fn end_v1(&mut self, id: K, entry: Entry, producer: Producer, end: End) -> ErrorCode {
        if producer.epoch != entry.producer.epoch {
            return PRODUCER_FENCED;
        }
        match (entry.state, end) {
            (TransactionState::Ongoing, end) => {
                self.end(id, end, entry.producer);
                0
            }
            (TransactionState::CompleteCommit, End::Commit)
            | (TransactionState::CompleteAbort, End::Abort) => 0,
            (TransactionState::PrepareCommit, End::Commit) | (TransactionState::PrepareAbort, End::Abort) => {
                CONCURRENT_TRANSACTIONS
            }
            _ => INVALID_TXN_STATE,
        }
    }

    fn end_v2(&mut self, id: K, entry: Entry, producer: Producer, end: End) -> ErrorCode {
        let current = producer.epoch == entry.producer.epoch;
        let repeated = producer.epoch.checked_add(1) == Some(entry.producer.epoch);
        match (entry.state, end) {
            (TransactionState::Ongoing, end) if current => {
                self.end(id, end, bumped(entry.producer));
                0
            }
            (TransactionState::CompleteCommit, End::Commit)
            | (TransactionState::CompleteAbort, End::Abort)
                if repeated =>
            {
                0
            }
            (TransactionState::PrepareCommit, End::Commit) | (TransactionState::PrepareAbort, End::Abort)
                if repeated =>
            {
                CONCURRENT_TRANSACTIONS
            }
            (
                TransactionState::CompleteCommit
                | TransactionState::CompleteAbort
                | TransactionState::PrepareCommit
                | TransactionState::PrepareAbort,
                _,
            ) if repeated => INVALID_TXN_STATE,
            (
                TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort,
                End::Abort,
            ) if current => {
                // Nothing is open: the abort still bumps, so that late records of the epoch are refused.
                self.end(id, End::Abort, bumped(entry.producer));
                0
            }
            _ if current => INVALID_TXN_STATE,
            _ => PRODUCER_FENCED,
        }
    }

    /// The transaction timed out: the broker fences its producer by an epoch of its own and aborts. Says whether one was
    /// open.
    pub(crate) fn timeout(&mut self, id: K) -> bool {
        let open = self.entry(id).filter(|entry| entry.state == TransactionState::Ongoing);
        if let Some(entry) = open {
            self.end(id, End::Abort, bumped(entry.producer));
        }
        open.is_some()
    }

    /// DescribeTransactions.
    pub(crate) fn describe(&self, id: K) -> Result<Described, ErrorCode> {
        let described =
            self.entry(id).map(|entry| Described { state: entry.state, producer: entry.producer });
        described.ok_or(TRANSACTIONAL_ID_NOT_FOUND)
    }

    /// Puts records that become visible together into one order of all those that nobody can tell apart: each group, as
    /// `group` says, keeps its own order.
    pub(crate) fn arrange<G: Ord>(&mut self, group: impl Fn(&R) -> G) {
        for log in &mut self.logs {
            for together in log.chunk_by_mut(|one, next| one.open == next.open) {
                together.sort_by_key(|written| group(&written.record));
            }
        }
    }
}

/// Whether an end is decided that not every partition has seen.
pub(super) fn is_prepared(state: TransactionState) -> bool {
    matches!(state, TransactionState::PrepareCommit | TransactionState::PrepareAbort)
}

/// The next epoch. Epochs near the end of their range, where the broker gives out a new producer id, are not modelled.
fn bumped(producer: Producer) -> Producer {
    Producer { epoch: producer.epoch + 1, ..producer }
}
