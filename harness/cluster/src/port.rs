//! Free TCP ports for brokers, which keep theirs over a restart.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

use crate::broker::BrokerId;
use crate::error::ClusterError;
use crate::options::Options;

/// The first port that is tried.
const FIRST: u16 = 20_000;

/// Ports that this process has given out; none is given out twice.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// The ports of one broker that listens on this machine's own network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) id: BrokerId,
    pub(crate) direct: u16,
    pub(crate) behind: Option<u16>,
    pub(crate) between: u16,
    pub(crate) controller: u16,
}

impl Ports {
    /// Free ports for each broker: each must know where the others' controllers will be.
    pub(crate) fn choose(options: &Options) -> Result<Vec<Self>, ClusterError> {
        options.ids().map(|id| Self::free(options, id)).collect()
    }

    /// Free ports for one broker.
    pub(crate) fn free(options: &Options, id: BrokerId) -> Result<Self, ClusterError> {
        let behind = behind(options, id)?;
        let (direct, between, controller) = (free()?, free()?, free()?);
        Ok(Self { id, direct, behind, between, controller })
    }
}

/// A free port for those who come through a proxy, if there is one before this broker.
pub(crate) fn behind(options: &Options, id: BrokerId) -> Result<Option<u16>, ClusterError> {
    options.proxies.get(&id).map(|_| free()).transpose()
}

/// Where something on this machine is reached.
pub(crate) fn here(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A port that nobody listens on, on any address.
///
/// It lies below the range from which the kernel takes the ports of outgoing connections: a client that keeps
/// connecting to a stopped broker on this machine could otherwise be given the broker's own port, and hold it.
///
/// # Errors
/// [`ClusterError::Refused`] when there is none.
pub(crate) fn free() -> Result<u16, ClusterError> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let end =
        range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32_768).max(FIRST + 1_000);
    let span = u64::from(end - FIRST);
    let start = RandomState::new().hash_one(std::process::id()) % span;
    let mut given = GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    (0..span)
        .filter_map(|step| u16::try_from((start + step) % span).ok())
        .map(|offset| FIRST + offset)
        .find(|port| !given.contains(port) && is_free(*port))
        .inspect(|port| {
            given.insert(*port);
        })
        .ok_or_else(|| ClusterError::Refused(format!("no free TCP port between {FIRST} and {end}")))
}

/// Whether nobody listens on `port`.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_given_out_are_free_and_differ() {
        let ports: Vec<u16> = (0..20).map(|_| free().expect("a port is free")).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
        assert!(ports.iter().all(|port| is_free(*port) && *port >= FIRST));
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the kernel gives a port");
        assert!(!is_free(listener.local_addr().expect("it has an address").port()));
    }
}
