//! What became of a transaction whose commit was not answered with success.
//!
//! An outcome is committed, aborted or unknowable; fenced is never taken for committed (FLINK-8086, FLINK-23839).
//! This is sound because a generation (producer id and epoch) has one transaction only.

use crate::snapshot::Committable;
use crate::transaction::{Described, TransactionState};

/// What is known of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is committed.
    Committed,
    /// It was aborted: its records are lost.
    Aborted,
    /// Nobody can tell any more.
    Unknowable,
}

/// Reads a description of the transactional id after a commit was refused; `None` when it could not be described.
///
/// The broker's timeout bumps the epoch by one as it aborts (by two before KAFKA-19367), so an aborted id shows an epoch a
/// little above the listed one. A committed one shows the listed epoch, as EndTxn up to v4 leaves it, or the one after it, as
/// EndTxn from v5 on makes it (KIP-890).
pub fn fate(committable: &Committable, described: Option<Described>) -> Fate {
    let Some(Described { state, producer }) = described else { return Fate::Unknowable };
    if producer.id != committable.producer.id {
        return Fate::Unknowable;
    }
    let bumps = i32::from(producer.epoch) - i32::from(committable.producer.epoch);
    match state {
        TransactionState::PrepareCommit | TransactionState::CompleteCommit
            if bumps == i32::from(committable.protocol.bump()) =>
        {
            Fate::Committed
        }
        TransactionState::PrepareAbort | TransactionState::CompleteAbort if (0..=2).contains(&bumps) => {
            Fate::Aborted
        }
        TransactionState::PrepareCommit
        | TransactionState::CompleteCommit
        | TransactionState::PrepareAbort
        | TransactionState::CompleteAbort
        | TransactionState::Empty
        | TransactionState::Ongoing
        | TransactionState::Other => Fate::Unknowable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Attempt, CheckpointId};
    use crate::transaction::{Producer, Slot, TransactionProtocol, TransactionalId};

    #[test]
    fn only_the_listed_generation_can_be_committed() {
        let id = TransactionalId { attempt: Attempt::new(1), subtask: 0, slot: Slot::new(0) };
        let listed = Committable {
            checkpoint: CheckpointId::new(1),
            id,
            producer: Producer { id: 7, epoch: 3 },
            protocol: TransactionProtocol::V1,
            records: 1,
        };
        let at =
            |state, id, epoch| fate(&listed, Some(Described { state, producer: Producer { id, epoch } }));
        assert_eq!(at(TransactionState::CompleteCommit, 7, 3), Fate::Committed);
        assert_eq!(at(TransactionState::CompleteCommit, 7, 4), Fate::Unknowable);
        assert_eq!(at(TransactionState::CompleteCommit, 8, 3), Fate::Unknowable);
        assert_eq!(at(TransactionState::CompleteAbort, 7, 4), Fate::Aborted);
        assert_eq!(at(TransactionState::CompleteAbort, 7, 6), Fate::Unknowable);
        assert_eq!(at(TransactionState::Empty, 7, 4), Fate::Unknowable);
        assert_eq!(at(TransactionState::Ongoing, 7, 3), Fate::Unknowable);
        assert_eq!(fate(&listed, None), Fate::Unknowable);
    }

    #[test]
    fn a_commit_by_the_second_protocol_bumps_the_epoch() {
        let listed = Committable {
            checkpoint: CheckpointId::new(1),
            id: TransactionalId { attempt: Attempt::new(1), subtask: 0, slot: Slot::new(0) },
            producer: Producer { id: 7, epoch: 3 },
            protocol: TransactionProtocol::V2,
            records: 1,
        };
        let at = |state, epoch| fate(&listed, Some(Described { state, producer: Producer { id: 7, epoch } }));
        assert_eq!(at(TransactionState::CompleteCommit, 4), Fate::Committed);
        assert_eq!(at(TransactionState::CompleteCommit, 3), Fate::Unknowable);
        assert_eq!(at(TransactionState::CompleteAbort, 4), Fate::Aborted);
    }
}
