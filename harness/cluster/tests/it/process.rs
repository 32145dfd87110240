//! Brokers as plain processes.

use truecut_cluster::testing::skip;
use truecut_cluster::{BrokerId, Cluster, Isolation, KafkaChoice, Options, Status, doctor};

use crate::broker;

#[tokio::test]
async fn a_process_broker_goes_through_everything() {
    if !java_and_maven_are_here().await {
        return;
    }
    let logs = tempfile::tempdir().expect("a folder");
    let mut options = Options::new(format!("test-process-{}", std::process::id()));
    options.log_dir = Some(logs.path().to_path_buf());
    options.notices_loss_soon = true;
    options.java_options.push("-XX:TieredStopAtLevel=1".to_owned());
    let cluster = Cluster::start(KafkaChoice::Process, options).await.expect("it starts");
    assert_eq!(cluster.kind(), "process");
    broker::goes_through_everything(&cluster, "all").await;
    let refused =
        cluster.isolate(BrokerId::new(1), Isolation::Full).await.expect_err("it shares the network");
    assert!(refused.to_string().contains("--kafka container"), "{refused}");
    let bootstrap = cluster.bootstrap().to_owned();
    cluster.pause_broker(BrokerId::new(1)).await.expect("it can be paused");
    cluster.stop().await.expect("it is taken away, though paused");
    assert!(!broker::answers(&bootstrap));
    let log = std::fs::read_to_string(logs.path().join("kafka-1.log")).expect("the log is there");
    assert!(log.contains("Kafka Server started"), "{log}");
}

/// Where Kafka comes as an image, Java and Maven may be absent; where it was built, they are here.
pub(crate) async fn java_and_maven_are_here() -> bool {
    let checks = doctor().await;
    let missing: Vec<_> =
        checks.iter().filter(|c| ["java", "maven"].contains(&c.name) && c.status != Status::Ok).collect();
    for check in &missing {
        skip(&format!("{}: {}", check.name, check.detail));
    }
    missing.is_empty()
}
