//! Link faults: each does what it says to those it concerns, and nothing to others, until it is healed.

use std::num::NonZeroU64;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use truecut_proxy::{LinkFault, LinkFaultKind, Listen, Newcomers, Pace, Proxy, Side, Untouched, What};

use crate::client::{Client, Setup};
use crate::upstream::Saw;

fn all(kind: LinkFaultKind) -> LinkFault {
    LinkFault { kind, client_id_prefix: None }
}

fn only(prefix: &str, kind: LinkFaultKind) -> LinkFault {
    LinkFault { kind, client_id_prefix: Some(prefix.to_owned()) }
}

fn cut(side: Option<Side>, newcomers: Newcomers) -> LinkFaultKind {
    LinkFaultKind::Cut { side, newcomers }
}

async fn works(client: &mut Client) {
    let sent = client.heartbeat().await;
    assert_eq!(client.answer().await.expect("an answer"), sent);
}

/// By now a fault-free connection would have brought something: another one made a round trip.
fn nothing_came(client: &Client) {
    let error = client.stream.try_read(&mut [0]).expect_err("nothing came");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_cut_link_passes_nothing_and_all_of_it_when_healed() {
    let mut setup = Setup::new().await;
    let (mut client, mut other) = (setup.client("sink-1").await, setup.client("other").await);
    works(&mut client).await;
    works(&mut other).await;
    setup.proxy.fault(only("sink-", cut(None, Newcomers::Stall))).expect("it is allowed");
    client.heartbeat().await;
    let mut newcomer = setup.client("sink-2").await;
    newcomer.heartbeat().await;
    works(&mut other).await;
    nothing_came(&client);
    nothing_came(&newcomer);
    setup.proxy.heal();
    assert_eq!(client.answer().await.expect("it was kept"), 2);
    assert_eq!(newcomer.answer().await.expect("it was kept"), 1);
    assert!(setup.events.try_recv().is_err());
}

#[tokio::test]
async fn upstream_sees_nothing_of_those_who_come_while_all_is_cut() {
    let mut setup = Setup::new().await;
    let fault = setup.proxy.fault(all(cut(None, Newcomers::Stall))).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.heartbeat().await;
    assert!(setup.upstream.saw.try_recv().is_err());
    setup.proxy.heal_one(fault);
    assert_eq!(client.answer().await.expect("it was kept"), 1);
    assert_eq!(setup.upstream.next().await, Saw::Opened { connection: 1 });
}

#[tokio::test]
async fn cut_one_way_requests_arrive_and_answers_do_not() {
    let mut setup = Setup::new().await;
    setup.proxy.fault(only("sink", cut(Some(Side::Response), Newcomers::Stall))).expect("it is allowed");
    let mut client = setup.client("sink").await;
    client.heartbeat().await;
    setup.upstream.request().await;
    works(&mut setup.client("other").await).await;
    nothing_came(&client);
    setup.proxy.heal();
    client.answer().await.expect("it was kept");
}

#[tokio::test]
async fn cut_the_other_way_requests_do_not_arrive() {
    let mut setup = Setup::new().await;
    let mut client = setup.client("sink").await;
    works(&mut client).await;
    setup.upstream.request().await;
    setup.proxy.fault(only("sink", cut(Some(Side::Request), Newcomers::Stall))).expect("it is allowed");
    client.end_txn("job").await;
    works(&mut setup.client("other").await).await;
    assert_eq!(setup.upstream.request().await.0, 2, "that of the other client");
    setup.proxy.heal();
    client.answer().await.expect("it was kept");
}

#[tokio::test]
async fn newcomers_are_refused_and_those_who_are_there_live() {
    for kind in [LinkFaultKind::Refuse, cut(Some(Side::Response), Newcomers::Refuse)] {
        let mut setup = Setup::new().await;
        let mut client = setup.client("sink").await;
        works(&mut client).await;
        setup.proxy.fault(all(kind)).expect("it is allowed");
        assert!(setup.client("sink").await.is_reset().await);
        assert_eq!(setup.what().await, What::Refused);
        client.heartbeat().await;
        setup.proxy.heal();
        client.answer().await.expect("it lives");
        works(&mut setup.client("sink").await).await;
    }
}

#[tokio::test]
async fn newcomers_are_refused_by_their_client_id() {
    let mut setup = Setup::new().await;
    let mut old = setup.client("sink-1").await;
    works(&mut old).await;
    setup.proxy.fault(only("sink-", LinkFaultKind::Refuse)).expect("it is allowed");
    works(&mut setup.client("other").await).await;
    let mut newcomer = setup.client("sink-1").await;
    newcomer.heartbeat().await;
    assert!(newcomer.is_reset().await);
    assert_eq!(setup.what().await, What::Refused);
    works(&mut old).await;
}

#[tokio::test]
async fn a_reset_concerns_whom_it_names_and_newcomers_are_welcome() {
    let setup = Setup::new().await;
    let (mut client, mut other) = (setup.client("sink-1").await, setup.client("other").await);
    works(&mut client).await;
    works(&mut other).await;
    setup.proxy.fault(only("sink-", LinkFaultKind::Reset)).expect("it is allowed");
    assert!(client.is_reset().await);
    works(&mut other).await;
    works(&mut setup.client("sink-1").await).await;
    setup.proxy.fault(all(LinkFaultKind::Reset)).expect("it is allowed");
    assert!(other.is_reset().await);
}

#[tokio::test]
async fn a_slow_link_holds_back_whom_it_names_and_is_fast_when_healed() {
    let rate = NonZeroU64::new(1);
    let hour = Pace { latency_ms: 3_600_000, bytes_per_second: None };
    let drip = Pace { latency_ms: 0, bytes_per_second: rate };
    for (requests, answers) in
        [(hour, Pace::default()), (Pace::default(), hour), (drip, Pace::default()), (Pace::default(), drip)]
    {
        let setup = Setup::new().await;
        let mut client = setup.client("sink").await;
        works(&mut client).await;
        setup.proxy.fault(only("sink", LinkFaultKind::Slow { requests, answers })).expect("it is allowed");
        client.heartbeat().await;
        let reader = tokio::spawn(async move { client.answer().await.map(|_| client) });
        works(&mut setup.client("other").await).await;
        assert!(!reader.is_finished());
        setup.proxy.heal();
        let mut client = reader.await.expect("no panic").expect("it came");
        works(&mut client).await;
    }
}

#[tokio::test]
async fn a_slow_link_passes_everything_in_the_end() {
    let setup = Setup::new().await;
    let pace = Pace { latency_ms: 5, bytes_per_second: NonZeroU64::new(20_000) };
    let slow = LinkFaultKind::Slow { requests: pace, answers: pace };
    setup.proxy.fault(all(slow)).expect("it is allowed");
    let mut client = setup.client("sink").await;
    for _ in 0..20 {
        client.heartbeat().await;
    }
    for number in 1..=20 {
        assert_eq!(client.answer().await.expect("an answer"), number);
    }
}

#[tokio::test]
async fn bytes_can_be_cut_but_not_by_client_id() {
    let echo = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::start(Untouched, Listen::default()).await.expect("it listens");
    proxy.set_upstream(echo.local_addr().expect("an address").to_string());
    let refused = proxy.fault(only("sink", LinkFaultKind::Reset)).expect_err("it is refused");
    assert!(refused.to_string().contains("client_id_prefix"));
    let mut client = TcpStream::connect(proxy.address()).await.expect("it accepts");
    let (mut upstream, _) = echo.accept().await.expect("a connection");
    proxy.fault(all(cut(None, Newcomers::Stall))).expect("it is allowed");
    client.write_all(b"word").await.expect("it is written");
    client.shutdown().await.expect("its end is written");
    assert!(upstream.try_read(&mut [0]).is_err());
    proxy.heal();
    let mut all = Vec::new();
    upstream.read_to_end(&mut all).await.expect("the end passes, too");
    assert_eq!(all, b"word");
}

#[tokio::test]
async fn when_the_proxy_is_dropped_its_connections_and_its_port_are_gone() {
    let mut setup = Setup::new().await;
    let mut client = setup.client("sink").await;
    works(&mut client).await;
    let address = setup.proxy.address();
    let handle = setup.proxy.clone();
    drop(setup.proxy);
    works(&mut client).await;
    drop(handle);
    client.answer().await.expect_err("its connection ended");
    while !matches!(setup.upstream.next().await, Saw::Ended { .. }) {}
    // The listener ends in its own task.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_an_upstream_clients_are_reset_until_there_is_one() {
    let mut setup = Setup::new().await;
    let proxy = Proxy::start(truecut_proxy::Kafka, Listen::default()).await.expect("it listens");
    setup.events = proxy.events();
    assert!(Client::connect(&proxy, "sink").await.is_reset().await);
    assert!(matches!(setup.what().await, What::Unreached { .. }));
    proxy.set_upstream(setup.upstream.address.clone());
    works(&mut Client::connect(&proxy, "sink").await).await;
}
