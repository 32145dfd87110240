//! Which cells a step reads, in the order in which it first reads them.
//!
//! Cells that were loaded from a state's ids know their slot and report here when they are read or edited (`cell.rs`); nothing
//! else gives access to what they hold. A step is deterministic, so which cell it reads next is determined by what it has
//! read before: that makes the order a path in a decision tree (`engine/memo.rs`).

use std::cell::{Cell, RefCell};

/// The slot of a cell that belongs to no loaded state.
pub(crate) const NOWHERE: u8 = u8::MAX;

thread_local! {
    /// Slots that were read, as bits.
    static SEEN: Cell<u128> = const { Cell::new(0) };
    static ORDER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A cell is read.
#[inline]
pub(crate) fn read(slot: u8) {
    if slot == NOWHERE {
        return;
    }
    let seen = SEEN.get();
    if seen & 1 << slot == 0 {
        SEEN.set(seen | 1 << slot);
        ORDER.with_borrow_mut(|order| order.push(slot));
    }
}

/// Forgets what this thread read.
pub(crate) fn begin() {
    SEEN.set(0);
    ORDER.with_borrow_mut(Vec::clear);
}

/// What this thread read since it began.
pub(crate) fn taken() -> Vec<u8> {
    ORDER.with_borrow(Clone::clone)
}
