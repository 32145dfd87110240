//! How a transaction ends at the broker: decided at its coordinator, then told to each partition by a marker. Also how a
//! transactional id is forgotten.
//!
//! EndTxn is answered when the end is decided. Unless markers are late, every partition sees it at once.

use truecut_core::{MarkerEvent, Producer, TransactionState};

use crate::world::kafka::{End, Entry, Kafka, is_prepared};

/// A transaction whose end is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ending {
    /// The generation that wrote it.
    writer: Producer,
    /// Partitions of the output topic that have not seen the end, as bits.
    partitions: u32,
    /// The marker topic's partition has not seen it.
    mark: bool,
}

/// A partition that learns of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// One of the output topic.
    Output(usize),
    /// That of the marker topic which belongs to the sink subtask.
    Markers,
}

impl<K: Copy + Ord, R: Copy> Kafka<K, R> {
    /// Decides, and writes the markers if they are not late.
    pub(super) fn end(&mut self, id: K, end: End, producer: Producer) {
        let writer = self.entry(id).map_or(producer, |entry| entry.producer);
        let partitions = self.members.remove(&id).unwrap_or(0);
        let mark = self.marks.contains_key(&id);
        let state = match end {
            End::Commit => TransactionState::PrepareCommit,
            End::Abort => TransactionState::PrepareAbort,
        };
        self.ids.insert(id, Entry { state, producer });
        self.ending.insert(id, Ending { writer, partitions, mark });
        if !self.manners.late_markers {
            let told: Vec<_> = self.untold(id).collect();
            told.into_iter().for_each(|partition| self.tell(id, partition));
        }
        self.complete(id);
    }

    /// Markers that are to be written.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = (K, Told)> + '_ {
        self.ending.keys().flat_map(|id| self.untold(*id).map(|told| (*id, told)))
    }

    fn untold(&self, id: K) -> impl Iterator<Item = Told> + use<K, R> {
        let ending = self.ending.get(&id).copied();
        let partitions = 0..self.logs.len();
        let outputs = partitions
            .filter(move |place| ending.is_some_and(|ending| ending.partitions & 1 << place != 0))
            .map(Told::Output);
        outputs.chain(ending.filter(|ending| ending.mark).map(|_| Told::Markers))
    }

    /// A marker is written.
    pub(crate) fn write_marker(&mut self, id: K, told: Told) {
        self.tell(id, told);
        self.complete(id);
    }

    fn tell(&mut self, id: K, told: Told) {
        let commits = self.entry(id).is_some_and(|entry| entry.state == TransactionState::PrepareCommit);
        let ending = self.ending.get_mut(&id).expect("its end is decided");
        match told {
            Told::Output(place) => {
                ending.partitions &= !(1 << place);
                self.tell_output(id, place, commits);
            }
            Told::Markers => {
                ending.mark = false;
                let mark = self.marks.remove(&id);
                if let Some((subtask, marker)) = mark.filter(|_| commits) {
                    // Markers of one subtask lie in the order of their checkpoints, whichever is committed first.
                    let newest = self.marked.entry(subtask).or_insert(marker);
                    *newest = marker.max(*newest);
                }
            }
        }
    }

    fn tell_output(&mut self, id: K, place: usize, commits: bool) {
        let log = &mut self.logs[place];
        if commits || self.manners.read_uncommitted {
            let ended = log.iter_mut().filter(|written| written.open == Some(id));
            ended.for_each(|written| written.open = None);
        } else {
            log.retain(|written| written.open != Some(id));
        }
    }

    fn complete(&mut self, id: K) {
        if self.untold(id).next().is_some() {
            return;
        }
        self.ending.remove(&id);
        let entry = self.ids.get_mut(&id).expect("its end was decided");
        let commits = entry.state == TransactionState::PrepareCommit;
        entry.state =
            if commits { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
    }

    /// Whether a partition has not seen the end of this generation's transaction.
    pub(super) fn has_not_seen_the_end(&self, id: K, producer: Producer, place: usize) -> bool {
        self.ending
            .get(&id)
            .is_some_and(|ending| ending.writer == producer && ending.partitions & 1 << place != 0)
    }

    /// Whether requests about the id are answered CONCURRENT_TRANSACTIONS: its end is decided, and not every partition has
    /// seen it.
    pub(crate) fn is_ending(&self, id: K) -> bool {
        self.entry(id).is_some_and(|entry| is_prepared(entry.state))
    }

    /// What a sink subtask's partition of the compacted marker topic tells: of committed markers the newest, and those that
    /// nothing is known of yet.
    pub(crate) fn markers(&self, subtask: u16) -> Vec<MarkerEvent> {
        let newest = self.marked.get(&subtask).into_iter();
        let told = newest.flat_map(|marker| {
            let written = MarkerEvent::Written { producer: 0, marker: *marker };
            [written, MarkerEvent::Ended { producer: 0, committed: true }]
        });
        let open = self.marks.values().filter(|(of, _)| *of == subtask);
        let open =
            (1..).zip(open).map(|(producer, (_, marker))| MarkerEvent::Written { producer, marker: *marker });
        told.chain(open).collect()
    }

    /// Ids without an open transaction, which are forgotten when nobody uses them for long.
    pub(crate) fn idle_ids(&self) -> impl Iterator<Item = K> + '_ {
        let idle = |state| state != TransactionState::Ongoing && !is_prepared(state);
        self.ids.iter().filter(move |(_, entry)| idle(entry.state)).map(|(id, _)| *id)
    }

    /// An id expires: whoever initialises it again gets another producer id.
    pub(crate) fn forget(&mut self, id: K) {
        self.ids.remove(&id);
        *self.forgotten.entry(id).or_insert(0) += 1;
    }
}
