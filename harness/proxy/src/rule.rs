//! What a rule says: plain data that a plan is written in. Decides nothing; [`crate::rules`] counts and fires.

use serde::{Deserialize, Serialize};

/// Which way bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// From the client to upstream.
    Request,
    /// From upstream back to the client.
    Response,
}

/// Names a rule within its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub(crate) u64);

/// One fault: which frame suffers it, and what happens to that frame.
///
/// A frame suffers one action at most. If several rules are due for it, the one added first acts, and the others act on
/// the next frame that they match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the frame: an API of Kafka (`EndTxn`), or the name that a classifier gives.
    pub frame: String,
    /// The request itself, or its answer.
    pub side: Side,
    /// Which of the matching frames.
    pub when: Occurrence,
    /// Only frames of connections whose client id begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id_prefix: Option<String>,
    /// Only frames about a transactional id that contains this; an answer is about what its request was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional_id_contains: Option<String>,
    /// What happens.
    pub action: Action,
}

/// When a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// Once, at the n-th matching frame since the rule was added; the first is 1.
    Nth(u64),
    /// At every matching frame.
    Every,
}

/// What happens to a frame.
///
/// In a protocol of requests (Kafka's), where answers come in the order of requests, a frame can't be lost alone: the
/// connection is spoilt from there on. In a protocol of messages a lost frame is just one frame less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The frame vanishes.
    ///
    /// Kafka: so does everything that follows it in its direction on this connection. The other direction goes on: after a lost
    /// request earlier answers still come, after a lost answer later requests still reach upstream. When the time is
    /// over, the client's connection is reset, and the one to upstream is closed, so that what was sent on it arrives.
    /// Without a time it lasts until an end closes the connection, as clients do when a request times out.
    Drop {
        /// Milliseconds until the connection is closed; 0 is at once. Refused for protocols of messages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        close_after_ms: Option<u64>,
    },
    /// The frame, and what follows it in its direction, waits so long.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The frame passes, and comes a second time.
    ///
    /// A request of Kafka's is sent again on the same connection, between two other requests; if that connection is gone, on one of
    /// the proxy's own. The answer to it is reported and goes no further. An answer of Kafka's can't be duplicated:
    /// refused. A message is repeated on the same connection only.
    Duplicate {
        /// Milliseconds between the frame and its copy.
        after_ms: u64,
    },
    /// Client and upstream both see a reset of the connection (RST) instead of the frame. What was sent before, and has
    /// not been read, may be lost, too.
    Reset,
    /// The frame is on its way for a long time, while its sender gives up.
    ///
    /// A request of Kafka's is delivered on a connection of the proxy's own when it is released. Answers of Kafka's can't
    /// be held: refused. A message is delivered late on its own connection, after others that passed it; if that
    /// connection is gone by then, it is lost.
    Hold {
        /// Released by itself after so many milliseconds; else only by `release`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
        /// What the client sees of it.
        #[serde(default)]
        client: ClientSees,
    },
}

/// What a client sees whose request is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientSees {
    /// No answer: what it sends after that on this connection vanishes, until it gives up. A message's sender sees nothing.
    #[default]
    Silence,
    /// A reset; the connection to upstream is closed, so that earlier requests arrive. Refused for messages.
    Reset,
}

/// How often a rule was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Frames that matched.
    pub matched: u64,
    /// Frames that it acted on.
    pub fired: u64,
}
