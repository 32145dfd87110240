//! A client that sends single requests of Kafka, and the proxy that it goes through.

use bytes::{BufMut as _, BytesMut};
use kafka_protocol::messages::{
    EndTxnRequest, HeartbeatRequest, InitProducerIdRequest, ProduceRequest, RequestHeader, TransactionalId,
};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request, StrBytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use truecut_proxy::{Action, Event, Kafka, Listen, Occurrence, Proxy, Rule, Side, What};

use crate::upstream::{TEST_LIMIT, Upstream};

/// Everything that a test of Kafka's protocol needs.
pub(crate) struct Setup {
    pub(crate) upstream: Upstream,
    pub(crate) proxy: Proxy,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(Kafka, Listen::default()).await.expect("it listens");
        proxy.set_upstream(upstream.address.clone());
        let events = proxy.events();
        Self { upstream, proxy, events }
    }

    pub(crate) async fn client(&self, client_id: &str) -> Client {
        Client::connect(&self.proxy, client_id).await
    }

    pub(crate) async fn event(&mut self) -> Event {
        let event = timeout(TEST_LIMIT, self.events.recv()).await.expect("an event is reported");
        event.expect("the proxy lives")
    }

    pub(crate) async fn what(&mut self) -> What {
        self.event().await.what
    }
}

/// A rule for the first EndTxn request.
pub(crate) fn end_txn(side: Side, action: Action) -> Rule {
    Rule {
        frame: "EndTxn".to_owned(),
        side,
        when: Occurrence::Nth(1),
        client_id_prefix: None,
        transactional_id_contains: None,
        action,
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    client_id: String,
    correlation: i32,
}

impl Client {
    pub(crate) async fn connect(proxy: &Proxy, client_id: &str) -> Self {
        let stream = TcpStream::connect(proxy.address()).await.expect("the proxy accepts");
        Self { stream, client_id: client_id.to_owned(), correlation: 0 }
    }

    /// Sends a request; its correlation ids count from 1.
    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        self.correlation += 1;
        let frame = frame(request, version, self.correlation, &self.client_id);
        // A connection that was reset is seen when the answer is read.
        let _ = self.stream.write_all(&frame).await;
        self.correlation
    }

    pub(crate) async fn end_txn(&mut self, transactional_id: &str) -> i32 {
        let request = EndTxnRequest::default().with_transactional_id(id(transactional_id));
        self.send(&request, 3).await
    }

    pub(crate) async fn init(&mut self, transactional_id: &str) -> i32 {
        let request = InitProducerIdRequest::default().with_transactional_id(Some(id(transactional_id)));
        self.send(&request, 4).await
    }

    pub(crate) async fn heartbeat(&mut self) -> i32 {
        self.send(&HeartbeatRequest::default(), 4).await
    }

    pub(crate) async fn produce(&mut self, transactional_id: &str, acks: i16, version: i16) -> i32 {
        let request =
            ProduceRequest::default().with_transactional_id(Some(id(transactional_id))).with_acks(acks);
        self.send(&request, version).await
    }

    /// The correlation id of the next answer; an error if the connection ended.
    pub(crate) async fn answer(&mut self) -> std::io::Result<i32> {
        let length = usize::try_from(self.stream.read_i32().await?).expect("a length");
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame).await?;
        Ok(i32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]))
    }

    pub(crate) async fn is_reset(&mut self) -> bool {
        self.answer().await.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }
}

fn id(text: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(text.to_owned()))
}

pub(crate) fn frame<R: Request + Encodable + HeaderVersion>(
    request: &R,
    version: i16,
    correlation: i32,
    client_id: &str,
) -> Vec<u8> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let mut out = BytesMut::new();
    out.put_i32(0);
    header.encode(&mut out, R::header_version(version)).expect("a header");
    request.encode(&mut out, version).expect("a body");
    let length = i32::try_from(out.len() - 4).expect("a request");
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.to_vec()
}
