//! The structures that threads of the runtime share, under every order in which those threads may run.
//!
//! The structures are the runtime's own source files, compiled once more with loom's `Mutex` and `Condvar` in place of std's
//! (`build/main.rs`); the runtime knows nothing of it. [`scenarios`] says what must hold: no lost wake-up, no lost or reordered
//! batch, no deadlock, credit never exceeded. Each of [`mutants`] is an edit of those sources that a scenario must catch.
//!
//! What is between threads besides, and why it is not here:
//! - channels of tokio and std (deliveries of a consumer, commands to a producer's thread, reports to the worker, frames of a
//!   connection): the library's own, with its own loom tests; nothing of ours waits beside them;
//! - flags that only end something soon (`Consumer::stop`, the armed crash point, metrics enabled): no data hangs on them;
//! - maps under one lock that nobody waits for (a sink's producers, the metrics, waiters of a connection): one critical section
//!   each, and whoever is told of an entry is told through a channel or the input gate, after it was made;
//! - the memory that a trace is mapped to: its reader is another process, after a kill; real kills test it.

pub mod explore;
pub mod scenarios;
pub mod sync;

include!(concat!(env!("OUT_DIR"), "/as_is.rs"));

/// A structure with a known fault.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// Part of what is said when it is caught.
    pub finding: &'static str,
    /// The scenario that catches it; or why there is none any more.
    pub run: Result<fn(), &'static str>,
}

/// The mutants, each a copy of all structures with its edits.
#[allow(warnings, clippy::all, reason = "wrong code may look wrong; the right one is linted where it stands")]
pub mod mutants {
    use super::Mutant;

    include!(concat!(env!("OUT_DIR"), "/mutants.rs"));
}
