//! Three brokers: each is broken by itself, and the other two go on; a proxy keeps its clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::net::{TcpListener, TcpStream};
use truecut_cluster::testing::own_kafka;
use truecut_cluster::{BrokerId, Cluster, ClusterError, Isolation};

use crate::{broker, records};

const LIMIT: Duration = Duration::from_secs(30);

/// A proxy that understands nothing: it passes bytes on, and counts its clients.
struct Forwarder {
    listener: TcpListener,
    clients: Arc<AtomicUsize>,
}

impl Forwarder {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the kernel gives a port");
        Self { listener, clients: Arc::default() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it has an address")
    }

    /// Serves until the runtime ends.
    fn forward_to(self, broker: SocketAddr) -> Arc<AtomicUsize> {
        let clients = Arc::clone(&self.clients);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = self.listener.accept().await {
                self.clients.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut broker = TcpStream::connect(broker).await.expect("the broker listens");
                    // However a connection ends, it has ended.
                    let _moved = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
                });
            }
        });
        clients
    }
}

/// What a client is told: each broker's address, and the replicas of `topic` that are in sync.
fn told(bootstrap: &str, topic: &str) -> (Vec<String>, Vec<i32>) {
    let client: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client");
    let metadata = client.fetch_metadata(Some(topic), LIMIT).expect("a broker answers");
    let mut brokers: Vec<_> =
        metadata.brokers().iter().map(|b| format!("{}:{}", b.host(), b.port())).collect();
    brokers.sort();
    let mut in_sync = metadata.topics()[0].partitions()[0].isr().to_vec();
    in_sync.sort_unstable();
    (brokers, in_sync)
}

/// Waits until the broker at `server` says that just these replicas of `topic` are in sync.
async fn until_in_sync(server: SocketAddr, topic: &str, expected: &[i32]) {
    let started = Instant::now();
    loop {
        let in_sync = told(&server.to_string(), topic).1;
        if in_sync == expected {
            return;
        }
        assert!(started.elapsed() < LIMIT, "in sync are {in_sync:?}, expected were {expected:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn three(proxies: &BTreeMap<BrokerId, SocketAddr>) -> Option<Cluster> {
    own_kafka(|options| {
        options.brokers = 3;
        options.proxies.clone_from(proxies);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn three_brokers_are_broken_one_by_one_and_a_proxy_keeps_its_clients() {
    let [one, two, three_] = [1, 2, 3].map(BrokerId::new);
    let forwarders = [Forwarder::new().await, Forwarder::new().await, Forwarder::new().await];
    let proxies = [one, two, three_].into_iter().zip(forwarders.iter().map(Forwarder::address)).collect();
    let Some(cluster) = three(&proxies).await else { return };
    assert_eq!(cluster.bootstrap().split(',').count(), 3);
    records::write(cluster.bootstrap(), "all", 10).await;
    until_in_sync(cluster.address(one).expect("ours"), "all", &[1, 2, 3]).await;

    assert_eq!(cluster.transaction_version().await.expect("a broker answers"), 2);
    moves_leaders(&cluster, two, three_).await;
    keeps_its_clients(&cluster, forwarders, &proxies).await;
    goes_on_without(&cluster, one, two).await;
    if cluster.kind() == "container" {
        for isolation in [Isolation::Full, Isolation::Mute, Isolation::Deaf] {
            is_cut_off(&cluster, two, one, isolation).await;
        }
    }
    let refused = cluster.kill_broker(BrokerId::new(4)).await;
    assert!(matches!(refused, Err(ClusterError::Refused(_))));
    cluster.stop().await.expect("it is taken away");
}

/// A partition, and a transaction's coordinator, are led by whom they are given to.
async fn moves_leaders(cluster: &Cluster, one: BrokerId, other: BrokerId) {
    for to in [one, other] {
        cluster.move_leader("all", 0, to).await.expect("the leader moves");
        assert_eq!(cluster.leader("all", 0).await.expect("it has one"), to);
        cluster.move_transaction_coordinator("all", to).await.expect("the coordinator moves");
        assert_eq!(cluster.transaction_coordinator("all").await.expect("it has one"), to);
        records::commit(cluster.bootstrap(), "all", 0);
    }
    let controller = cluster.controller().await.expect("there is one");
    assert!(cluster.brokers().any(|broker| broker == controller));
    let missing = cluster.leader("missing", 0).await.expect_err("there is no such topic");
    assert!(missing.to_string().contains("missing-0"), "{missing}");
}

/// Whoever bootstraps through the proxy is told of proxies only; whoever does not is told of brokers only.
async fn keeps_its_clients(
    cluster: &Cluster,
    forwarders: [Forwarder; 3],
    proxies: &BTreeMap<BrokerId, SocketAddr>,
) {
    let [one, .., last] = [1, 2, 3].map(BrokerId::new);
    cluster.move_leader("all", 0, one).await.expect("the leader moves");
    cluster.move_transaction_coordinator("all", last).await.expect("the coordinator moves");
    let mut clients = Vec::new();
    for (broker, forwarder) in cluster.brokers().zip(forwarders) {
        clients.push(forwarder.forward_to(cluster.behind(broker).expect("it stands behind a proxy")));
    }
    let through = proxies.values().next().expect("three proxies").to_string();
    let mut expected: Vec<String> = proxies.values().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(told(&through, "all").0, expected);
    let mut direct: Vec<String> = cluster.bootstrap().split(',').map(str::to_owned).collect();
    direct.sort();
    assert_eq!(told(cluster.bootstrap(), "all").0, direct);
    let before = clients.last().expect("three proxies").load(Ordering::Relaxed);
    records::commit(&through, "all", 10);
    let after = clients.last().expect("three proxies").load(Ordering::Relaxed);
    assert!(after > before, "the transaction's coordinator was not reached through its proxy");
    assert_eq!(records::read(&through, "all", 20).len(), 20);
}

/// Two brokers commit without the third; it comes back and catches up.
async fn goes_on_without(cluster: &Cluster, broken: BrokerId, other: BrokerId) {
    let address = cluster.address(broken).expect("ours");
    cluster.kill_broker(broken).await.expect("it can be killed");
    assert!(!broker::answers(&address.to_string()));
    records::commit(cluster.bootstrap(), "all", 10);
    cluster.start_broker(broken).await.expect("it starts");
    cluster.until_ready().await.expect("the cluster gets whole");
    assert_eq!(told(&cluster.address(other).expect("ours").to_string(), "all").1, [1, 2, 3]);
}

/// A broker that is cut off falls out of sync though its clients reach it, and catches up when it is back.
async fn is_cut_off(cluster: &Cluster, broken: BrokerId, other: BrokerId, isolation: Isolation) {
    if isolation != Isolation::Full
        && let Err(why) = cluster.can(truecut_cluster::Capability::OneWay)
    {
        eprintln!("skipped: {isolation:?}: {why}");
        return;
    }
    cluster.isolate(broken, isolation).await.expect("it can be isolated");
    assert!(cluster.isolate(broken, isolation).await.is_err(), "it is isolated already");
    if isolation != Isolation::Deaf {
        cluster.kill_broker(broken).await.expect("it can be killed");
        cluster.start_broker(broken).await.expect("it starts, and stays cut off");
    }
    until_in_sync(cluster.address(other).expect("ours"), "all", &without(broken)).await;
    assert!(broker::answers(&cluster.address(broken).expect("ours").to_string()), "clients reach it");
    cluster.rejoin(broken).await.expect("it rejoins");
    cluster.rejoin(broken).await.expect("and there is nothing more to do");
    cluster.until_ready().await.expect("the cluster gets whole");
}

fn without(broken: BrokerId) -> Vec<i32> {
    [1, 2, 3].into_iter().filter(|id| *id != i32::from(broken.number())).collect()
}
