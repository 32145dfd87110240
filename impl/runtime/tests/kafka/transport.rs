//! What is known when no answer comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use truecut_runtime::kafka::raw::{ProducerIdentity, RawClient};
use truecut_runtime::kafka::{Cluster, Transport};

use crate::support::{bootstrap, raw};

const SOMEBODY: ProducerIdentity = ProducerIdentity { producer_id: 1, producer_epoch: 0 };

fn client(bootstrap: &str) -> RawClient {
    let request_timeout = Duration::from_millis(500);
    RawClient::new(Cluster { request_timeout, ..Cluster::new(bootstrap, "truecut-test") })
}

/// Stands before the real broker, and lets so many answers through; gives its address.
async fn proxy(answers: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let left = Arc::new(AtomicUsize::new(answers));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let broker = TcpStream::connect(bootstrap()).await.expect("the broker");
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_broker, mut to_broker) = broker.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_broker).await });
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                while let Ok(length) = from_broker.read_u32().await {
                    let mut frame = vec![0; usize::try_from(length).expect("64 bits")];
                    from_broker.read_exact(&mut frame).await?;
                    if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                        to_client.write_u32(length).await?;
                        to_client.write_all(&frame).await?;
                    }
                }
                std::io::Result::Ok(())
            });
        }
    });
    address
}

#[tokio::test]
async fn nothing_is_sent_to_a_broker_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let error = client(&closed).end_txn("id", SOMEBODY, true, 0..=4).await.expect_err("nobody listens");
    assert!(matches!(&error, Transport::NotSent(why) if why.contains(&closed)), "{error}");
}

#[tokio::test]
async fn a_request_without_answer_may_have_landed() {
    let silent_after_hello = client(&proxy(1).await);
    let error = silent_after_hello.metadata(None).await.expect_err("the answer is swallowed");
    assert!(matches!(error, Transport::Unanswered(_)), "{error}");
}

#[tokio::test]
async fn a_request_whose_way_could_not_be_found_was_not_sent() {
    let silent_after_hello = client(&proxy(1).await);
    let error = silent_after_hello.end_txn("id", SOMEBODY, true, 0..=4).await.expect_err("no coordinator");
    assert!(matches!(error, Transport::NotSent(_)), "{error}");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_kafka_gets_no_request() {
    let silent = client(&proxy(0).await);
    let error = silent.metadata(None).await.expect_err("no answer to the first question");
    assert!(matches!(error, Transport::NotSent(_)), "{error}");
}

#[tokio::test]
async fn the_next_request_after_a_lost_connection_connects_anew() {
    let recovers = client(&proxy(usize::MAX).await);
    let lost = client(&proxy(2).await);
    assert!(lost.metadata(None).await.is_ok());
    assert!(lost.metadata(None).await.is_err());
    for client in [recovers, raw()] {
        assert!(client.metadata(None).await.is_ok());
    }
    let list = format!("127.0.0.1:1,{}", bootstrap());
    assert!(client(&list).metadata(None).await.is_ok(), "the second of the list is tried");
}

/// A broker that takes connections and never says a word; gives its address, and how many it took.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            held.push(client);
            count.store(held.len(), Ordering::Relaxed);
        }
    });
    (address, taken)
}

#[tokio::test]
async fn a_silent_broker_is_waited_for_once_by_all_and_not_while_another_is_connected() {
    let (address, taken) = silent().await;
    let client = client(&format!("{address},{}", bootstrap()));
    let asked = futures::future::join_all((0..10).map(|_| client.metadata(None))).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    assert_eq!(taken.load(Ordering::Relaxed), 1, "ten that wait share one attempt");
    for _ in 0..3 {
        client.metadata(None).await.expect("the other broker answers");
    }
    assert_eq!(taken.load(Ordering::Relaxed), 1, "one that is connected comes first");
}
