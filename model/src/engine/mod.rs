//! The engine of a search: states as short arrays of ids, steps from memory.
//!
//! - **Ids** (`table.rs`, `slots.rs`). A state is cut into cells, each at a *slot*; every value that a cell ever has is kept once, in
//!   a table, under an id. A state is the array of its ids. Its fingerprint is the sum over slots of a hash of slot and value, so
//!   that it does not depend on the order in which ids were given out, and a step changes it by a difference that is known with the step.
//! - **Memory** (`memo.rs`). A step reads a few cells and is deterministic, so that the cells it reads form a path in a decision
//!   tree: the next cell read is determined by the values read before. One tree per action, and per part of what is possible,
//!   whose leaves hold the outcome. A path that is there is walked, and the core does not run; otherwise the core runs, once, on
//!   the whole state, and the path is put in. This is exact and no heuristic; a search without memory counts the same.
//! - **What was seen** (`visited.rs`): 64-bit fingerprints in open addressing, and per state the way to it (`ways.rs`).
//!
//! - **Threads** (`../search.rs`). A block of states is expanded share by share; fingerprints are put in by shards; new states are
//!   written down share by share; and then numbered in order. So nothing depends on the number of threads.
//!
//! # Odds
//! States of equal fingerprints count as one, and what lies behind the second is not seen. Were fingerprints drawn at random, some two
//! of n states would share one with a probability of at most n²/2⁶⁵; a report says it (`omission_odds`): 0.0006 for 150 million
//! states. Two values of one kind of cell with one fingerprint are noticed: the search stops.
//!
//! # Bytes
//! A state that was seen takes 5 bytes for the way to it and 10 to 15 bytes of fingerprints, which are 8 bytes in a table that is
//! filled to between 53 and 80 in 100. A state that waits to be expanded takes 4 bytes per slot and 8 for its fingerprint.

mod arena;
mod edges;
mod memo;
mod piece;
mod pool;
mod slots;
mod table;
mod visited;
mod ways;
mod worker;

/// Most cells of a state that a search can follow: bits of a word, and one value that says nowhere.
pub(crate) const MOST_CELLS: usize = 127;

/// Cells that the states of a scope have.
pub(crate) fn cells(scope: &crate::scope::Scope) -> usize {
    slots::Layout::new(scope).len()
}

pub(crate) use piece::{Candidate, Expanded, Piece};
pub(crate) use visited::Visited;
pub(crate) use ways::{Way, Ways};
pub(crate) use worker::Engine;

/// An id or a place as an index.
#[inline]
fn index(number: u32) -> usize {
    usize::try_from(number).expect("a word has 32 bits")
}
