//! Traces: what every role was given and what it gave, in a file that survives the death of its process.
//!
//! A [`Writer`] appends to a file that is mapped shared, so that what it published is in the page cache when the process is
//! killed. A [`Reader`] reads a trace back; [`replay()`] runs the core over the recorded inputs and compares its effects with
//! the recorded ones; [`causality()`] checks that everything received was sent, once and in order. None of this takes part in
//! the protocol.
//!
//! Order within a trace: an input before it is stepped; then the effects of that step, each before it is performed. Records
//! appear as digests only.

mod causality;
mod digest;
mod error;
mod frame;
mod header;
mod lanes;
mod reader;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

pub use causality::{Causality, Violation, causality, in_causal_order};
pub use digest::BatchDigest;
pub use error::TraceError;
pub use frame::{Event, Frame, Stamp};
pub use header::{Construction, Header, RoleId};
pub use lanes::Delivery;
pub use reader::Reader;
pub use replay::{Divergence, Replayed, replay};
pub(crate) use writer::CHUNK_MAX as WINDOW_MAX;
pub use writer::Writer;
