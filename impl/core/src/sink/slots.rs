//! The sink's transactional ids: which are free, which are in use, and when one may be used again.
//!
//! With one concurrent checkpoint three slots take turns: T(n) is listed by the checkpoint that a crash would restore,
//! T(n+1) is pre-committed, T(n+2) is open. An aborted checkpoint keeps its slot until a later one settles it.

use alloc::collections::BTreeMap;

use crate::id::CheckpointId;
use crate::transaction::{Producer, Slot, TransactionProtocol};

/// What a producer was initialised with: who ends its transaction needs all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Generation {
    pub(crate) producer: Producer,
    pub(crate) protocol: TransactionProtocol,
}

/// What a slot is doing. A free slot has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Use {
    /// InitProducerId is under way.
    Initialising,
    /// Its producer may begin a transaction.
    Ready(Generation),
    /// Records are, or may be, produced to it.
    Open(Generation),
    /// Its transaction is pre-committed and listed by snapshots.
    Listed,
    /// Its commit is confirmed; snapshots from this one on do not list it. `None` until such a snapshot was taken.
    Settled(Option<CheckpointId>),
}

/// The slots of one sink subtask.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slots {
    used: BTreeMap<Slot, Use>,
}

impl Slots {
    /// Takes the lowest free slot to be initialised, unless one is being initialised or is ready already.
    pub(crate) fn prepare(&mut self) -> Option<Slot> {
        if self.used.values().any(|used| matches!(used, Use::Initialising | Use::Ready(_))) {
            return None;
        }
        let slot = (0..).map(Slot::new).find(|slot| !self.used.contains_key(slot))?;
        self.used.insert(slot, Use::Initialising);
        Some(slot)
    }

    /// Its producer is initialised.
    pub(crate) fn initialised(&mut self, slot: Slot, generation: Generation) {
        let before = self.used.insert(slot, Use::Ready(generation));
        assert!(before == Some(Use::Initialising), "a slot is initialised once");
    }

    /// Opens the slot that is ready, if one is.
    pub(crate) fn open(&mut self) -> Option<Slot> {
        let (slot, used) = self.used.iter_mut().find(|(_, used)| matches!(used, Use::Ready(_)))?;
        let Use::Ready(generation) = *used else { return None };
        *used = Use::Open(generation);
        Some(*slot)
    }

    /// Its transaction is flushed and pre-committed: this is what its producer was initialised with.
    pub(crate) fn pre_committed(&mut self, slot: Slot) -> Generation {
        match self.used.insert(slot, Use::Listed) {
            Some(Use::Open(generation)) => generation,
            _ => panic!("only an open transaction is pre-committed"),
        }
    }

    /// Its commit is confirmed.
    pub(crate) fn settled(&mut self, slot: Slot) {
        let before = self.used.insert(slot, Use::Settled(None));
        assert!(before == Some(Use::Listed), "only a pre-committed transaction is settled");
    }

    /// A snapshot for this checkpoint was taken; it does not list the settled ones.
    pub(crate) fn snapshot(&mut self, checkpoint: CheckpointId) {
        for used in self.used.values_mut() {
            if *used == Use::Settled(None) {
                *used = Use::Settled(Some(checkpoint));
            }
        }
    }

    /// This checkpoint is complete: what it does not list is free.
    pub(crate) fn completed(&mut self, checkpoint: CheckpointId) {
        self.used.retain(|_, used| !matches!(used, Use::Settled(Some(unlisted)) if *unlisted <= checkpoint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> CheckpointId {
        CheckpointId::new(number)
    }

    fn generation(epoch: i16) -> Generation {
        Generation { producer: Producer { id: 1, epoch }, protocol: TransactionProtocol::V1 }
    }

    /// Runs one checkpoint: the ready slot opens, is pre-committed at its barrier, and the next one is prepared.
    fn turn(slots: &mut Slots, checkpoint: u64, epoch: i16) -> Slot {
        let slot = slots.prepare().unwrap();
        slots.initialised(slot, generation(epoch));
        assert_eq!(slots.open(), Some(slot));
        assert_eq!(slots.pre_committed(slot), generation(epoch));
        slots.snapshot(id(checkpoint));
        slot
    }

    #[test]
    fn a_slot_is_free_only_after_a_completed_checkpoint_that_does_not_list_it() {
        let mut slots = Slots::default();
        assert_eq!(turn(&mut slots, 1, 0), Slot::new(0));
        slots.completed(id(1));
        slots.settled(Slot::new(0));
        assert_eq!(turn(&mut slots, 2, 0), Slot::new(1)); // checkpoint 1 lists slot 0, and is what a crash restores
        slots.completed(id(2));
        slots.settled(Slot::new(1));
        assert_eq!(turn(&mut slots, 3, 1), Slot::new(0));
    }

    #[test]
    fn an_aborted_checkpoint_keeps_its_slot() {
        let mut slots = Slots::default();
        assert_eq!(turn(&mut slots, 1, 0), Slot::new(0));
        assert_eq!(turn(&mut slots, 2, 0), Slot::new(1));
        assert_eq!(turn(&mut slots, 3, 0), Slot::new(2));
        assert_eq!(turn(&mut slots, 4, 0), Slot::new(3));
    }

    #[test]
    fn one_producer_is_prepared_ahead_and_not_more() {
        let mut slots = Slots::default();
        let slot = slots.prepare().unwrap();
        assert_eq!(slots.prepare(), None);
        slots.initialised(slot, generation(0));
        assert_eq!(slots.prepare(), None);
        assert!(slots.open().is_some());
        assert_eq!(slots.prepare(), Some(Slot::new(1)));
    }
}
