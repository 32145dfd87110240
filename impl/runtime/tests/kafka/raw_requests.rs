//! What raw requests say and do.

use std::time::{Duration, SystemTime};

use truecut_runtime::kafka::Transport;
use truecut_runtime::kafka::raw::{
    At, CommittedOffset, Isolation, ListedOffset, LogBatch, Marker, NewRecord, NewRecords, NewTopic,
    ProducerIdentity, RawClient,
};

use crate::support::{eventually, new_topic, raw, unique};

const NOBODY: ProducerIdentity = ProducerIdentity { producer_id: -1, producer_epoch: -1 };

async fn identity_of(raw: &RawClient, id: &str) -> ProducerIdentity {
    loop {
        let answer = raw.init_producer_id(Some(id), 60_000, NOBODY).await.expect("an answer");
        match answer.error_code {
            0 => return answer.identity,
            // The coordinator is being found, loads, or still ends the transaction before.
            14 | 15 | 16 | 51 => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("code {other}"),
        }
    }
}

/// Two records of now and a second later. (Old timestamps would begin a new segment, which a fetch does not cross.)
struct Two([NewRecord<'static>; 2]);

fn two() -> Two {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_millis();
    let now = i64::try_from(now).expect("64 bits are enough");
    let first = NewRecord { key: Some(b"k"), value: Some(b"one"), timestamp_ms: now };
    Two([first, NewRecord { key: None, value: Some(b"two"), timestamp_ms: now + 1000 }])
}

impl Two {
    fn by<'a>(
        &'a self,
        topic: &'a str,
        identity: Option<ProducerIdentity>,
        base_sequence: i32,
    ) -> NewRecords<'a> {
        NewRecords { topic, partition: 0, identity, base_sequence, records: &self.0 }
    }
}

async fn batches(raw: &RawClient, topic: &str) -> Vec<LogBatch> {
    raw.fetch(topic, 0, 0, Isolation::ReadUncommitted).await.expect("an answer").batches
}

#[tokio::test]
async fn a_transaction_of_the_first_protocol_aborts_and_its_log_tells_so() {
    let (raw, two, topic, id) = (raw(), two(), new_topic(1).await, unique("v1"));
    let me = identity_of(&raw, &id).await;
    let added = raw.add_partitions_to_txn(&id, me, &[(&topic, 0)], 3).await.expect("an answer");
    assert_eq!(added, [0]);
    let appended = raw.produce(Some(&id), two.by(&topic, Some(me), 0), 9).await.expect("an answer");
    assert_eq!((appended.error_code, appended.base_offset), (0, 0));

    let listing = raw.list_transactions(&["Ongoing"]).await.expect("an answer");
    assert_eq!((listing.topic_code, listing.leaderless), (Some(0), 0));
    assert!(listing.brokers.iter().all(|(_, answer)| *answer == Ok(0)), "{:?}", listing.brokers);
    let listed = listing.transactions.iter().find(|t| t.transactional_id == id).expect("it is listed");
    assert_eq!((listed.producer_id, listed.state.as_str()), (me.producer_id, "Ongoing"));
    let described = raw.describe_transaction(&id).await.expect("an answer");
    assert_eq!((described.identity, described.timeout_ms), (me, 60_000));
    assert_eq!(described.partitions, [(topic.to_string(), 0)]);

    let open = raw.fetch(&topic, 0, 0, Isolation::ReadCommitted).await.expect("an answer");
    assert_eq!((open.last_stable_offset, open.high_watermark, open.batches.len()), (0, 2, 0));
    assert_eq!(raw.end_txn(&id, me, false, 0..=4).await.expect("an answer").error_code, 0);
    eventually("the abort marker lies in the log", || async { batches(&raw, &topic).await.len() == 2 }).await;

    let ended = raw.fetch(&topic, 0, 0, Isolation::ReadCommitted).await.expect("an answer");
    assert_eq!((ended.last_stable_offset, ended.high_watermark, ended.log_start_offset), (3, 3, 0));
    assert_eq!(ended.aborted.len(), 1);
    assert_eq!((ended.aborted[0].producer_id, ended.aborted[0].first_offset), (me.producer_id, 0));
    let [data, marker] = &ended.batches[..] else { panic!("{:?}", ended.batches) };
    assert_eq!(
        (data.identity, data.transactional, data.base_sequence, data.marker),
        (Some(me), true, 0, None)
    );
    assert_eq!(data.records[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!((data.records[1].offset, data.records[1].timestamp_ms), (1, two.0[1].timestamp_ms));
    assert_eq!(
        (marker.marker, marker.identity.map(|i| i.producer_id)),
        (Some(Marker::Abort), Some(me.producer_id))
    );
    assert_eq!(
        raw.end_txn(&id, me, true, 0..=4).await.expect("an answer").error_code,
        48,
        "INVALID_TXN_STATE, raw"
    );
}

#[tokio::test]
async fn version_5_of_end_txn_bumps_the_epoch_and_fences_the_older_ones() {
    let (raw, two, topic, id) = (raw(), two(), new_topic(1).await, unique("v2"));
    let me = identity_of(&raw, &id).await;
    let appended = raw.produce(Some(&id), two.by(&topic, Some(me), 0), 12).await.expect("an answer");
    assert_eq!(appended.error_code, 0, "the broker adds the partition itself");
    let ended = raw.end_txn(&id, me, true, 5..=5).await.expect("an answer");
    let next = ProducerIdentity { producer_epoch: me.producer_epoch + 1, ..me };
    assert_eq!((ended.error_code, ended.next), (0, Some(next)));
    let is_committed =
        || async { raw.describe_transaction(&id).await.expect("an answer").state == "CompleteCommit" };
    eventually("the commit is complete", is_committed).await;
    assert_eq!(
        raw.end_txn(&id, me, true, 5..=5).await.expect("an answer").error_code,
        0,
        "the same version repeats"
    );
    assert_eq!(
        raw.end_txn(&id, me, true, 0..=4).await.expect("an answer").error_code,
        90,
        "an older one is fenced"
    );
}

#[tokio::test]
async fn a_partition_that_was_not_added_is_refused_under_the_first_protocol() {
    let (raw, two, topic, id) = (raw(), two(), new_topic(1).await, unique("unadded"));
    let me = identity_of(&raw, &id).await;
    let refused = raw.produce(Some(&id), two.by(&topic, Some(me), 0), 9).await.expect("an answer");
    assert_ne!(refused.error_code, 0);
    assert_eq!(batches(&raw, &topic).await, []);
    assert_eq!(raw.add_partitions_to_txn(&id, me, &[(&topic, 9)], 3).await.expect("an answer"), [3]);
}

#[tokio::test]
async fn repeated_sequences_land_once() {
    let (raw, two, topic) = (raw(), two(), new_topic(1).await);
    let me = raw.init_producer_id(None, 60_000, NOBODY).await.expect("an answer");
    assert_eq!(me.error_code, 0);
    for _ in 0..2 {
        let appended = raw.produce(None, two.by(&topic, Some(me.identity), 0), 9).await.expect("an answer");
        assert_eq!((appended.error_code, appended.base_offset), (0, 0));
    }
    let gap = raw.produce(None, two.by(&topic, Some(me.identity), 5), 9).await.expect("an answer");
    assert_eq!(gap.error_code, 45, "OUT_OF_ORDER_SEQUENCE_NUMBER, raw");
    assert_eq!(batches(&raw, &topic).await.len(), 1);
}

#[tokio::test]
async fn an_unknown_transaction_has_its_own_code() {
    let (raw, id) = (raw(), unique("unknown"));
    eventually("the coordinator is there", || async {
        raw.describe_transaction(&id).await.expect("an answer").error_code == 105
    })
    .await;
    let me = ProducerIdentity { producer_id: 1, producer_epoch: 0 };
    assert_eq!(raw.end_txn(&id, me, true, 0..=4).await.expect("an answer").error_code, 49);
    assert!(raw.find_coordinator(&id).await.expect("an answer").is_ok());
}

#[tokio::test]
async fn offsets_of_a_log_and_of_a_group() {
    let (raw, two, topic, group) = (raw(), two(), new_topic(2).await, unique("group"));
    raw.produce(None, two.by(&topic, None, -1), 9).await.expect("an answer");
    let listed =
        async |at| raw.list_offsets(&topic, 0, at, Isolation::ReadCommitted).await.expect("an answer");
    let found = |offset| ListedOffset { error_code: 0, offset };
    assert_eq!(listed(At::Earliest).await, found(Some(0)));
    assert_eq!(listed(At::Latest).await, found(Some(2)));
    assert_eq!(listed(At::Timestamp(two.0[0].timestamp_ms + 1)).await, found(Some(1)));
    assert_eq!(listed(At::Timestamp(two.0[1].timestamp_ms + 1)).await, found(None));
    let missing = raw.list_offsets(&topic, 7, At::Latest, Isolation::ReadCommitted).await;
    assert!(matches!(missing, Err(Transport::NotSent(_))), "nobody to ask: {missing:?}");

    let fetch = async || raw.offset_fetch(&group, &topic, &[0, 1]).await.expect("an answer");
    let nothing = CommittedOffset { error_code: 0, offset: None };
    eventually("the group's coordinator is there", || async { fetch().await == [nothing; 2] }).await;
    assert_eq!(raw.offset_commit(&group, &topic, &[(1, 42)]).await.expect("an answer"), [0]);
    assert_eq!(fetch().await, [nothing, CommittedOffset { error_code: 0, offset: Some(42) }]);
}

#[tokio::test]
async fn topics_are_created_described_and_deleted() {
    let (raw, topic, timeout) = (raw(), new_topic(3).await, Duration::from_secs(10));
    let again = NewTopic { name: &topic, partitions: 1, replication_factor: 1, settings: &[] };
    let wrong = NewTopic { name: "not/a/name", settings: &[("retention.ms", "1000")], ..again };
    assert_eq!(raw.create_topics(&[wrong, again], timeout).await.expect("an answer"), [17, 36]);
    let metadata = raw.metadata(Some(&[&topic, "no-such-topic"])).await.expect("an answer");
    let topic_of = |name: &str| metadata.topics.iter().find(|t| t.name == name).expect("it is there");
    let leaders: Vec<_> = topic_of(&topic).partitions.iter().map(|p| (p.partition, p.leader)).collect();
    let leader = Some(metadata.brokers[0].id);
    assert_eq!(leaders, [(0, leader), (1, leader), (2, leader)]);
    assert_eq!(topic_of("no-such-topic").error_code, 3);
    assert_eq!(raw.delete_topics(&["no-such-topic", &topic], timeout).await.expect("an answer"), [3, 0]);
}
