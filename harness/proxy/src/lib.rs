//! A TCP proxy that injects network faults by plan. It knows frames, so that one EndTxn can be lost, or come late.
//!
//! Decides what happens to a frame or a link that a rule or a link fault names, and reports it. Leaves to others which
//! faults there are and when, and knows nothing of truecut's protocol. Without a fault it forwards bytes untouched, as
//! they come, and reads no faster than it can write.
//!
//! TCP delivers in order or not at all. Therefore a lost request or answer of Kafka's spoils the rest of its connection, as
//! [`Action`] tells precisely; only messages of their own kind can vanish alone.

mod connection;
mod copies;
mod event;
mod inlet;
mod link;
mod outlet;
mod protocol;
mod proxy;
mod pump;
mod rule;
mod rules;
mod shared;

pub use event::{By, Event, Frame, What};
pub use link::{FaultId, LinkFault, LinkFaultKind, Newcomers, Pace};
pub use protocol::{
    Cutter, FRAME_BYTES_MAX, Frames, Head, Kafka, Named, Peek, Prefix, Protocol, Seen, Style, Untouched,
};
pub use proxy::{Listen, Proxy};
pub use rule::{Action, ClientSees, Counts, Occurrence, Rule, RuleId, Side};
pub use rules::Refused;
