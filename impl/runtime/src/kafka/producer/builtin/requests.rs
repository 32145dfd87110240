//! The requests of a producer and what comes back of them. Reads no code: [`truecut_core::delivery`] does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use kafka_protocol::messages::TransactionalId;
use kafka_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kafka_protocol::messages::produce_response::ProduceResponse;
use kafka_protocol::protocol::VersionRange;
use truecut_core::TransactionProtocol;
use truecut_core::delivery::{Answer, Sequence, Timer};

use super::gather::{Gathered, Place};
use super::serve::Encoded;
use super::topics::Topic;
use super::{Factory, Writer};
use crate::kafka::connection::Connection;
use crate::kafka::raw::{text, topic_name};
use crate::kafka::{Failure, Transport};

/// UNSUPPORTED_VERSION: what a broker would answer if it could be asked.
const UNSUPPORTED_VERSION: i16 = 35;

/// What a producer waits for.
pub(super) enum Event {
    /// Where the partitions of a topic are; the inner error is Kafka's code.
    Located { topic: usize, found: Result<Result<Arc<Topic>, i16>, Transport> },
    /// A broker is connected, or can't be.
    Connected { broker: i32, failed: Option<Transport> },
    /// Produce came back.
    Produced(Delivered),
    /// AddPartitionsToTxn came back.
    Added { partitions: Vec<Place>, answered: Result<Vec<i16>, Transport> },
    /// A pause is over.
    Fired(Timer<Place>),
}

/// A batch on its way to a partition's leader.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) to: Place,
    pub(super) first: Sequence,
    pub(super) batch: Arc<Encoded>,
}

/// What came of one Produce.
pub(super) struct Delivered {
    pub(super) broker: i32,
    pub(super) took: Duration,
    /// For each batch: what was answered, and what was said to it.
    pub(super) answers: Vec<(Parcel, Answer, Option<Failure>)>,
}

/// Finds the partitions of a topic.
pub(super) fn locate(factory: &Arc<Factory>, topic: usize, name: &Arc<str>) -> BoxFuture<'static, Event> {
    let (factory, name) = (Arc::clone(factory), Arc::clone(name));
    Box::pin(async move { Event::Located { topic, found: factory.topics.locate(&name).await } })
}

/// Connects to a broker.
pub(super) fn connect(factory: &Arc<Factory>, broker: i32) -> BoxFuture<'static, Event> {
    let factory = Arc::clone(factory);
    Box::pin(async move { Event::Connected { broker, failed: factory.data.connect(broker).await.err() } })
}

/// Adds partitions to the transaction.
pub(super) fn add(
    factory: &Arc<Factory>,
    writer: &Writer,
    topics: &[Gathered],
    partitions: Vec<Place>,
) -> BoxFuture<'static, Event> {
    let control = factory.control.clone();
    let (id, identity) = (writer.transactional_id.clone(), writer.identity);
    let names: Vec<_> =
        partitions.iter().map(|to| (Arc::clone(&topics[to.topic].name), number(to.partition))).collect();
    Box::pin(async move {
        let names: Vec<_> = names.iter().map(|(name, partition)| (&**name, *partition)).collect();
        let id = id.unwrap_or_default();
        let answered = control.add_partitions_to_txn(&id, identity, &names, 3).await;
        Event::Added { partitions, answered }
    })
}

/// Sends batches to their leader by one request.
pub(super) fn produce(
    writer: &Writer,
    topics: &[Gathered],
    connection: &Connection,
    broker: i32,
    parcels: Vec<Parcel>,
    timeout: Duration,
) -> BoxFuture<'static, Event> {
    let names: Vec<Arc<str>> =
        parcels.iter().map(|parcel| Arc::clone(&topics[parcel.to.topic].name)).collect();
    let request = request(writer, &names, &parcels, timeout);
    let began = Instant::now();
    let started = connection.start(&request, versions(writer.protocol));
    Box::pin(async move {
        let answered = match started {
            Ok(answer) => answer.await,
            Err(why) => Err(why),
        };
        let read = |(parcel, name): (Parcel, Arc<str>)| {
            let (answer, said) = read(&answered, &parcel, &name);
            (parcel, answer, said)
        };
        let answers = parcels.into_iter().zip(names).map(read).collect();
        Event::Produced(Delivered { broker, took: began.elapsed(), answers })
    })
}

/// From 12 on the broker adds the partition to the transaction (KIP-890): which is V2, and V2 alone.
pub(super) fn versions(protocol: Option<TransactionProtocol>) -> VersionRange {
    match protocol {
        Some(TransactionProtocol::V2) => VersionRange { min: 12, max: 12 },
        Some(TransactionProtocol::V1) | None => VersionRange { min: 9, max: 11 },
    }
}

fn request(writer: &Writer, names: &[Arc<str>], parcels: &[Parcel], timeout: Duration) -> ProduceRequest {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for (name, parcel) in names.iter().zip(parcels) {
        let data = PartitionProduceData::default()
            .with_index(number(parcel.to.partition))
            .with_records(Some(parcel.batch.bytes.clone()));
        match topics.iter_mut().find(|topic| topic.name.0.as_str() == &**name) {
            Some(topic) => topic.partition_data.push(data),
            None => topics.push(
                TopicProduceData::default().with_name(topic_name(name)).with_partition_data(vec![data]),
            ),
        }
    }
    ProduceRequest::default()
        .with_transactional_id(writer.transactional_id.as_deref().map(|id| TransactionalId(text(id))))
        .with_acks(-1)
        .with_timeout_ms(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
        .with_topic_data(topics)
}

fn read(
    answered: &Result<ProduceResponse, Transport>,
    parcel: &Parcel,
    topic: &str,
) -> (Answer, Option<Failure>) {
    let partition = number(parcel.to.partition);
    let answer = match answered {
        Ok(answer) => answer,
        Err(why) => return missing(why),
    };
    let found = answer
        .responses
        .iter()
        .filter(|found| found.name.0.as_str() == topic)
        .flat_map(|found| &found.partition_responses)
        .find(|found| found.index == partition);
    match found {
        None => missing(&Transport::Unanswered(format!("Produce said nothing of {topic}-{partition}"))),
        Some(found) => {
            let code = found.error_code;
            let said =
                found.error_message.as_ref().map(|said| format!(": {}", said.as_str())).unwrap_or_default();
            let reason = format!("Produce to {topic}-{partition} from sequence {}{said}", parcel.first.get());
            (Answer::Code(code), (code != 0).then_some(Failure { code, reason }))
        }
    }
}

/// What no answer says: only what can't be asked at all will never be done.
pub(super) fn missing(why: &Transport) -> (Answer, Option<Failure>) {
    match why {
        Transport::Unsupported(why) => {
            let failure = Failure { code: UNSUPPORTED_VERSION, reason: why.clone() };
            (Answer::Code(UNSUPPORTED_VERSION), Some(failure))
        }
        Transport::NotSent(_) | Transport::Unanswered(_) => (Answer::Missing, None),
    }
}

fn number(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
