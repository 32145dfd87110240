//! Fuzz targets: functions that take any bytes and panic only if something is wrong.
//!
//! Each target asks for more than survival: what is read must be written and read again as the same, what was damaged must be
//! refused, a schedule must violate no property. The same functions run in three ways: over the committed corpus in every test
//! run, by random mutation on a stable compiler (`truecut-fuzz TARGET`), and under `cargo fuzz`.

pub mod campaign;
pub mod dice;
mod memory_file;
pub mod mutator;
pub mod outcome;
pub mod round_trip;
pub mod targets;

pub use outcome::Outcome;
pub use targets::{TARGETS, Target};
