//! Brokers in containers.

use truecut_cluster::testing::{own_kafka, shared_kafka};
use truecut_cluster::{BrokerId, Cluster, ClusterError, KAFKA_VERSION, KafkaChoice, Options, Status, doctor};

use crate::broker;

#[tokio::test]
async fn a_container_broker_goes_through_everything() {
    let Some(cluster) = own_kafka(|options| options.notices_loss_soon = true) else { return };
    assert_eq!((cluster.kind(), cluster.version()), ("container", KAFKA_VERSION));
    broker::goes_through_everything(&cluster, "all").await;
    let bootstrap = cluster.bootstrap().to_owned();
    cluster.stop().await.expect("it is taken away");
    assert!(!broker::answers(&bootstrap));
}

#[tokio::test]
async fn on_the_hosts_network_a_container_broker_goes_through_everything_too() {
    let Some(cluster) = own_kafka(|options| {
        options.notices_loss_soon = true;
        options.host_network = true;
    }) else {
        return;
    };
    broker::goes_through_everything(&cluster, "host").await;
    // Where the engine is on this machine, so is the broker's process.
    let pid = cluster.pid(BrokerId::new(1)).await;
    assert!(!cluster.on_host_network() || pid.is_some());
    // And where root asks it, the engine is root's: nothing keeps it from that network.
    let allows = pid.is_some() && nix::unistd::geteuid().is_root();
    assert!(cluster.on_host_network() || !allows, "the engine's proxy is in between");
    let bootstrap = cluster.bootstrap().to_owned();
    cluster.stop().await.expect("it is taken away");
    assert!(!broker::answers(&bootstrap));
}

#[tokio::test]
async fn a_dropped_cluster_is_gone_even_when_it_was_paused() {
    let Some(cluster) = own_kafka(|_| {}) else { return };
    let bootstrap = cluster.bootstrap().to_owned();
    cluster.pause_broker(BrokerId::new(1)).await.expect("it can be paused");
    drop(cluster);
    assert!(!broker::answers(&bootstrap));
}

#[tokio::test]
async fn a_second_cluster_of_the_same_run_is_refused_and_the_first_lives() {
    let run = format!("twice-{}", std::process::id());
    let Some(first) = own_kafka(|options| options.run.clone_from(&run)) else { return };
    let second = Cluster::start(KafkaChoice::Container, Options::new(run)).await;
    assert!(matches!(second.err(), Some(ClusterError::Refused(_))));
    assert!(broker::answers(first.bootstrap()));
}

#[tokio::test]
async fn the_log_of_a_container_is_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = own_kafka(|options| options.log_dir = Some(folder.path().join("logs"))) else {
        return;
    };
    cluster.stop().await.expect("it is taken away");
    let log = std::fs::read_to_string(folder.path().join("logs/kafka-1.log")).expect("the log is there");
    assert!(log.contains("Kafka Server started"), "{log}");
}

#[tokio::test]
async fn a_broker_that_refuses_its_settings_is_quoted() {
    if shared_kafka().is_none() {
        return;
    }
    let mut options = Options::new("test-bad-settings");
    options.config.insert("num.io.threads".to_owned(), "none".to_owned());
    match Cluster::start(KafkaChoice::Container, options).await.map(|cluster| cluster.version().to_owned()) {
        Err(ClusterError::NotReady { detail, .. }) => assert!(detail.contains("num.io.threads"), "{detail}"),
        other => panic!("it must not start: {other:?}"),
    }
}

#[tokio::test]
async fn someone_elses_cluster_is_used_and_left_alone() {
    let Some(cluster) = shared_kafka() else { return };
    let choice: KafkaChoice = cluster.bootstrap().parse().expect("an address");
    let external = Cluster::start(choice, Options::new("external")).await.expect("it answers");
    assert_eq!((external.kind(), external.version()), ("external", "4.3"));
    assert!(matches!(external.kill_broker(BrokerId::new(1)).await, Err(ClusterError::Refused(_))));
    external.stop().await.expect("nothing is to be done");
    assert!(broker::answers(cluster.bootstrap()));
}

#[tokio::test]
async fn where_containers_run_the_doctor_finds_no_failure() {
    if shared_kafka().is_none() {
        return;
    }
    let failures: Vec<_> = doctor().await.into_iter().filter(|check| check.status == Status::Fail).collect();
    assert_eq!(failures, []);
}

#[tokio::test]
async fn nobody_at_the_address_is_one_clear_error() {
    let choice: KafkaChoice = "127.0.0.1:1".parse().expect("an address");
    let error = Cluster::start(choice, Options::new("nobody")).await.err().expect("nobody is there");
    assert!(error.to_string().contains("127.0.0.1:1") && error.to_string().contains("refused"), "{error}");
}
