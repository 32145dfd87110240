//! One transactional id at the modelled Kafka, for whoever asks whether what a real broker answered is possible.
//!
//! It decides nothing of its own: each step is one of `kafka.rs`. Which steps were taken, and in which order, is the caller's
//! question; so prepared states last until [`OneId::write_markers`], as markers of a real broker are written later.

use truecut_core::{Described, ErrorCode, Producer};

use crate::world::kafka::{End, Kafka, Manners};

/// The id's partition at which its markers are written: which ones a transaction wrote to makes no difference to the id.
const PARTITION: usize = 0;

/// A transactional id, from before its first InitProducerId. Its producer id is [`OneId::PRODUCER_ID`]: which number a broker draws
/// makes no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OneId(Kafka<(), ()>);

impl Default for OneId {
    fn default() -> Self {
        Self(Kafka::with_manners(1, Manners { late_markers: true, ..Manners::default() }))
    }
}

impl OneId {
    /// The producer id that the first InitProducerId gives.
    pub const PRODUCER_ID: i64 = 0;

    /// InitProducerId without a producer id.
    ///
    /// # Errors
    /// The code that it is answered with: 51 where it decided an abort, or met one that is being carried out.
    pub fn init_producer_id(&mut self) -> Result<Producer, ErrorCode> {
        self.0.init_producer_id((), Self::PRODUCER_ID)
    }

    /// A partition is added to the transaction, as in front of its first record there. Gives the raw code.
    pub fn add_partition(&mut self, producer: Producer) -> ErrorCode {
        self.0.add_partition((), producer, PARTITION)
    }

    /// EndTxn(commit) in this version. Gives the raw code.
    pub fn commit(&mut self, producer: Producer, version: i16) -> ErrorCode {
        self.0.end_txn((), producer, End::Commit, version)
    }

    /// The open transaction, if there is one, times out. Says whether there was one.
    pub fn timeout(&mut self) -> bool {
        self.0.timeout(())
    }

    /// What is decided is carried out everywhere. Says whether there was something to carry out.
    pub fn write_markers(&mut self) -> bool {
        let Some(((), told)) = self.0.unwritten().next() else { return false };
        self.0.write_marker((), told);
        true
    }

    /// DescribeTransactions.
    ///
    /// # Errors
    /// The code for an id that Kafka does not know.
    pub fn describe(&self) -> Result<Described, ErrorCode> {
        self.0.describe(())
    }

    /// Whether ListTransactions lists it as Ongoing.
    pub fn is_open(&self) -> bool {
        self.0.is_open(())
    }

    /// Its producer epoch; -1 before the first InitProducerId.
    pub fn epoch(&self) -> i16 {
        self.0.entry(()).map_or(-1, |entry| entry.producer.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use truecut_core::TransactionState;

    #[test]
    fn a_decided_end_is_seen_until_its_markers_are_written() {
        let mut id = OneId::default();
        assert_eq!((id.epoch(), id.describe()), (-1, Err(105)));
        let producer = id.init_producer_id().unwrap();
        assert_eq!(id.add_partition(producer), 0);
        assert!(id.is_open());
        assert_eq!(id.commit(producer, 4), 0);
        assert_eq!(id.describe().unwrap().state, TransactionState::PrepareCommit);
        assert_eq!(id.commit(producer, 4), 51);
        assert!(id.write_markers() && !id.write_markers());
        assert_eq!(id.describe().unwrap().state, TransactionState::CompleteCommit);
        assert_eq!(id.commit(producer, 4), 0, "the same end once more");
        assert_eq!(id.init_producer_id().unwrap().epoch, 1);
        assert_eq!(id.commit(producer, 4), 90);
    }
}
