//! A broker whose disk is full: it halts, and comes back with its data once there is room.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord};
use truecut_cluster::testing::own_kafka;
use truecut_cluster::{BrokerId, Capability, ClusterError};

use crate::{broker, records};

const LIMIT: Duration = Duration::from_secs(60);
const ONLY: BrokerId = BrokerId::new(1);

#[tokio::test]
async fn a_broker_on_a_full_disk_halts_and_comes_back_with_its_data() {
    let small = |options: &mut truecut_cluster::Options| {
        options.disk_mib = Some(64);
        options.notices_loss_soon = true;
    };
    let Some(cluster) = own_kafka(small) else { return };
    cluster.can(Capability::FillDisk).expect("it has a disk of its own");
    let (bootstrap, expected) = (cluster.bootstrap().to_owned(), vec!["0", "1", "2"]);
    records::write(&bootstrap, "all", 3).await;

    cluster.fill(ONLY).await.expect("it can be filled");
    let (started, producer) = (Instant::now(), producer(&bootstrap));
    while broker::answers(&bootstrap) {
        assert!(started.elapsed() < LIMIT, "it goes on, on a full disk");
        // Whether one is queued or refused does not matter: none of them can be kept.
        let _queued = producer.send(BaseRecord::<(), [u8]>::to("all").payload(&[0; 10_000]));
        producer.poll(Duration::from_millis(20));
    }
    cluster.unfill(ONLY).await.expect("it can be emptied");
    cluster.start_broker(ONLY).await.expect("it starts");
    cluster.until_ready().await.expect("it serves again");
    assert_eq!(records::read(&bootstrap, "all", 3), expected);
    cluster.kill_broker(ONLY).await.expect("it can be killed");
    cluster.start_broker(ONLY).await.expect("it starts after a kill");
    cluster.until_ready().await.expect("it serves after a kill");
    assert_eq!(records::read(&bootstrap, "all", 3), expected, "its disk outlives a kill");
    cluster.stop().await.expect("it is taken away");
}

#[tokio::test]
async fn a_broker_without_a_disk_of_its_own_is_not_filled() {
    let Some(cluster) = truecut_cluster::testing::shared_kafka() else { return };
    assert!(matches!(cluster.fill(ONLY).await, Err(ClusterError::Refused(_))));
    assert!(cluster.can(Capability::FillDisk).is_err() && cluster.can(Capability::Isolate).is_err());
}

fn producer(bootstrap: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("message.timeout.ms", "1000").set("linger.ms", "0");
    config.create().expect("a producer")
}
