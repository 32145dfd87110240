//! The network of a run, where faults are to be put into it: proxies in front of the brokers, and one in front of the coordinator. A
//! run whose plan asks for none of them connects directly.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::sync::mpsc::UnboundedReceiver;
use truecut_cluster::{BrokerId, Cluster};
use truecut_proxy::{Event, Frames, Kafka, Listen, Named, Prefix, Proxy, Seen};
use truecut_runtime::crash_point::name_of_message;
use truecut_runtime::wire;

use super::plan::Plan;
use crate::failure::Failure;

/// Proxies, where there are any.
#[derive(Default)]
pub(super) struct Network {
    brokers: BTreeMap<BrokerId, Proxy>,
    control: Option<Proxy>,
}

impl Network {
    /// Starts the proxies that the plan needs.
    pub(super) async fn of(plan: &Plan) -> Result<Self, Failure> {
        let mut network = Self::default();
        if plan.needs_kafka_proxy() {
            for number in 1..=plan.kafka.brokers {
                let proxy = Proxy::start(Kafka, Listen::default()).await.map_err(no_proxy)?;
                network.brokers.insert(BrokerId::new(number), proxy);
            }
        }
        if plan.needs_control_proxy() {
            let frames = Frames::new(Prefix::BigEndian, name_frame);
            network.control = Some(Proxy::start(frames, Listen::default()).await.map_err(no_proxy)?);
        }
        Ok(network)
    }

    /// Where clients of each broker are to connect to, if they are to be behind proxies.
    pub(super) fn in_front_of_brokers(&self) -> BTreeMap<BrokerId, SocketAddr> {
        self.brokers.iter().map(|(broker, proxy)| (*broker, proxy.address())).collect()
    }

    /// The brokers are there.
    pub(super) fn lead_to(&self, cluster: &Cluster) -> Result<(), Failure> {
        for (broker, proxy) in &self.brokers {
            proxy.set_upstream(cluster.behind(*broker)?.to_string());
        }
        Ok(())
    }

    /// Where the job finds Kafka, if not directly.
    pub(super) fn bootstrap(&self) -> Option<String> {
        let addresses: Vec<String> = self.brokers.values().map(|proxy| proxy.address().to_string()).collect();
        (!addresses.is_empty()).then(|| addresses.join(","))
    }

    /// Where workers find the coordinator that listens here.
    pub(super) fn coordinator(&self, address: &str) -> String {
        match &self.control {
            Some(proxy) => {
                proxy.set_upstream(address);
                proxy.address().to_string()
            }
            None => address.to_owned(),
        }
    }

    /// The proxies in front of this broker, or of all.
    pub(super) fn brokers(&self, broker: Option<BrokerId>) -> Vec<Proxy> {
        let is_meant = |(id, _): &(&BrokerId, &Proxy)| broker.is_none_or(|broker| broker == **id);
        self.brokers.iter().filter(is_meant).map(|(_, proxy)| proxy.clone()).collect()
    }

    /// The proxy in front of the coordinator.
    pub(super) fn control(&self) -> Vec<Proxy> {
        self.control.iter().cloned().collect()
    }
}

/// What proxies do, from several of them.
pub(super) fn events_of(proxies: &[Proxy]) -> Vec<UnboundedReceiver<Event>> {
    proxies.iter().map(Proxy::events).collect()
}

fn no_proxy(error: std::io::Error) -> Failure {
    Failure::environment(format!("a proxy can't listen on 127.0.0.1: {error}"))
}

/// What a frame of a control connection is called: a message by its crash points' name, any other not at all.
fn name_frame(seen: Seen<'_>) -> Named {
    match wire::Frame::from_bytes(seen.body) {
        Ok(wire::Frame::Core { message, .. }) => {
            Named { name: name_of_message(&message).to_owned(), client_id: None }
        }
        Ok(wire::Frame::Hello { .. } | wire::Frame::Welcome { .. }) | Err(_) => Named::default(),
    }
}
