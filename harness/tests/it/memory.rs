//! Memory is bounded under backpressure: the sink of a job stalls, and far more is fed than the job may hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use truecut::bench::peak_memory;
use truecut_cluster::BrokerId;
use truecut_cluster::testing::own_kafka;
use truecut_proxy::{Action, Kafka, Listen, Occurrence, Proxy, Rule, Side};
use truecut_runtime::batch::{ANY_PARTITION, BatchPool, NO_TIMESTAMP, RecordBatch, RecordRef};
use truecut_runtime::config::JobConfig;
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::producer::{Producer, ProducerSettings, TransactionalProducers};
use truecut_runtime::kafka::raw::{Isolation, Marker, NewTopic, RawClient};
use truecut_runtime::memory::{Load, bound};

use crate::running::Running;

const PARTITIONS: [i32; 4] = [0, 1, 2, 3];
const KEY_BYTES: usize = 8;
const RECORD_BYTES: usize = 1 << 10;
/// Records that are fed at a time.
const CHUNK: u64 = 256;
/// Records before the stall.
const FIRST: u64 = 4 * CHUNK;
/// That of docs/memory.md.
const LOAD: Load = Load {
    sources: 1,
    operators: 1,
    partitions: 4,
    brokers: 1,
    record_bytes: 1 << 10,
    record_bytes_max: 1 << 10,
    traced: false,
};
/// What an attempt that has ended has under way for some seconds more: five requests of a megabyte.
const UNDER_WAY: u64 = 5 << 20;
/// Attempts that fail while the sink stalls: what each of them may hold unsent, together, is more than the bound.
const ATTEMPTS: usize = 12;
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_sink_stalls_takes_no_more_than_it_may_hold_and_loses_nothing() {
    stall("", async |_, worker| {
        let mut before = 0;
        until("the job takes no more", async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = peak_memory(worker);
            std::mem::replace(&mut before, now) == now
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_end_while_the_sink_stalls_let_go_of_what_they_hold() {
    let settings = ", timeout_ms = 1500, restart_delay_ms = 10, max_restarts = 1000";
    stall(settings, async |run, _| {
        let before = run.attempts();
        until("attempts have failed", async || run.attempts() >= before + ATTEMPTS).await;
    })
    .await;
}

/// Runs a job whose checkpoints are set as said, stalls its sink, feeds more than it may hold, waits for what the test waits for, and
/// lets it catch up.
async fn stall(settings: &str, wait: impl AsyncFnOnce(&Running, u32)) {
    let (proxy, broker) =
        (Proxy::start(Kafka, Listen::default()).await.expect("it listens"), BrokerId::new(1));
    let through_proxy = |options: &mut truecut_cluster::Options| {
        options.proxies.insert(broker, proxy.address());
    };
    let Some(kafka) = own_kafka(through_proxy) else { return };
    proxy.set_upstream(kafka.behind(broker).expect("a broker that was started here").to_string());
    let topics = Topics::make(kafka.bootstrap()).await;
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().canonicalize().expect("it is there");
    let text = format!(
        "name = \"stalled\"\nbootstrap = \"{}\"\nsource = {{ topic = \"in\" }}\nsink = {{ topic = \"out\" }}\n\
         checkpoints = {{ directory = \"checkpoints\", interval_ms = 500{settings} }}\n",
        proxy.address()
    );
    std::fs::write(directory.join("job.toml"), text).expect("the job file is written");
    let bound = bound(&JobConfig::read(&directory.join("job.toml")).expect("a job"), &LOAD);

    topics.feed(0, FIRST).await;
    let run = Running::start(&directory, "job.toml");
    until("the job has checkpointed all that there is", async || topics.are_consumed().await).await;
    until("and has committed it", async || topics.are_committed().await).await;
    let worker = run.processes("__worker").first().copied().expect("a worker").as_raw();
    let worker = u32::try_from(worker).expect("a process id");
    let (idle, written) = (peak_memory(worker), topics.written(Isolation::ReadUncommitted).await);

    // From here on no record of the job reaches Kafka, though it tries again and again; all else does, its reads too.
    let lost = Rule {
        frame: "Produce".to_owned(),
        side: Side::Request,
        when: Occurrence::Every,
        client_id_prefix: None,
        transactional_id_contains: None,
        action: Action::Drop { close_after_ms: Some(1_000) },
    };
    let lost = proxy.add(lost).expect("a rule of Kafka's");
    // A quarter more than it may hold, so that a job that reads on without writing goes beyond.
    let records = FIRST + (bound + bound / 4) / wide(RECORD_BYTES);
    topics.feed(FIRST, records).await;
    wait(&run, worker).await;
    let peak = peak_memory(worker);
    let still = topics.written(Isolation::ReadUncommitted).await;
    assert_eq!(still, written, "nothing was written meanwhile");
    assert!(proxy.remove(lost).is_some_and(|counts| counts.fired > 0), "it tried to");
    let backlog = (records - FIRST) * wide(RECORD_BYTES);
    eprintln!(
        "bound {} MiB, backlog {} MiB, worker {} MiB idle, {} MiB stalled, {} attempts",
        bound >> 20,
        backlog >> 20,
        idle >> 20,
        peak >> 20,
        run.attempts()
    );
    assert!(backlog > bound, "otherwise nothing is shown");
    let bound = bound + wide(run.attempts() - 1) * UNDER_WAY;
    assert!(peak > idle && peak <= bound, "{peak} of {bound} bytes");

    until("the job has caught up", async || topics.are_consumed().await).await;
    let peak = peak_memory(worker);
    eprintln!("and {} MiB by the time it has caught up, of {} MiB", peak >> 20, bound >> 20);
    assert!(peak > 0 && peak <= bound, "{peak} of {bound} bytes while it caught up");
    run.ask_to_end(Signal::SIGINT);
    let ended = run.end();
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let times = topics.committed(records).await;
    let wrong = times.iter().enumerate().find(|(_, times)| **times != 1);
    assert_eq!(wrong, None, "each record is there once");
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !done().await {
        assert!(since.elapsed() < LIMIT, "not within {} s: {what}", LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the job reads and writes, reached past the proxy.
struct Topics {
    raw: RawClient,
    feeder: Producer,
    input: Arc<str>,
}

impl Topics {
    async fn make(bootstrap: &str) -> Self {
        let cluster = Cluster::new(bootstrap, "feeder");
        let raw = RawClient::new(cluster.clone());
        let partitions = i32::try_from(PARTITIONS.len()).expect("few");
        let new = |name| NewTopic { name, partitions, replication_factor: 1, settings: &[] };
        let made = raw.create_topics(&[new("in"), new("out")], LIMIT).await.expect("Kafka answers");
        assert_eq!(made, [0, 0]);
        let producers = TransactionalProducers::new(
            ProducerSettings::new(cluster),
            raw.clone(),
            BatchPool::new(16, 1 << 20),
        );
        // A broker that has just started may still be loading what it must know to give out a producer id.
        let mut feeder = None;
        until("a producer is made", async || {
            feeder = producers.idempotent().await.ok();
            feeder.is_some()
        })
        .await;
        let feeder = feeder.expect("it was made");
        Self { raw, feeder, input: Arc::from("in") }
    }

    /// Puts records with these numbers as their keys into the input.
    async fn feed(&self, from: u64, to: u64) {
        let value = vec![b'.'; RECORD_BYTES - KEY_BYTES];
        for first in (from..to).step_by(usize::try_from(CHUNK).expect("few")) {
            let mut batch = RecordBatch::default();
            for number in first..to.min(first + CHUNK) {
                let key = number.to_be_bytes();
                let (key, value) = (Some(&key[..]), Some(&value[..]));
                let (timestamp_ms, partition) = (NO_TIMESTAMP, ANY_PARTITION);
                batch.push(RecordRef { key, value, timestamp_ms, partition, offset: 0 });
            }
            self.feeder.produce(&self.input, batch).await;
        }
        self.feeder.flush().await.expect("Kafka takes it");
    }

    /// Whether a completed checkpoint has passed all of the input.
    async fn are_consumed(&self) -> bool {
        let group = self.raw.offset_fetch("stalled", "in", &PARTITIONS).await.expect("Kafka answers");
        let group: Vec<_> = group.into_iter().map(|committed| committed.offset).collect();
        let ends = self.raw.list_ends("in", &PARTITIONS, Isolation::ReadCommitted).await;
        let ends: Vec<_> = ends.expect("Kafka answers").into_iter().map(|end| end.offset).collect();
        group == ends && group.iter().all(Option::is_some)
    }

    /// Where the output ends, all partitions added up.
    async fn written(&self, isolation: Isolation) -> i64 {
        let ends = self.raw.list_ends("out", &PARTITIONS, isolation).await;
        ends.expect("Kafka answers").into_iter().map(|end| end.offset.expect("an end")).sum()
    }

    /// Whether nothing of the output is in an open transaction.
    async fn are_committed(&self) -> bool {
        self.written(Isolation::ReadCommitted).await == self.written(Isolation::ReadUncommitted).await
    }

    /// How often each record is in the output, for readers of what is committed.
    async fn committed(&self, records: u64) -> Vec<u8> {
        let mut times = vec![0; usize::try_from(records).expect("it was fed")];
        for partition in PARTITIONS {
            let (mut offset, mut undecided) = (0, BTreeMap::<i64, Vec<usize>>::new());
            loop {
                let fetched = self.raw.fetch("out", partition, offset, Isolation::ReadCommitted).await;
                let fetched = fetched.expect("Kafka answers");
                for batch in fetched.batches {
                    let producer = batch.identity.expect("written in a transaction").producer_id;
                    let of_one = undecided.entry(producer).or_default();
                    match batch.marker {
                        None => {
                            of_one.extend(batch.records.iter().map(|record| number(record.key.as_deref())))
                        }
                        Some(Marker::Commit) => of_one.drain(..).for_each(|number| times[number] += 1),
                        Some(Marker::Abort) => of_one.clear(),
                        Some(Marker::Other(kind)) => panic!("a marker of kind {kind}"),
                    }
                }
                match fetched.next_offset {
                    Some(next) => offset = next,
                    None => break,
                }
            }
        }
        times
    }
}

fn number(key: Option<&[u8]>) -> usize {
    let key = key.expect("a key").try_into().expect("a number");
    usize::try_from(u64::from_be_bytes(key)).expect("a number of ours")
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).expect("usize has at most 64 bits")
}
