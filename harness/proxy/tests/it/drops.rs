//! Frames that are lost or late, and connections that are reset; and which frames are not concerned.

use kafka_protocol::messages::{ApiKey, EndTxnRequest};
use truecut_proxy::{Action, Counts, Occurrence, Rule, Side, What};

use crate::client::{Setup, end_txn};
use crate::upstream::Saw;

const DROP: Action = Action::Drop { close_after_ms: Some(0) };
const NEVER_MS: u64 = 3_600_000;

#[tokio::test]
async fn a_lost_answer_was_processed_and_the_repetition_is_answered() {
    let mut setup = Setup::new().await;
    let rule = setup.proxy.add(end_txn(Side::Response, DROP)).expect("it is allowed");
    let mut client = setup.client("sink-1").await;
    client.init("job/1").await;
    assert_eq!(client.answer().await.expect("another API is untouched"), 1);
    client.end_txn("job/1").await;
    assert!(client.is_reset().await);
    let event = setup.event().await;
    assert_eq!((event.rule, &event.what), (Some(rule), &What::Dropped));
    let frame = event.frame.expect("it names the frame");
    assert_eq!((frame.name.as_str(), frame.correlation), ("EndTxn", Some(2)));
    assert_eq!(
        (frame.client_id.as_deref(), frame.transactional_id.as_deref()),
        (Some("sink-1"), Some("job/1"))
    );

    let mut again = setup.client("sink-1").await;
    again.end_txn("job/1").await;
    assert_eq!(again.answer().await.expect("the rule fired once"), 1);
    let mut apis = Vec::new();
    for _ in 0..3 {
        apis.push(setup.upstream.request().await.1);
    }
    assert_eq!(apis, [ApiKey::InitProducerId, ApiKey::EndTxn, ApiKey::EndTxn], "it was processed");
    assert_eq!(setup.proxy.counts(rule), Some(Counts { matched: 2, fired: 1 }));
}

#[tokio::test]
async fn a_lost_request_was_not_processed_and_upstream_is_closed_in_order() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Request, DROP)).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.heartbeat().await;
    assert_eq!(client.answer().await.expect("an answer"), 1);
    client.end_txn("job/1").await;
    client.heartbeat().await;
    assert!(client.is_reset().await);
    assert_eq!(setup.upstream.next().await, Saw::Opened { connection: 1 });
    assert!(matches!(setup.upstream.next().await, Saw::Request { api: ApiKey::Heartbeat, .. }));
    assert_eq!(setup.upstream.next().await, Saw::Ended { connection: 1, reset: false });
}

#[tokio::test]
async fn without_a_time_the_connection_stays_and_only_one_direction_is_lost() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Response, Action::Drop { close_after_ms: None })).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job/1").await;
    assert_eq!(setup.what().await, What::Dropped);
    client.heartbeat().await;
    assert_eq!(setup.upstream.request().await.1, ApiKey::EndTxn);
    assert_eq!(setup.upstream.request().await.1, ApiKey::Heartbeat, "later requests still reach upstream");
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.expect("it gives up");
    let error = client.answer().await.expect_err("no later answer comes");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn only_the_nth_match_counts_and_filters_keep_others_out() {
    let mut setup = Setup::new().await;
    let rule = Rule {
        when: Occurrence::Nth(2),
        client_id_prefix: Some("sink-".to_owned()),
        transactional_id_contains: Some("/7/".to_owned()),
        ..end_txn(Side::Response, DROP)
    };
    let rule = setup.proxy.add(rule).expect("it is allowed");
    let mut other = setup.client("source").await;
    let mut client = setup.client("sink-1").await;
    for _ in 0..3 {
        other.end_txn("job/7/1").await;
        other.answer().await.expect("another client is untouched");
        client.end_txn("job/8/1").await;
        client.answer().await.expect("another transactional id is untouched");
    }
    client.init("job/7/1").await;
    client.answer().await.expect("another API is untouched");
    client.end_txn("job/7/1").await;
    client.answer().await.expect("the first match is untouched");
    assert_eq!(setup.proxy.counts(rule), Some(Counts { matched: 1, fired: 0 }));
    client.end_txn("job/7/1").await;
    assert!(client.is_reset().await, "the second match fires");
    let mut again = setup.client("sink-1").await;
    again.end_txn("job/7/1").await;
    again.answer().await.expect("the third match is untouched");
    assert_eq!(setup.what().await, What::Dropped);
    assert!(setup.events.try_recv().is_err(), "nothing else was reported");
}

#[tokio::test]
async fn every_match_fires_until_the_rule_is_removed() {
    let setup = Setup::new().await;
    let rule = Rule { when: Occurrence::Every, ..end_txn(Side::Request, Action::Reset) };
    let rule = setup.proxy.add(rule).expect("it is allowed");
    for _ in 0..3 {
        let mut client = setup.client("sink").await;
        client.end_txn("job").await;
        assert!(client.is_reset().await);
    }
    assert_eq!(setup.proxy.remove(rule), Some(Counts { matched: 3, fired: 3 }));
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    client.answer().await.expect("no rule is left");
}

#[tokio::test]
async fn of_two_rules_the_older_acts_and_the_other_takes_the_next_frame() {
    let mut setup = Setup::new().await;
    let first = setup.proxy.add(end_txn(Side::Request, Action::Delay { ms: 0 })).expect("it is allowed");
    let second = setup.proxy.add(end_txn(Side::Request, Action::Delay { ms: 0 })).expect("it is allowed");
    let mut client = setup.client("sink").await;
    for rule in [first, second] {
        client.end_txn("job").await;
        client.answer().await.expect("it passed, late");
        assert_eq!(setup.event().await.rule, Some(rule));
    }
    client.end_txn("job").await;
    client.answer().await.expect("it passed");
    assert!(setup.events.try_recv().is_err());
}

#[tokio::test]
async fn a_reset_is_seen_by_both_ends_and_by_no_other_connection() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Response, Action::Reset)).expect("it is allowed");
    let mut other = setup.client("other").await;
    other.heartbeat().await;
    other.answer().await.expect("an answer");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    assert!(client.is_reset().await);
    let ended = loop {
        if let Saw::Ended { connection, reset } = setup.upstream.next().await {
            break (connection, reset);
        }
    };
    assert_eq!(ended, (2, true));
    other.heartbeat().await;
    other.answer().await.expect("it lives");
}

#[tokio::test]
async fn a_late_answer_keeps_its_connection_waiting_and_no_other() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Response, Action::Delay { ms: NEVER_MS })).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    assert_eq!(setup.what().await, What::Delayed);
    client.heartbeat().await;
    let mut other = setup.client("sink").await;
    other.end_txn("job").await;
    other.answer().await.expect("another connection goes on");
    let mut byte = [0];
    let nothing = client.stream.try_read(&mut byte).expect_err("nothing came");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_request_that_is_delayed_comes_in_order() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Request, Action::Delay { ms: 20 })).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    client.heartbeat().await;
    assert_eq!(client.answer().await.expect("an answer"), 1);
    assert_eq!(client.answer().await.expect("an answer"), 2);
    assert_eq!(setup.upstream.request().await.1, ApiKey::EndTxn);
    assert_eq!(setup.what().await, What::Delayed);
}

#[tokio::test]
async fn transactional_ids_are_found_in_every_version_of_every_request() {
    let mut setup = Setup::new().await;
    let mut client = setup.client("sink").await;
    let rule = |frame: &str| Rule {
        frame: frame.to_owned(),
        when: Occurrence::Every,
        transactional_id_contains: Some("job".to_owned()),
        ..end_txn(Side::Response, Action::Delay { ms: 0 })
    };
    let end = setup.proxy.add(rule("EndTxn")).expect("it is allowed");
    let produce = setup.proxy.add(rule("Produce")).expect("it is allowed");
    let init = setup.proxy.add(rule("InitProducerId")).expect("it is allowed");
    for version in 0..=5 {
        let request = EndTxnRequest::default().with_transactional_id(transactional_id());
        client.send(&request, version).await;
        client.answer().await.expect("an answer");
    }
    for version in 3..=13 {
        // Nobody answers this one; the answers that follow must find their own requests.
        client.produce("job", 0, version).await;
        client.produce("job", 1, version).await;
        client.answer().await.expect("an answer");
    }
    client.init("job").await;
    client.answer().await.expect("an answer");
    let fired = |rule| setup.proxy.counts(rule).expect("it is there").fired;
    assert_eq!((fired(end), fired(produce), fired(init)), (6, 11, 1));
    assert_eq!(setup.event().await.frame.expect("a frame").transactional_id.as_deref(), Some("job"));
}

fn transactional_id() -> kafka_protocol::messages::TransactionalId {
    kafka_protocol::messages::TransactionalId(kafka_protocol::protocol::StrBytes::from_static_str("job"))
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused_by_name() {
    let setup = Setup::new().await;
    let add = |rule| setup.proxy.add(rule).map(|_| ()).expect_err("it is refused").to_string();
    let unknown = Rule { frame: "EndTransaction".to_owned(), ..end_txn(Side::Request, DROP) };
    assert!(add(unknown).contains("\"EndTransaction\""));
    assert!(add(Rule { when: Occurrence::Nth(0), ..end_txn(Side::Request, DROP) }).contains("from 1"));
    let copy = Action::Duplicate { after_ms: 0 };
    assert!(add(end_txn(Side::Response, copy)).contains("only a request"));
}

#[test]
fn rules_are_plain_text() {
    let text = r#"{"frame":"EndTxn","side":"request","when":{"nth":2},"transactional_id_contains":"/3/",
        "action":{"hold":{"after_ms":500,"client":"reset"}}}"#;
    let rule: Rule = serde_json::from_str(text).expect("it is a rule");
    let written = serde_json::to_string(&rule).expect("it is text");
    assert_eq!(serde_json::from_str::<Rule>(&written).expect("the same"), rule);
    assert_eq!(rule.when, Occurrence::Nth(2));
    assert!(serde_json::from_str::<Rule>(&text.replace("frame", "frames")).is_err());
}
