//! Portions of a search: states that wait to be expanded, and where their steps lead.

use std::sync::atomic::AtomicBool;

use crate::action::Action;

/// States that lie side by side.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// The ids of one state after the other.
    pub(crate) ids: Vec<u32>,
    pub(crate) prints: Vec<u64>,
    /// The number of the first.
    pub(crate) first: u32,
}

/// Where a step leads.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) print: u64,
    /// The place of the step's outcome in memory.
    pub(super) outcome: u32,
    /// The state in its share.
    pub(super) from: u16,
    /// The number of the step among those that are possible.
    pub(super) step: u8,
    /// No state before it has its fingerprint.
    pub(crate) is_new: AtomicBool,
}

/// What became of a share.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) witnessed: u32,
    /// States with violated properties, and their bits.
    pub(crate) violated: Vec<(u32, u32)>,
    /// Steps that made a role panic: the state, the action and what it said.
    pub(crate) panicked: Option<(u32, Action, String)>,
    pub(crate) generated: u64,
}

/// A few states of a piece, for one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share<'a> {
    pub(super) ids: &'a [u32],
    pub(super) prints: &'a [u64],
    /// The number of the first.
    pub(super) first: u32,
}

impl Piece {
    /// Its states in shares of so many.
    pub(crate) fn shares(&self, states: usize) -> impl Iterator<Item = Share<'_>> {
        let width = self.ids.len() / self.prints.len().max(1);
        let shares = self.ids.chunks(states * width.max(1)).zip(self.prints.chunks(states));
        shares.scan(self.first, |first, (ids, prints)| {
            let share = Share { ids, prints, first: *first };
            *first += u32::try_from(prints.len()).expect("few states");
            Some(share)
        })
    }

    /// How many states there are.
    pub(crate) fn len(&self) -> usize {
        self.prints.len()
    }

    /// Puts the states of another piece behind its own.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.ids.append(&mut other.ids);
        self.prints.append(&mut other.prints);
    }
}
