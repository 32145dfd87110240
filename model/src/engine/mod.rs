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
//! States of equal fingerprints count as one. Among n states with fingerprints drawn at random, some two collide with
//! probability of at most n²/2⁶⁵; a report says it (`omission_odds`).

mod arena;
mod edges;
mod memo;
mod pool;
mod slots;
mod table;
mod visited;
mod ways;
mod worker;

pub(crate) use visited::Visited;
pub(crate) use ways::{Way, Ways};
pub(crate) use worker::{Candidate, Engine, Expanded, Piece};

/// An id or a place as an index.
#[inline]
fn index(number: u32) -> usize {
    usize::try_from(number).expect("a word has 32 bits")
}
