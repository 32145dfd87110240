//! What a proxy reports: every firing of a rule, what became of copies, and what went wrong with connections.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::protocol::Head;
use crate::rule::{RuleId, Side};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since 1970, by this machine's clock.
    pub at_us: u64,
    /// Which connection; they are numbered from 1.
    pub connection: u64,
    /// The rule behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The frame that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// What happened.
    pub what: What,
}

/// The frame that something happened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// Whether it is the request or the answer.
    pub side: Side,
    /// Whose it is.
    pub client_id: Option<String>,
    /// The transactional id that it is about.
    pub transactional_id: Option<String>,
    /// Kafka's correlation id.
    pub correlation: Option<i32>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A rule fired: the frame is lost.
    Dropped,
    /// A rule fired: the frame waits.
    Delayed,
    /// A rule fired: the frame passed, and a copy will follow.
    Copied,
    /// A rule fired: the frame waits for its release.
    Held,
    /// A rule fired: the connection is reset.
    Reset,
    /// What was copied or held was handed to the network.
    Delivered {
        /// By which connection.
        by: By,
    },
    /// Upstream's answer to what was copied or held came, and was kept from the client.
    Answered {
        /// Kafka's error code, for Produce (of its first partition), EndTxn, InitProducerId, AddPartitionsToTxn (also of
        /// the first partition) and AddOffsetsToTxn.
        error_code: Option<i16>,
    },
    /// What was copied or held never was delivered, or its answer did not come.
    Failed {
        /// Why.
        why: String,
    },
    /// This direction of the connection does not speak the protocol; from here on it is forwarded as bytes.
    Unreadable {
        /// Which direction.
        side: Side,
        /// What is wrong.
        why: String,
    },
    /// A client's connection was reset, as upstream can't be reached.
    Unreached {
        /// Why.
        why: String,
    },
    /// A client's new connection was reset by a link fault.
    Refused,
}

/// Which connection carried a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The one on which the frame came.
    SameConnection,
    /// One of the proxy's own.
    OwnConnection,
}

impl Event {
    pub(crate) fn of_connection(connection: u64, what: What) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        Self { at_us, connection, rule: None, frame: None, what }
    }

    pub(crate) fn of_rule(connection: u64, rule: RuleId, side: Side, head: &Head, what: What) -> Self {
        let frame = Frame {
            name: head.name.clone(),
            side,
            client_id: head.client_id.clone(),
            transactional_id: head.transactional_id.clone(),
            correlation: head.correlation,
        };
        Self { rule: Some(rule), frame: Some(frame), ..Self::of_connection(connection, what) }
    }
}
