//! The network of a run, on which its brokers talk to each other, and how one is cut off from the others on it.
//!
//! Clients reach brokers another way, over the engine's own bridge: a broker that is cut off from the others can still be
//! heard by its clients, which is the interesting case. The network is internal, so nothing but brokers is on it.
//!
//! Cutting a broker off wholly takes it off the network: any engine can do that. Cutting one direction drops packets by
//! iptables in the container's own network namespace, which takes root on the engine's machine, `nsenter` and `iptables`.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{
    EndpointSettings, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest,
};
use tokio::process::Command;

use crate::broker::BrokerId;
use crate::engine::{self, Kind, with_causes};
use crate::error::ClusterError;
use crate::tool;

/// How long one change of packet filters may take.
const FILTER_LIMIT: Duration = Duration::from_secs(20);

/// Why a process is not cut off.
pub(crate) const PROCESSES_SHARE: &str = "a broker that is a process shares this machine's network and cannot be cut \
                                          off from the others: use `--kafka container`";
/// Why a single broker is not cut off.
pub(crate) const ALONE: &str = "a single broker has no others to be cut off from: use 3";

/// How a broker is cut off from the other brokers. Clients still reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// It hears none of the others and is heard by none.
    Full,
    /// It hears the others, but nothing that it sends arrives. A TCP connection needs both directions, so what can be
    /// told one-way is only what fits into open connections before they time out.
    Mute,
    /// What it sends arrives, but it hears nothing of the others.
    Deaf,
}

/// The network of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunNetwork {
    id: String,
    /// Its addresses, as `ADDRESS/BITS`.
    subnet: String,
}

/// The network namespace of a container.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// The file that the engine names: it is here if the engine is. What is mounted on it is not seen by a process that has
    /// mounts of its own, so it is not the way in.
    pub(crate) named: PathBuf,
    /// The container's first process, by which it is entered.
    pub(crate) pid: i64,
}

/// The name of a broker on its network.
pub(crate) fn host(broker: BrokerId) -> String {
    format!("kafka-{broker}")
}

impl RunNetwork {
    /// Makes the network of `run`.
    pub(crate) async fn create(docker: &Docker, run: &str, keep: bool) -> Result<Self, ClusterError> {
        let name = format!("truecut-{run}");
        let failed = |e| ClusterError::engine(format!("make the network {name}"), with_causes(&e));
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            internal: Some(true),
            labels: Some(engine::labels(run, keep)),
            ..NetworkCreateRequest::default()
        };
        let id = docker.create_network(request).await.map_err(failed)?.id;
        let made = docker.inspect_network(&id, None).await.map_err(failed)?;
        let subnet =
            made.ipam.and_then(|ipam| ipam.config).into_iter().flatten().find_map(|part| part.subnet);
        match subnet {
            Some(subnet) => Ok(Self { id, subnet }),
            None => {
                engine::remove(docker, Kind::Network, &id).await?;
                Err(ClusterError::engine(format!("make the network {name}"), "it has no addresses"))
            }
        }
    }

    pub(crate) async fn remove(&self, docker: &Docker) -> Result<(), ClusterError> {
        engine::remove(docker, Kind::Network, &self.id).await
    }

    /// Puts a broker's container on it, under the broker's name.
    pub(crate) async fn connect(
        &self,
        docker: &Docker,
        container: &str,
        broker: BrokerId,
    ) -> Result<(), ClusterError> {
        let endpoint = EndpointSettings { aliases: Some(vec![host(broker)]), ..EndpointSettings::default() };
        let request =
            NetworkConnectRequest { container: container.to_owned(), endpoint_config: Some(endpoint) };
        let doing = || format!("put {container} on its network");
        docker
            .connect_network(&self.id, request)
            .await
            .map_err(|e| ClusterError::engine(doing(), with_causes(&e)))
    }

    /// Takes a container off it.
    pub(crate) async fn disconnect(&self, docker: &Docker, container: &str) -> Result<(), ClusterError> {
        let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        let doing = || format!("take {container} off its network");
        docker
            .disconnect_network(&self.id, request)
            .await
            .map_err(|e| ClusterError::engine(doing(), with_causes(&e)))
    }

    /// Starts or ends dropping one direction between a container and this network.
    pub(crate) async fn filter(
        &self,
        namespace: &Namespace,
        one_way: OneWay,
        drop: bool,
    ) -> Result<(), ClusterError> {
        demand_one_way()?;
        if !namespace.named.exists() {
            return Err(ClusterError::Refused(format!(
                "cutting off one direction takes an engine on this machine: the network namespace {} is not here. \
                 Isolate fully instead",
                namespace.named.display()
            )));
        }
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", namespace.pid)).args(filter(
            one_way,
            drop,
            &self.subnet,
        ));
        let done = tool::run(command, FILTER_LIMIT).await;
        done.map(|_| ()).map_err(|said| {
            ClusterError::Refused(format!(
                "packets of a container cannot be filtered here: {said}. `truecut doctor` looks closer"
            ))
        })
    }
}

/// The command that starts or ends dropping one direction to or from `subnet`.
fn filter(one_way: OneWay, drop: bool, subnet: &str) -> [&str; 11] {
    let what = if drop { "--insert" } else { "--delete" };
    let (chain, device, side) = match one_way {
        OneWay::Out => ("OUTPUT", "--out-interface", "--destination"),
        OneWay::In => ("INPUT", "--in-interface", "--source"),
    };
    // A broker talks to itself by its own address on this network, over the loopback device.
    ["iptables", "--wait", what, chain, "!", device, "lo", side, subnet, "--jump", "DROP"]
}

/// The direction that is dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OneWay {
    Out,
    In,
}

impl Isolation {
    /// The direction that is dropped, unless the broker is taken off the network.
    pub(crate) fn one_way(self) -> Option<OneWay> {
        match self {
            Self::Full => None,
            Self::Mute => Some(OneWay::Out),
            Self::Deaf => Some(OneWay::In),
        }
    }
}

/// Says what is missing for one-way isolation, if anything can be seen to be.
///
/// # Errors
/// [`ClusterError::Refused`].
pub(crate) fn demand_one_way() -> Result<(), ClusterError> {
    let refuse = |why: &str, remedy: &str| {
        let said = format!("cutting off one direction takes root, nsenter and iptables: {why}. {remedy}");
        Err(ClusterError::Refused(said))
    };
    let root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if !root {
        return refuse("this is not root", "Run as root, or isolate fully");
    }
    match ["nsenter", "iptables"].into_iter().find(|needed| !tool::is_here(needed)) {
        None => Ok(()),
        Some("nsenter") => refuse("nsenter is missing", "On Debian, as root: apt-get install util-linux"),
        Some(_) => refuse("iptables is missing", "On Debian, as root: apt-get install iptables"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_broker_sends_nothing_and_a_deaf_one_gets_nothing() {
        let rule = |isolation: Isolation, drop| {
            isolation.one_way().map(|one_way| filter(one_way, drop, "10.0.0.0/8").join(" "))
        };
        let mute =
            "iptables --wait --insert OUTPUT ! --out-interface lo --destination 10.0.0.0/8 --jump DROP";
        assert_eq!(rule(Isolation::Mute, true).as_deref(), Some(mute));
        let deaf = "iptables --wait --delete INPUT ! --in-interface lo --source 10.0.0.0/8 --jump DROP";
        assert_eq!(rule(Isolation::Deaf, false).as_deref(), Some(deaf));
        assert_eq!(rule(Isolation::Full, true), None);
    }
}
