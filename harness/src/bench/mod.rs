//! Benchmarks: the same job done by truecut and by genuine others, in turn, on one Kafka; each run verified before its numbers count.
//!
//! Decides what is measured and how, the same for all subjects. Leaves to others: what a subject does (`subject`: truecut itself, or a
//! program that keeps the contract of docs/benchmarks.md), whether its output is right (`verify`, by the oracle of the chaos runs), what
//! a person reads (`page`, `plot`).

mod check;
mod consumer;
pub mod document;
mod feed;
mod input;
mod kafka;
mod latency;
mod machine;
pub mod page;
mod plot;
mod processes;
mod progress;
mod read;
mod recovery;
mod run;
mod settings;
mod statistics;
mod subject;
mod throughput;
mod told;
mod verify;
mod warm_up;

use std::sync::Arc;

pub use check::{BENCH_CHECK, CheckDocument, CheckRow};
pub use input::BYTES_MIN;
pub use latency::{LatencyOptions, latency};
pub use machine::Machine;
pub use processes::{Process, peak_memory};
pub use recovery::{RecoveryOptions, Victim, recovery};
pub use run::{Amount, Common};
pub use settings::{Cell, Guarantee, Query};
pub use statistics::Spread;
pub use subject::{PEERS, SubjectName};
pub use throughput::throughput;

/// Hears what is being done, one short line at a time.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;
