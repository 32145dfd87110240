//! Releases of Kafka and levels of `transaction.version`: what is asked for is in force, and runs a transaction.

use truecut_cluster::testing::own_kafka;
use truecut_cluster::{Cluster, KafkaChoice, Options, Release};

use crate::{process, records};

async fn runs_a_transaction(cluster: &Cluster, release: Release, transaction_version: u16) {
    assert_eq!(cluster.version(), release.version());
    assert_eq!(cluster.transaction_version().await.expect("it answers"), transaction_version);
    records::write(cluster.bootstrap(), "all", 5).await;
    assert_eq!(records::read(cluster.bootstrap(), "all", 5).len(), 5);
    let said = cluster.bootstrap().parse().expect("an address");
    let external = Cluster::start(said, Options::new("external")).await.expect("it answers");
    assert!(release.version().starts_with(external.version()), "it says it is {}", external.version());
}

#[tokio::test]
async fn a_new_release_speaks_the_older_transaction_protocols() {
    for level in [0, 1] {
        let Some(cluster) = own_kafka(|options| options.transaction_version = Some(level)) else { return };
        runs_a_transaction(&cluster, Release::V4_3, level).await;
        cluster.stop().await.expect("it is taken away");
    }
}

#[tokio::test]
async fn a_level_that_no_release_knows_is_one_clear_error() {
    let said = std::panic::catch_unwind(|| own_kafka(|options| options.transaction_version = Some(99)));
    match said {
        Ok(None) => {}
        Ok(Some(_)) => panic!("there is no transaction.version 99"),
        Err(cause) => {
            let text = cause.downcast_ref::<String>().expect("a message");
            assert!(text.contains("put transaction.version 99 into force"), "{text}");
        }
    }
}

#[tokio::test]
async fn an_older_release_runs() {
    if !process::java_and_maven_are_here().await {
        return;
    }
    let mut options = Options::new(format!("test-release-{}", std::process::id()));
    options.release = Release::V3_9;
    options.java_options.push("-XX:TieredStopAtLevel=1".to_owned());
    let cluster = Cluster::start(KafkaChoice::Process, options).await.expect("it starts");
    runs_a_transaction(&cluster, Release::V3_9, 0).await;
    cluster.stop().await.expect("it is taken away");
}
