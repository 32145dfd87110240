//! The modelled Kafka against a real one: the same requests to both, the answers compared.
//!
//! The modelled Kafka is the one transcription that the model needs; this keeps it honest. What a broker may answer in more
//! than one way, the model gives as a set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use truecut_model::{Answer, Generation, KafkaRequest, Observed, kafka_sequences, run_modelled};
use truecut_runtime::kafka::raw::{
    Isolation, Marker, NewRecord, NewRecords, NewTopic, ProducerIdentity, RawClient,
};
use truecut_runtime::kafka::{Cluster, Transport};

use crate::wall_clock::now_ms;

/// Not an answer yet: the coordinator is loading, is not there or moves (14, 15, 16), or the last transaction of the id
/// is still being ended (51; Produce before version 12 says 19 instead).
const NOT_YET: [i16; 5] = [14, 15, 16, 19, 51];
/// Sequences that are run at a time, each on a topic of its own: an open transaction hides what is behind it.
const LANES: usize = 16;
/// Pause before a request is sent again.
const AGAIN: Duration = Duration::from_millis(2);
/// Any identity: what InitProducerId is asked with.
const ANY: ProducerIdentity = ProducerIdentity { producer_id: -1, producer_epoch: -1 };

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Sequences that were run.
    pub sequences: usize,
    /// Requests that were sent in them.
    pub requests: usize,
    /// The first requests that were answered as the model does not allow.
    pub disagreements: Vec<String>,
}

/// Runs this many sequences against the broker.
///
/// # Errors
/// The broker can't be used.
pub async fn compare(bootstrap: &str, seed: u64, sequences: usize) -> Result<Agreement, Transport> {
    let raw = RawClient::new(Cluster::new(bootstrap, "truecut-conformance"));
    let run = format!("conformance-{seed}-{}", std::process::id());
    let topics: Vec<String> = (0..LANES).map(|lane| format!("{run}-{lane}")).collect();
    let new =
        topics.iter().map(|name| NewTopic { name, partitions: 2, replication_factor: 1, settings: &[] });
    raw.create_topics(&new.collect::<Vec<_>>(), Duration::from_secs(10)).await?;
    let all = kafka_sequences(seed, sequences);
    let mut lanes = tokio::task::JoinSet::new();
    for (lane, topic) in topics.into_iter().enumerate() {
        let mine = all.iter().cloned().enumerate().skip(lane).step_by(LANES).collect::<Vec<_>>();
        lanes.spawn(run_lane(RawClient::new(raw.cluster().clone()), run.clone(), topic, mine));
    }
    let mut total = Agreement::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane.map_err(|error| Transport::NotSent(error.to_string()))??;
        total.sequences += lane.sequences;
        total.requests += lane.requests;
        total.disagreements.extend(lane.disagreements);
    }
    Ok(total)
}

async fn run_lane(
    raw: RawClient,
    run: String,
    topic: String,
    sequences: Vec<(usize, Vec<KafkaRequest>)>,
) -> Result<Agreement, Transport> {
    let mut agreement = Agreement::default();
    for (number, requests) in sequences {
        let mut broker = Real::new(&raw, &topic, format!("{run}-{number}"), &requests).await?;
        for (place, (request, allowed)) in requests.iter().zip(run_modelled(&requests)).enumerate() {
            let observed = broker.ask(request).await?;
            agreement.requests += 1;
            if !allowed.allows(&observed) {
                agreement.disagreements.push(tell(number, place, &requests, &allowed, &observed));
                break;
            }
        }
        broker.close().await?;
        agreement.sequences += 1;
    }
    Ok(agreement)
}

fn tell(
    number: usize,
    place: usize,
    requests: &[KafkaRequest],
    allowed: &Answer,
    observed: &Observed,
) -> String {
    let before: Vec<String> = requests[..=place].iter().map(|request| format!("  {request:?}")).collect();
    format!(
        "sequence {number}:\n{}\n  the model allows {allowed:?}\n  Kafka answered   {observed:?}",
        before.join("\n")
    )
}

/// One sequence on a real broker.
struct Real<'a> {
    raw: &'a RawClient,
    topic: &'a str,
    prefix: String,
    timeout_ms: i32,
    /// Where each partition ended before the sequence.
    start: Vec<i64>,
    /// The answers of InitProducerId.
    given: Vec<ProducerIdentity>,
    /// Records taken of each producer id, epoch and partition.
    taken: BTreeMap<(ProducerIdentity, u8), i32>,
    ids: BTreeSet<u8>,
}

impl<'a> Real<'a> {
    async fn new(
        raw: &'a RawClient,
        topic: &'a str,
        prefix: String,
        requests: &[KafkaRequest],
    ) -> Result<Self, Transport> {
        let waits = requests.iter().any(|request| matches!(request, KafkaRequest::Timeout { .. }));
        let mut start = Vec::new();
        for partition in 0..2 {
            start.push(high_watermark(raw, topic, partition).await?);
        }
        let timeout_ms = if waits { 1_000 } else { 600_000 };
        let (given, taken, ids) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Ok(Self { raw, topic, prefix, timeout_ms, start, given, taken, ids })
    }

    fn name(&self, id: u8) -> String {
        format!("{}-{id}", self.prefix)
    }

    fn identity(&self, generation: Generation) -> ProducerIdentity {
        let given = self.given[generation.answer];
        ProducerIdentity { producer_epoch: given.producer_epoch + generation.epochs, ..given }
    }

    async fn ask(&mut self, request: &KafkaRequest) -> Result<Observed, Transport> {
        match *request {
            KafkaRequest::InitProducerId { id } => self.init(id).await,
            KafkaRequest::AddPartitions { id, generation, partition } => {
                let (name, identity) = (self.name(id), self.identity(generation));
                loop {
                    let partitions = [(self.topic, i32::from(partition))];
                    let codes = self.raw.add_partitions_to_txn(&name, identity, &partitions, 3).await?;
                    match codes.first().copied().unwrap_or_default() {
                        code if NOT_YET.contains(&code) => tokio::time::sleep(AGAIN).await,
                        code => return Ok(Observed::Code(code)),
                    }
                }
            }
            KafkaRequest::Produce { id, generation, partition, value } => {
                self.produce(id, generation, partition, value).await
            }
            KafkaRequest::EndTxn { id, generation, commit, version } => {
                let (name, identity) = (self.name(id), self.identity(generation));
                loop {
                    match self.raw.end_txn(&name, identity, commit, version..=version).await?.error_code {
                        code if NOT_YET.contains(&code) => tokio::time::sleep(AGAIN).await,
                        code => return Ok(Observed::Code(code)),
                    }
                }
            }
            KafkaRequest::Timeout { id } => {
                while self.state(id).await?.is_ok_and(|(state, _)| state == "Ongoing") {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(Observed::Nothing)
            }
            KafkaRequest::Describe { id } => Ok(match self.state(id).await? {
                Ok((state, epoch)) => Observed::Described { state, epoch },
                Err(code) => Observed::Code(code),
            }),
            KafkaRequest::FetchCommitted { partition } => {
                self.settle().await?;
                self.visible(partition).await.map(Observed::Records)
            }
        }
    }

    async fn init(&mut self, id: u8) -> Result<Observed, Transport> {
        self.ids.insert(id);
        loop {
            let answer = self.raw.init_producer_id(Some(&self.name(id)), self.timeout_ms, ANY).await?;
            match answer.error_code {
                0 => {
                    self.given.push(answer.identity);
                    return Ok(Observed::Initialised { epoch: answer.identity.producer_epoch });
                }
                code if NOT_YET.contains(&code) => tokio::time::sleep(AGAIN).await,
                code => return Ok(Observed::Code(code)),
            }
        }
    }

    async fn produce(
        &mut self,
        id: u8,
        generation: Generation,
        partition: u8,
        value: u32,
    ) -> Result<Observed, Transport> {
        let identity = self.identity(generation);
        let base_sequence = self.taken.get(&(identity, partition)).copied().unwrap_or_default();
        let value = format!("{}:{value}", self.prefix);
        let records = [NewRecord { key: None, value: Some(value.as_bytes()), timestamp_ms: now_ms() }];
        let new = NewRecords {
            topic: self.topic,
            partition: i32::from(partition),
            identity: Some(identity),
            base_sequence,
            records: &records,
        };
        // EndTxn is answered before its markers are written; until then a partition still takes records into the
        // transaction that is being ended.
        self.settle().await?;
        loop {
            let appended = self.raw.produce(Some(&self.name(id)), new, 11).await?;
            if NOT_YET.contains(&appended.error_code) {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            if appended.error_code == 0 {
                *self.taken.entry((identity, partition)).or_default() += 1;
            }
            return Ok(Observed::Code(appended.error_code));
        }
    }

    /// Waits until no transaction of the sequence is being ended.
    async fn settle(&self) -> Result<(), Transport> {
        for id in &self.ids {
            self.state(*id).await?.ok();
        }
        Ok(())
    }

    /// State and epoch of an id, once its last transaction is ended in every partition.
    async fn state(&self, id: u8) -> Result<Result<(String, i16), i16>, Transport> {
        loop {
            let described = self.raw.describe_transaction(&self.name(id)).await?;
            if NOT_YET.contains(&described.error_code) {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            if described.error_code != 0 {
                return Ok(Err(described.error_code));
            }
            if !described.state.starts_with("Prepare") {
                return Ok(Ok((described.state, described.identity.producer_epoch)));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Values of this sequence that a `read_committed` reader sees, in log order.
    async fn visible(&self, partition: u8) -> Result<Vec<u32>, Transport> {
        let mut next = self.start[usize::from(partition)];
        let (mut values, mut aborted) = (Vec::new(), BTreeSet::new());
        let mine = format!("{}:", self.prefix);
        loop {
            let fetched =
                self.raw.fetch(self.topic, i32::from(partition), next, Isolation::ReadCommitted).await?;
            let before = next;
            let mut ahead = fetched.aborted.clone();
            for batch in &fetched.batches {
                let Some(first) = batch.records.first().map(|record| record.offset) else { continue };
                // A transaction counts as aborted from its first record to its marker, and no further.
                aborted
                    .extend(ahead.extract_if(.., |one| one.first_offset <= first).map(|one| one.producer_id));
                let writer = batch.identity.map(|identity| identity.producer_id);
                let is_aborted = writer.is_some_and(|writer| aborted.contains(&writer));
                if batch.marker == Some(Marker::Abort) {
                    aborted.retain(|producer| Some(*producer) != writer);
                }
                for record in batch.records.iter().filter(|record| record.offset >= before) {
                    next = next.max(record.offset + 1);
                    let text = record.value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
                    let value = text
                        .and_then(|text| text.strip_prefix(&mine))
                        .and_then(|value| value.parse::<u32>().ok());
                    if batch.marker.is_none() && !is_aborted {
                        values.extend(value);
                    }
                }
            }
            if next == before {
                return Ok(values);
            }
        }
    }

    /// Leaves nothing open for the next sequence on the topic.
    async fn close(&mut self) -> Result<(), Transport> {
        for id in self.ids.clone() {
            self.init(id).await?;
        }
        Ok(())
    }
}

async fn high_watermark(raw: &RawClient, topic: &str, partition: i32) -> Result<i64, Transport> {
    for _ in 0..500 {
        let fetched = raw.fetch(topic, partition, 0, Isolation::ReadUncommitted).await?;
        if fetched.error_code == 0 {
            return Ok(fetched.high_watermark);
        }
        tokio::time::sleep(Duration::from_millis(10)).await; // a topic that was just created has no leader yet
    }
    Err(Transport::NotSent(format!("partition {partition} of topic {topic} has no leader")))
}
