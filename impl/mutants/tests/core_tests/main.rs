//! The core's own scripts under every mutant: which of its tests notice that one. The tests are the core's, word for word, and the roles
//! that they step stand in a mutant that the environment names (`hosted.rs`); without one they are the core's. `table.rs` runs them
//! under each mutant and compares with what is committed.
//!
//! `TRUECUT_WRITE=1 cargo test -p truecut-mutants --test core_tests` writes that again.

#[cfg(test)]
extern crate alloc;

#[cfg(test)]
mod hosted;
#[cfg(test)]
mod table;
#[cfg(test)]
#[path = "../../../core/src/tests/mod.rs"]
mod tests;

#[cfg(test)]
use hosted::{AnyRole, Coordinator, Operator, Sink, Source, Worker};
#[cfg(test)]
use truecut_core::*;
