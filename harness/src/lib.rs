//! What the `truecut` program is made of: what is fed in, what is seen, how it is judged, how it is told.
//! The oracle shares no code with the protocol core, so that one mistake cannot hide in both.

pub mod bench;
pub mod chaos;
pub mod conformance;
pub mod counterexample;
pub mod coverage;
pub mod estimate;
pub mod failure;
pub mod from_model;
pub mod history;
pub mod kill_matrix;
pub mod oracle;
pub mod report;
pub mod safety;
pub mod timing;
pub mod to_model;
pub mod verdict;
mod wall_clock;
pub mod workload;
pub mod world;
