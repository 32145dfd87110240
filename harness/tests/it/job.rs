//! `run`: moves one topic to another, and what a person is told when a job can't run.

use std::path::Path;

use crate::program::{Answer, call_in};

/// A job file in a directory; `change` is applied to its text.
pub(crate) fn job(
    directory: &Path,
    bootstrap: &str,
    topics: (&str, &str),
    change: impl FnOnce(String) -> String,
) -> String {
    let (input, output) = topics;
    let text = format!(
        r#"
name = "{input}-to-{output}"
bootstrap = "{bootstrap}"
source = {{ topic = "{input}", bounded = true }}
sink = {{ topic = "{output}" }}

[checkpoints]
directory = "checkpoints"
interval_ms = 200
"#
    );
    std::fs::write(directory.join("job.toml"), change(text)).expect("the job file is written");
    "job.toml".to_owned()
}

fn run(directory: &Path, job: &str) -> Answer {
    call_in(directory, &["run", job, "--json"])
}

#[test]
fn an_error_in_the_job_file_names_line_and_column() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = job(directory.path(), "127.0.0.1:1", ("a", "b"), |text| text.replace("sink =", "snik ="));
    let answer = run(directory.path(), &file);
    assert_eq!(answer.code, 65, "{}", answer.err);
    assert!(answer.err.contains("line 5, column 1") && answer.err.contains("snik"), "{}", answer.err);
}

#[test]
fn a_job_file_that_is_not_there_is_bad_data() {
    let directory = tempfile::tempdir().expect("a directory");
    let answer = run(directory.path(), "none.toml");
    assert_eq!(answer.code, 65);
    assert!(answer.err.contains("none.toml"), "{}", answer.err);
}

#[test]
fn a_broker_that_does_not_answer_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = job(directory.path(), "127.0.0.1:1", ("a", "b"), |text| text);
    let answer = run(directory.path(), &file);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("127.0.0.1:1") && answer.err.contains("bootstrap"), "{}", answer.err);
    assert_eq!(answer.document()["exit_code"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_moved_to_another_exactly_once_and_what_is_missing_or_damaged_is_named() {
    let Some(kafka) = truecut_cluster::testing::shared_kafka() else { return };
    let topics = Topics::make(kafka.bootstrap(), "mine", "yours").await;
    let directory = tempfile::tempdir().expect("a directory");

    let wrong = job(directory.path(), kafka.bootstrap(), ("mine", "nowhere"), |text| text);
    let answer = run(directory.path(), &wrong);
    assert_eq!(answer.code, 65, "{}", answer.err);
    assert!(answer.err.contains("nowhere") && answer.err.contains("does not exist"), "{}", answer.err);

    let directory = tempfile::tempdir().expect("a directory");
    let wide = |text: String| text.replace("bounded = true", "bounded = true, parallelism = 9");
    let wide = job(directory.path(), kafka.bootstrap(), ("mine", "yours"), wide);
    let answer = run(directory.path(), &wide);
    assert_eq!(answer.code, 65, "{}", answer.err);
    assert!(answer.err.contains("partitions") && answer.err.contains('9'), "{}", answer.err);

    let fresh = tempfile::tempdir().expect("a directory");
    let file = job(fresh.path(), kafka.bootstrap(), ("mine", "yours"), |text| text);
    for _ in 0..2 {
        let answer = run(fresh.path(), &file);
        assert_eq!(answer.code, 0, "{}", answer.err);
        assert!(answer.document()["message"].as_str().is_some_and(|said| said.contains("finished")));
    }
    assert_eq!(
        topics.committed("yours").await,
        Topics::RECORDS,
        "the second run resumes and repeats nothing"
    );

    damage(&fresh.path().join("checkpoints"));
    let answer = run(fresh.path(), &file);
    assert_eq!(answer.code, 65, "{}{}", answer.out, answer.err);
    let message = answer.document()["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("checkpoints") && message.contains("failed"), "{message}");
}

/// Spoils every file of a checkpoint directory that is not a lock or an owner.
fn damage(directory: &Path) {
    let mut spoiled = 0;
    for entry in std::fs::read_dir(directory).expect("a checkpoint directory").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_file() && !name.contains("owner") && !name.contains("lock") {
            let mut bytes = std::fs::read(&path).expect("it can be read");
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 0xff;
                std::fs::write(&path, bytes).expect("it can be written");
                spoiled += 1;
            }
        }
    }
    assert!(spoiled > 0, "nothing to spoil in {}", directory.display());
}

/// Two topics, the first with records.
pub(crate) struct Topics {
    raw: truecut_runtime::kafka::raw::RawClient,
}

impl Topics {
    pub(crate) const RECORDS: u64 = 500;

    pub(crate) async fn make(bootstrap: &str, input: &str, output: &str) -> Self {
        use truecut_runtime::kafka::raw::{NewTopic, RawClient};
        let raw = RawClient::new(truecut_runtime::kafka::Cluster::new(bootstrap, "test"));
        let new = |name| NewTopic { name, partitions: 1, replication_factor: 1, settings: &[] };
        let limit = std::time::Duration::from_secs(30);
        let made = raw.create_topics(&[new(input), new(output)], limit).await.expect("Kafka answers");
        assert_eq!(made, [0, 0]);
        let topics = Self { raw };
        topics.add(input).await;
        topics
    }

    /// Puts as many records again into a topic.
    pub(crate) async fn add(&self, topic: &str) {
        use truecut_runtime::kafka::raw::{NewRecord, NewRecords};
        let values: Vec<String> = (0..Self::RECORDS).map(|number| number.to_string()).collect();
        let records: Vec<NewRecord<'_>> = values
            .iter()
            .map(|value| NewRecord { key: None, value: Some(value.as_bytes()), timestamp_ms: 0 })
            .collect();
        let batch = NewRecords { topic, partition: 0, identity: None, base_sequence: -1, records: &records };
        let mut written = self.raw.produce(None, batch, 9).await.expect("Kafka answers");
        while written.error_code != 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            written = self.raw.produce(None, batch, 9).await.expect("Kafka answers");
        }
    }

    /// Committed records of a topic that nothing was aborted in.
    pub(crate) async fn committed(&self, topic: &str) -> u64 {
        let (records, aborted) = self.committed_and_aborted(topic).await;
        assert_eq!(aborted, 0, "a run without a failure aborts nothing");
        records
    }

    /// How many records of a topic are committed, and how many aborted.
    pub(crate) async fn committed_and_aborted(&self, topic: &str) -> (u64, u64) {
        use truecut_runtime::kafka::raw::{Isolation, Marker};
        let (mut next, mut committed) = (0, 0);
        let mut undecided = std::collections::BTreeMap::<i64, u64>::new();
        let mut aborted = 0;
        loop {
            let fetched =
                self.raw.fetch(topic, 0, next, Isolation::ReadCommitted).await.expect("Kafka answers");
            for batch in &fetched.batches {
                next = batch.records.last().map_or(next, |record| record.offset + 1);
                let producer =
                    batch.identity.expect("all are written by producers with an identity").producer_id;
                let records = u64::try_from(batch.records.len()).expect("few");
                match batch.marker {
                    None => *undecided.entry(producer).or_default() += records,
                    Some(Marker::Commit) => committed += undecided.remove(&producer).unwrap_or_default(),
                    Some(Marker::Abort) => aborted += undecided.remove(&producer).unwrap_or_default(),
                    Some(Marker::Other(kind)) => panic!("a marker of kind {kind}"),
                }
            }
            if fetched.batches.is_empty() {
                return (committed, aborted);
            }
        }
    }
}
