//! Link faults: what is wrong with every connection, or with those of some clients, until it is healed.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::protocol::{Protocol, Style};
use crate::rule::Side;
use crate::rules::Refused;

/// Names a link fault within its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub(crate) u64);

/// A fault of the whole link. Several add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkFault {
    /// What is wrong.
    pub kind: LinkFaultKind,
    /// Only for connections whose client id begins so. A client id is known from the first frame that tells it; until
    /// then a connection suffers nothing of this fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id_prefix: Option<String>,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkFaultKind {
    /// Nothing passes, not even the end of a connection. What was under way is kept, and passes once it is healed.
    Cut {
        /// Which direction; both if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        side: Option<Side>,
        /// What becomes of new connections.
        #[serde(default)]
        newcomers: Newcomers,
    },
    /// All connections are reset, once; there is nothing to heal.
    Reset,
    /// New connections are reset at once; existing ones live. With a prefix: at the first frame that tells the client id.
    Refuse,
    /// Everything passes late.
    Slow {
        /// Towards upstream.
        #[serde(default)]
        requests: Pace,
        /// Back to the client.
        #[serde(default)]
        answers: Pace,
    },
}

/// What becomes of new connections while a link is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Newcomers {
    /// Accepted, and cut like all others; if both directions are, upstream sees nothing of them until it is healed.
    #[default]
    Stall,
    /// Reset at once.
    Refuse,
}

/// How slow a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Milliseconds by which each byte comes later. At most 1 MiB per connection is on its way at a time.
    #[serde(default)]
    pub latency_ms: u64,
    /// Bytes that pass per second, on each connection; all if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<NonZeroU64>,
}

impl LinkFault {
    /// Whether a proxy of this protocol can carry it out.
    pub(crate) fn check(&self, protocol: &dyn Protocol) -> Result<(), Refused> {
        if self.client_id_prefix.is_some() && protocol.style() == Style::Bytes {
            let why = "link fault with client_id_prefix: this proxy forwards bytes and knows no client ids";
            return Err(Refused(why.to_owned()));
        }
        Ok(())
    }

    pub(crate) fn concerns(&self, client_id: Option<&str>) -> bool {
        let begins = |prefix: &String| client_id.is_some_and(|id| id.starts_with(prefix));
        self.client_id_prefix.as_ref().is_none_or(begins)
    }
}

/// The link faults in force.
#[derive(Clone, Default)]
pub(crate) struct Links(pub(crate) Vec<(FaultId, LinkFault)>);

/// What one direction of one connection suffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suffers {
    pub(crate) cut: bool,
    pub(crate) latency: Duration,
    pub(crate) bytes_per_second: Option<NonZeroU64>,
}

impl Links {
    fn concerning(&self, client_id: Option<&str>) -> impl Iterator<Item = LinkFaultKind> {
        self.0.iter().filter(move |(_, fault)| fault.concerns(client_id)).map(|(_, fault)| fault.kind)
    }

    /// Latencies add up; the lowest rate counts.
    pub(crate) fn suffers(&self, side: Side, client_id: Option<&str>) -> Suffers {
        let mut all = Suffers::default();
        for kind in self.concerning(client_id) {
            match kind {
                LinkFaultKind::Cut { side: cut, .. } => all.cut |= cut.is_none_or(|cut| cut == side),
                LinkFaultKind::Slow { requests, answers } => {
                    let pace = match side {
                        Side::Request => requests,
                        Side::Response => answers,
                    };
                    all.latency += Duration::from_millis(pace.latency_ms);
                    let rates = [all.bytes_per_second, pace.bytes_per_second];
                    all.bytes_per_second = rates.into_iter().flatten().min();
                }
                LinkFaultKind::Reset | LinkFaultKind::Refuse => {}
            }
        }
        all
    }

    /// Whether a new connection is reset; asked at its beginning, and again once its client id is known.
    pub(crate) fn refuses(&self, client_id: Option<&str>) -> bool {
        self.concerning(client_id).any(|kind| match kind {
            LinkFaultKind::Refuse => true,
            LinkFaultKind::Cut { newcomers, .. } => newcomers == Newcomers::Refuse,
            LinkFaultKind::Reset | LinkFaultKind::Slow { .. } => false,
        })
    }

    /// Whether upstream sees nothing of a new connection.
    pub(crate) fn stalls_newcomers(&self) -> bool {
        let cut = |side| self.suffers(side, None).cut;
        cut(Side::Request) && cut(Side::Response)
    }
}
