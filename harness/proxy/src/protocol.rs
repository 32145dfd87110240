//! How a stream of bytes is cut into frames, and what a frame is called. Decides nothing about faults.

mod bytes;
mod frames;
mod kafka;

use ::bytes::Bytes;

pub use self::bytes::Untouched;
pub use frames::{Frames, Named, Prefix, Seen};
pub use kafka::Kafka;

use crate::rule::{RuleId, Side};

/// Larger frames are not taken for frames; Kafka's own limit of a request is the same.
pub const FRAME_BYTES_MAX: usize = 100 << 20;

/// What connections of a proxy speak.
pub trait Protocol: Send + Sync + 'static {
    /// What the loss of a frame means.
    fn style(&self) -> Style;

    /// Whether a frame can have this name.
    fn knows(&self, frame: &str) -> bool;

    /// What cuts a new connection, which has this number.
    fn open(&self, connection: u64) -> Box<dyn Cutter>;
}

/// What the frames of a protocol have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// There are none.
    Bytes,
    /// Each stands alone, in order on its connection.
    Messages,
    /// Requests, which any connection may carry, are answered in order.
    Requests,
}

/// Cuts one connection. What it is shown begins where a frame begins.
pub trait Cutter: Send {
    /// Looks at the first bytes of a frame. It is asked again, with more bytes, until it names the frame or gives up.
    fn peek(&mut self, side: Side, bytes: &Bytes) -> Peek;

    /// A request is about to be sent to upstream; for a second copy with the rule that wants it.
    fn sent(&mut self, _request: &Head, _copy: Option<RuleId>) {}

    /// The error code in an answer, if the protocol has one and it is easily found.
    fn error_code(&self, _answer: &Head, _frame: &Bytes) -> Option<i16> {
        None
    }
}

/// What is known after a look at the first bytes of a frame.
#[derive(Clone, Debug)]
pub enum Peek {
    /// Nothing yet: so many bytes are needed, more than there were.
    Need(usize),
    /// The frame's head.
    Frame(Head),
    /// It is none, for this reason: from here on this direction is only bytes.
    Garbage(String),
}

/// What is known of a frame without its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the whole frame, with its length field.
    pub length: usize,
    /// The name that rules go by; empty if it has none.
    pub name: String,
    /// Who sent it, or the request that it answers.
    pub client_id: Option<String>,
    /// The transactional id that it, or the request that it answers, is about.
    pub transactional_id: Option<String>,
    /// By what an answer finds its request.
    pub correlation: Option<i32>,
    /// Kafka's API key and version.
    pub api: Option<(i16, i16)>,
    /// A request: whether upstream answers it.
    pub answered: bool,
    /// An answer to a copy that this rule made: no client waits for it.
    pub copy: Option<RuleId>,
}
