//! A broker, topics of one's own, and processes to be killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use truecut_core::{Meaning, TransactionProtocol, meaning};
use truecut_runtime::batch::{ANY_PARTITION, BatchPool, NO_TIMESTAMP, RecordBatch, RecordRef};
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::producer::{
    NotInitialised, Producer, ProducerKind, ProducerSettings, TransactionalProducers,
};
use truecut_runtime::kafka::raw::{Description, Fetched, Isolation, NewTopic, ProducerIdentity, RawClient};

/// The address of the broker that all these tests share.
pub(crate) fn bootstrap() -> &'static str {
    let kafka = truecut_cluster::testing::shared_kafka();
    kafka.expect("start a container engine, or say TRUECUT_TEST_KAFKA=process or HOST:PORT").bootstrap()
}

pub(crate) fn cluster() -> Cluster {
    Cluster::new(bootstrap(), "truecut-test")
}

pub(crate) fn raw() -> RawClient {
    RawClient::new(cluster())
}

pub(crate) fn pool() -> BatchPool {
    BatchPool::new(16, 8 << 20)
}

pub(crate) fn settings(kind: ProducerKind) -> ProducerSettings {
    ProducerSettings { kind, ..ProducerSettings::new(cluster()) }
}

pub(crate) fn producers(kind: ProducerKind) -> TransactionalProducers {
    TransactionalProducers::new(settings(kind), raw(), pool())
}

/// Initialises as the protocol does: again, as long as Kafka says that it may be.
pub(crate) async fn initialised(producers: &TransactionalProducers, id: &str) -> (Producer, Description) {
    loop {
        match producers.init(id, Duration::from_secs(60)).await {
            Ok(initialised) => return initialised,
            Err(NotInitialised::Refused(failure)) if meaning(failure.code) == Meaning::Retry => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(why) => panic!("{why}"),
        }
    }
}

/// Ends the transaction as the protocol of its producer wants it, and gives the raw code.
pub(crate) async fn commit(id: &str, identity: ProducerIdentity, protocol: TransactionProtocol) -> i16 {
    let ended = raw().end_txn(id, identity, true, protocol.end_txn_versions()).await;
    ended.expect("an answer").error_code
}

/// Makes each test twice: for our own producer, and for librdkafka's.
#[macro_export]
macro_rules! by_both {
    ($($test:ident),* $(,)?) => {
        mod builtin {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(truecut_runtime::kafka::producer::ProducerKind::BuiltIn).await;
            })*
        }
        mod librdkafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(truecut_runtime::kafka::producer::ProducerKind::Librdkafka).await;
            })*
        }
    };
}

/// A name that no other test and no other run has.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_micros();
    format!("{what}-{now}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new topic whose partitions all have leaders.
pub(crate) async fn new_topic(partitions: i32) -> Arc<str> {
    let (raw, name) = (raw(), unique("topic"));
    let topic = NewTopic { name: &name, partitions, replication_factor: 1, settings: &[] };
    let codes = raw.create_topics(&[topic], Duration::from_secs(20)).await.expect("an answer");
    assert_eq!(codes, [0]);
    for partition in 0..partitions {
        let fetch = || raw.fetch(&name, partition, 0, Isolation::ReadCommitted);
        while fetch().await.expect("an answer").error_code != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    name.into()
}

/// Records `from..to`; the key is the number, the value is `filler` bytes longer than that.
pub(crate) fn numbered(from: u64, to: u64, partition: i32, filler: usize) -> RecordBatch {
    let mut batch = RecordBatch::default();
    let mut value = vec![b'.'; filler];
    for number in from..to {
        let key = number.to_be_bytes();
        value.truncate(filler);
        value.extend_from_slice(&key);
        let (key, value) = (Some(&key[..]), Some(&value[..]));
        batch.push(RecordRef { key, value, timestamp_ms: NO_TIMESTAMP, partition, offset: 0 });
    }
    batch
}

/// Records for any partition.
pub(crate) fn keyed(from: u64, to: u64) -> RecordBatch {
    numbered(from, to, ANY_PARTITION, 0)
}

/// Everything that a reader of committed records gets from a partition, one fetch after the other.
pub(crate) async fn committed(topic: &str, partition: i32) -> Fetched {
    let (raw, mut all, mut offset) = (raw(), Fetched::default(), 0);
    loop {
        let fetched = raw.fetch(topic, partition, offset, Isolation::ReadCommitted).await.expect("an answer");
        assert_eq!(fetched.error_code, 0);
        let last = fetched.batches.last().and_then(|batch| batch.records.last()).map(|record| record.offset);
        let batches = [all.batches, fetched.batches].concat();
        let aborted = [all.aborted, fetched.aborted].concat();
        all = Fetched { batches, aborted, ..fetched };
        match last {
            Some(last) => offset = last + 1,
            None => return all,
        }
    }
}

/// How many records of a partition a reader of committed records sees.
pub(crate) async fn committed_count(topic: &str, partition: i32) -> usize {
    let Fetched { mut aborted, batches, .. } = committed(topic, partition).await;
    let (mut aborting, mut count) = (BTreeSet::new(), 0);
    for batch in batches {
        let (producer, offset) =
            (batch.identity.map(|identity| identity.producer_id), batch.records[0].offset);
        aborting.extend(aborted.extract_if(.., |a| a.first_offset <= offset).map(|a| Some(a.producer_id)));
        match batch.marker {
            Some(_) => drop(aborting.remove(&producer)),
            None if aborting.contains(&producer) => {}
            None => count += batch.records.len(),
        }
    }
    count
}

/// Waits until a condition holds, for at most 20 s.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 20 s: {what}");
}

/// A test of this binary as a process of its own, until dropped; gives the first line that it says with `say`.
pub(crate) struct Process {
    child: Child,
    said: String,
}

/// Said by a child process; the prefix tells it from the test runner's lines.
const SAYS: &str = "child says: ";
const ARGUMENTS: &str = "TRUECUT_TEST_CHILD";

#[expect(clippy::print_stdout, reason = "that is how a child process speaks")]
pub(crate) fn say(line: &str) {
    println!("\n{SAYS}{line}");
}

/// The arguments of a child process; `None` in the ordinary run, where such a test does nothing.
pub(crate) fn child_arguments() -> Option<Vec<String>> {
    let arguments = std::env::var(ARGUMENTS).ok()?;
    Some(arguments.split(' ').map(str::to_owned).collect())
}

impl Process {
    pub(crate) fn start(test: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ARGUMENTS, arguments.join(" "))
            .env("TRUECUT_TEST_KAFKA", bootstrap())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let said = lines.map_while(Result::ok).find_map(|l| l.strip_prefix(SAYS).map(str::to_owned));
        Self { said: said.expect("the child says something before it ends"), child }
    }

    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child was alive");
        let status = self.child.wait().expect("the child's end");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone after `kill`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
