//! Requests that come twice, or long after their sender gave up.

use kafka_protocol::messages::ApiKey;
use truecut_proxy::{Action, By, ClientSees, Rule, Side, What};

use crate::client::{Setup, end_txn};

fn delivered(by: By) -> What {
    What::Delivered { by }
}

fn answered(code: i16) -> What {
    What::Answered { error_code: Some(code) }
}

#[tokio::test]
async fn a_second_copy_goes_by_the_same_connection_and_its_answer_is_swallowed() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Request, Action::Duplicate { after_ms: 0 })).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    assert_eq!(client.answer().await.expect("the first answer"), 1);
    assert_eq!(setup.what().await, What::Copied);
    assert_eq!(setup.what().await, delivered(By::SameConnection));
    assert_eq!(setup.what().await, answered(1));
    client.heartbeat().await;
    assert_eq!(client.answer().await.expect("no extra answer came between"), 2);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(setup.upstream.request().await);
    }
    assert_eq!(seen, [(1, ApiKey::EndTxn, 1), (1, ApiKey::EndTxn, 1), (1, ApiKey::Heartbeat, 2)]);
}

#[tokio::test]
async fn a_second_copy_comes_by_another_connection_if_the_first_is_gone() {
    let mut setup = Setup::new().await;
    setup.proxy.add(end_txn(Side::Request, Action::Duplicate { after_ms: 300 })).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    assert_eq!(client.answer().await.expect("the first answer"), 1);
    drop(client);
    assert_eq!(setup.what().await, What::Copied);
    assert_eq!(setup.what().await, delivered(By::OwnConnection));
    assert_eq!(setup.what().await, answered(1));
    assert_eq!(setup.upstream.request().await, (1, ApiKey::EndTxn, 1));
    assert_eq!(setup.upstream.request().await, (2, ApiKey::EndTxn, 1));
}

#[tokio::test]
async fn a_held_request_comes_after_the_one_that_replaced_it() {
    let mut setup = Setup::new().await;
    let hold = Action::Hold { after_ms: None, client: ClientSees::Reset };
    let rule = setup.proxy.add(end_txn(Side::Request, hold)).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.heartbeat().await;
    client.answer().await.expect("an answer");
    client.end_txn("job").await;
    assert!(client.is_reset().await);
    assert_eq!(setup.what().await, What::Held);
    let mut again = setup.client("sink").await;
    again.end_txn("job").await;
    assert_eq!(again.answer().await.expect("the repetition is answered"), 1);
    assert_eq!(setup.proxy.release(rule), 1);
    assert_eq!(setup.what().await, delivered(By::OwnConnection));
    assert_eq!(setup.what().await, answered(1), "upstream saw it second");
    assert_eq!(setup.proxy.release(rule), 0, "it is released once");
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(setup.upstream.request().await);
    }
    assert_eq!(seen, [(1, ApiKey::Heartbeat, 1), (2, ApiKey::EndTxn, 1), (3, ApiKey::EndTxn, 2)]);
}

#[tokio::test]
async fn a_client_that_sees_nothing_gives_up_by_itself_and_time_releases_what_is_held() {
    let mut setup = Setup::new().await;
    let hold = Action::Hold { after_ms: Some(200), client: ClientSees::Silence };
    let rule = Rule { frame: "InitProducerId".to_owned(), ..end_txn(Side::Request, hold) };
    let rule = setup.proxy.add(rule).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.init("job").await;
    client.heartbeat().await;
    assert_eq!(setup.what().await, What::Held);
    assert_eq!(setup.what().await, delivered(By::OwnConnection));
    assert_eq!(setup.what().await, answered(51));
    assert_eq!(setup.upstream.request().await.1, ApiKey::InitProducerId);
    assert_eq!(setup.proxy.release(rule), 0);
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.expect("it gives up");
    client.answer().await.expect_err("what followed was lost, too");
}

#[tokio::test]
async fn what_a_removed_rule_holds_is_discarded() {
    let mut setup = Setup::new().await;
    let hold = Action::Hold { after_ms: None, client: ClientSees::Reset };
    let rule = setup.proxy.add(end_txn(Side::Request, hold)).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    assert!(client.is_reset().await);
    assert_eq!(setup.what().await, What::Held);
    setup.proxy.remove(rule);
    assert!(matches!(setup.what().await, What::Failed { .. }));
}

#[tokio::test]
async fn a_held_request_without_an_upstream_fails_and_says_so() {
    let mut setup = Setup::new().await;
    let hold = Action::Hold { after_ms: None, client: ClientSees::Reset };
    let rule = setup.proxy.add(end_txn(Side::Request, hold)).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.end_txn("job").await;
    assert!(client.is_reset().await);
    assert_eq!(setup.what().await, What::Held);
    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    setup.proxy.set_upstream(nobody.to_string());
    setup.proxy.release(rule);
    let told = format!("{:?}", setup.what().await);
    assert!(told.contains("Failed") && told.contains(&nobody.to_string()), "{told}");
}

#[tokio::test]
async fn the_code_of_a_repeated_produce_is_told_in_every_version() {
    for version in 3..=13 {
        let mut setup = Setup::new().await;
        let copy = Action::Duplicate { after_ms: 0 };
        let rule = Rule { frame: "Produce".to_owned(), ..end_txn(Side::Request, copy) };
        setup.proxy.add(rule).expect("it is allowed");
        let mut client = setup.client("sink").await;
        client.produce("job", -1, version).await;
        client.answer().await.expect("the first answer");
        assert_eq!(setup.what().await, What::Copied);
        assert_eq!(setup.what().await, delivered(By::SameConnection));
        assert_eq!(setup.what().await, answered(45), "version {version}");
    }
}
