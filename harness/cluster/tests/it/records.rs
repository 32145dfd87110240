//! A few records in one transaction, written and read as any client does.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

/// How long Kafka may take for anything: many brokers may share a small machine.
const LIMIT: Duration = Duration::from_secs(120);

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// Makes `topic` and commits the numbers from 0 to `count` to it in one transaction.
pub(crate) async fn write(bootstrap: &str, topic: &str, count: usize) {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().expect("an admin client");
    // As often as the cluster keeps topics by default.
    let made = admin
        .create_topics(&[NewTopic::new(topic, 1, TopicReplication::Fixed(-1))], &AdminOptions::new())
        .await;
    made.expect("the broker answers")[0].as_ref().expect("the topic is made");
    commit(bootstrap, topic, count);
}

/// Commits the numbers from 0 to `count` to `topic` in one transaction.
pub(crate) fn commit(bootstrap: &str, topic: &str, count: usize) {
    let producer: BaseProducer =
        client(bootstrap).set("transactional.id", topic).create().expect("a producer");
    producer.init_transactions(LIMIT).expect("transactions start");
    producer.begin_transaction().expect("a transaction begins");
    for number in 0..count {
        let value = number.to_string();
        producer
            .send(BaseRecord::<(), str>::to(topic).payload(&value))
            .map_err(|(e, _)| e)
            .expect("it is queued");
    }
    producer.commit_transaction(LIMIT).expect("it is committed");
}

/// The first `count` committed records of `topic`.
///
/// # Panics
/// If they do not come in time: with what the client met instead.
pub(crate) fn read(bootstrap: &str, topic: &str, count: usize) -> Vec<String> {
    let consumer: BaseConsumer = client(bootstrap)
        .set("group.id", "it")
        .set("isolation.level", "read_committed")
        .create()
        .expect("a consumer");
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset");
    consumer.assign(&all).expect("it is assigned");
    let (started, mut seen, mut met) = (Instant::now(), Vec::new(), Vec::new());
    while seen.len() < count {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                seen.push(
                    message.payload_view::<str>().expect("it has a value").expect("it is text").to_owned(),
                );
            }
            Some(Err(e)) => met.push(format!("{:?}: {e}", started.elapsed())),
            None => {}
        }
        if started.elapsed() > LIMIT {
            let ends = consumer.fetch_watermarks(topic, 0, LIMIT);
            panic!(
                "only {seen:?} of {count} records of {topic} came; offsets {ends:?}; the client met {met:?}"
            );
        }
    }
    seen
}
