//! What a caller may say about the cluster that it wants.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::broker::BrokerId;
use crate::error::ClusterError;
use crate::release::Release;

/// Told what is being done, one short line at a time; called from any thread.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How a cluster is started and what is left of it.
#[derive(Clone)]
pub struct Options {
    /// How many brokers: 1 or 3. With 3, each is a controller, too; topics and Kafka's own are kept three times, and two
    /// brokers must have what is acknowledged.
    pub brokers: u8,
    /// The run that the cluster belongs to: letters, digits, `-`, `_` and `.`; it names and labels containers.
    pub run: String,
    /// Which Kafka. With an image of one's own: which Kafka is in it.
    pub release: Release,
    /// The level of `transaction.version` to put into force: 0 or 1 for the transaction protocol before KIP-890, 2 for
    /// KIP-890's. None leaves what the release gives a new cluster.
    pub transaction_version: Option<u16>,
    /// Gives every broker a second listener for clients, which tells them to connect to the address that is given here:
    /// there a proxy listens, and passes them on to [`crate::Cluster::behind`]. For all brokers, or empty.
    pub proxies: BTreeMap<BrokerId, SocketAddr>,
    /// The broker in a container listens on this machine's own network, where the engine allows it: an engine on another machine, in a
    /// virtual one or without root does not. Else clients reach it through the engine's proxy, which copies every byte. Only for one broker.
    pub host_network: bool,
    /// Gives every broker a disk in memory of this many MiB for its data, to be filled by [`crate::Cluster::fill`]. Only
    /// for containers. A new broker takes about 1 MiB.
    pub disk_mib: Option<u32>,
    /// Gives every broker a wall clock of its own, to be moved by [`crate::Cluster::set_clock`]. Of containers, only those
    /// of the image that is built here can.
    pub clock: bool,
    /// A broker that falls silent is taken for lost within 3 s, not 30: for those who kill brokers, as the controller takes a
    /// killed one back only then. Of several brokers every one is; the only one has nobody to take over from it, and a
    /// machine that stands still for a moment must not cost its partitions their leader.
    pub notices_loss_soon: bool,
    /// Where the brokers' logs are put, if anywhere. Created if missing.
    pub log_dir: Option<PathBuf>,
    /// More broker settings, by Kafka's own property names; they replace truecut's.
    pub config: BTreeMap<String, String>,
    /// More options of the broker's Java, such as `-Xmx4g`; they come last, so they win over truecut's.
    pub java_options: Vec<String>,
    /// The container image instead of the usual one; it must have the interface of `apache/kafka`.
    pub image: Option<String>,
    /// Leaves the stopped containers and their network, or the data directories, behind when the cluster ends.
    pub keep_data: bool,
    /// Told what is being done.
    pub progress: Progress,
}

impl Options {
    /// One broker of the newest release for `run`, no extra settings, nothing kept, silent.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            brokers: 1,
            run: run.into(),
            release: Release::default(),
            transaction_version: None,
            proxies: BTreeMap::new(),
            host_network: false,
            disk_mib: None,
            clock: false,
            notices_loss_soon: false,
            log_dir: None,
            config: BTreeMap::new(),
            java_options: Vec::new(),
            image: None,
            keep_data: false,
            progress: Arc::new(|_| {}),
        }
    }

    /// The brokers that are asked for.
    pub(crate) fn ids(&self) -> impl Iterator<Item = BrokerId> + Clone + use<> {
        BrokerId::first(self.brokers)
    }

    /// Java's memory for a broker: three of them share a machine.
    pub(crate) fn heap(&self) -> [&'static str; 2] {
        if self.brokers == 1 { ["-Xms512m", "-Xmx1g"] } else { ["-Xms192m", "-Xmx512m"] }
    }

    /// Refuses what cannot be started.
    pub(crate) fn check(&self) -> Result<(), ClusterError> {
        if !matches!(self.brokers, 1 | 3) {
            return Err(ClusterError::Refused(format!(
                "{} brokers were asked for: a cluster has 1 or 3",
                self.brokers
            )));
        }
        if self.host_network && self.brokers != 1 {
            return Err(ClusterError::Refused(
                "several brokers need a network of their own (`host_network`): ask for one broker".to_owned(),
            ));
        }
        if self.keep_data && self.disk_mib.is_some() {
            return Err(ClusterError::Refused(
                "a disk in memory (`disk_mib`) cannot be kept (`keep_data`): ask for one of them".to_owned(),
            ));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.run.is_empty() || self.run.len() > 100 || !self.run.chars().all(plain) {
            return Err(ClusterError::Refused(format!(
                "the run id `{}` must have 1 to 100 letters, digits, `-`, `_` or `.`",
                self.run
            )));
        }
        if !self.proxies.is_empty() && !self.proxies.keys().copied().eq(self.ids()) {
            let given: Vec<String> = self.proxies.keys().map(ToString::to_string).collect();
            return Err(ClusterError::Refused(format!(
                "proxies are given for the brokers {}: it must be one for each of the {}, or none",
                given.join(", "),
                self.brokers
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("brokers", &self.brokers)
            .field("run", &self.run)
            .field("release", &self.release)
            .field("transaction_version", &self.transaction_version)
            .field("proxies", &self.proxies)
            .field("host_network", &self.host_network)
            .field("disk_mib", &self.disk_mib)
            .field("clock", &self.clock)
            .field("notices_loss_soon", &self.notices_loss_soon)
            .field("log_dir", &self.log_dir)
            .field("config", &self.config)
            .field("java_options", &self.java_options)
            .field("image", &self.image)
            .field("keep_data", &self.keep_data)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_brokers_on_the_hosts_network_are_refused() {
        let one = Options { host_network: true, ..Options::new("r") };
        assert!(one.check().is_ok());
        assert!(Options { brokers: 3, ..one }.check().is_err());
    }

    #[test]
    fn two_brokers_and_proxies_before_some_of_them_are_refused() {
        let two = Options { brokers: 2, ..Options::new("r") };
        assert!(two.check().is_err());
        let proxy: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let mut three = Options { brokers: 3, ..Options::new("r") };
        assert!(three.check().is_ok());
        three.proxies.insert(BrokerId::new(2), proxy);
        let said = three.check().expect_err("one of three").to_string();
        assert!(said.contains("the brokers 2:"), "{said}");
        three.proxies = three.ids().map(|id| (id, proxy)).collect();
        assert!(three.check().is_ok());
    }
}
