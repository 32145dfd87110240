//! What a broker of either kind can go through.

use std::time::{Duration, Instant};

use truecut_cluster::{BrokerId, Cluster};

use crate::records;

const COUNT: usize = 10;

/// Committed records outlive a kill and a graceful stop; the address stays; a paused broker answers again.
pub(crate) async fn goes_through_everything(cluster: &Cluster, topic: &str) {
    let (bootstrap, only) = (cluster.bootstrap().to_owned(), BrokerId::new(1));
    let expected: Vec<String> = (0..COUNT).map(|number| number.to_string()).collect();
    records::write(&bootstrap, topic, COUNT).await;
    // Killed after it has promised a commit and before it has written the markers, Kafka 4.3 may forget to write them
    // (KAFKA-20734; docs/chaos.md, "What Kafka itself may do").
    assert_eq!(records::read(&bootstrap, topic, COUNT), expected, "before the kill");

    cluster.kill_broker(only).await.expect("it can be killed");
    falls_silent(&bootstrap, "a killed broker");
    cluster.start_broker(only).await.expect("it starts after a kill");
    cluster.until_ready().await.expect("it serves after a kill");
    assert_eq!(cluster.bootstrap(), bootstrap);
    assert_eq!(records::read(&bootstrap, topic, COUNT), expected, "after the kill");

    let stopping = Instant::now();
    cluster.stop_broker(only, Duration::from_secs(60)).await.expect("it can be stopped");
    assert!(stopping.elapsed() < Duration::from_secs(30), "SIGTERM did not reach the broker");
    falls_silent(&bootstrap, "a stopped broker");
    cluster.start_broker(only).await.expect("it starts after a stop");
    assert!(cluster.start_broker(only).await.is_err(), "a running broker is not started again");
    cluster.until_broker_ready(only).await.expect("it serves after a stop");

    cluster.pause_broker(only).await.expect("it can be paused");
    cluster.resume_broker(only).await.expect("it can be resumed");
    assert_eq!(records::read(&bootstrap, topic, COUNT), expected, "after a stop and a pause");
}

/// Nobody listens any more.
fn falls_silent(server: &str, who: &str) {
    let since = Instant::now();
    while answers(server) {
        assert!(since.elapsed() < Duration::from_secs(30), "{who} still answers");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether anybody listens.
pub(crate) fn answers(server: &str) -> bool {
    let address = server.parse().expect("an address with a port");
    std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}
