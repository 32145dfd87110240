//! The document of `truecut bench check`: how fast the model is searched. Who searches is the program's `check`; here is what is kept of it.

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::statistics::Spread;
use crate::verdict::Verdict;

/// The name of the benchmark.
pub const BENCH_CHECK: &str = "bench check";

/// A benchmark of the model's search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckDocument {
    /// Version of the form of all documents.
    pub schema: u32,
    /// [`BENCH_CHECK`].
    pub command: String,
    /// Holds if every search was complete and found what it should.
    pub verdict: Verdict,
    /// The command line that does it again.
    pub arguments: String,
    /// Where.
    pub machine: Machine,
    /// Searches with each setting.
    pub rounds: u32,
    /// A row for each scope with each number of threads.
    pub rows: Vec<CheckRow>,
}

/// A scope with a number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRow {
    /// The world that was searched.
    pub scope: String,
    /// Threads that searched.
    pub threads: usize,
    /// Of all rounds.
    pub verdict: Verdict,
    /// Different states.
    pub unique_states: u64,
    /// Steps between states.
    pub generated_states: u64,
    /// Of a search.
    pub seconds: Spread,
    /// Different states per second.
    pub states_per_second: Spread,
    /// What the set of visited states takes, by state.
    pub bytes_per_state: f64,
}
