//! An upstream that speaks enough of Kafka: it tells what came, and answers each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicI16, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, EndTxnResponse, HeartbeatResponse, InitProducerIdResponse, ProduceRequest, ProduceResponse,
    RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable as _, Encodable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A test that waits longer has failed: what it waits for never comes.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(60);

/// What upstream saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saw {
    Opened {
        connection: usize,
    },
    Request {
        connection: usize,
        api: ApiKey,
        correlation: i32,
        bytes: usize,
    },
    /// The connection's end, and whether it was a reset.
    Ended {
        connection: usize,
        reset: bool,
    },
}

pub(crate) struct Upstream {
    pub(crate) address: String,
    pub(crate) saw: mpsc::UnboundedReceiver<Saw>,
}

impl Upstream {
    /// The n-th EndTxn is answered with code n, from 0 on.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (tell, saw) = mpsc::unbounded_channel();
        let ended = Arc::new(AtomicI16::new(0));
        let count = AtomicUsize::new(0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = count.fetch_add(1, Ordering::Relaxed) + 1;
                let (tell, ended) = (tell.clone(), Arc::clone(&ended));
                tokio::spawn(async move {
                    let _ = tell.send(Saw::Opened { connection });
                    let reset = serve(stream, connection, &tell, &ended)
                        .await
                        .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
                    let _ = tell.send(Saw::Ended { connection, reset });
                });
            }
        });
        Self { address, saw }
    }

    /// The next request: on which connection, of which API, with which correlation id.
    pub(crate) async fn request(&mut self) -> (usize, ApiKey, i32) {
        loop {
            if let Saw::Request { connection, api, correlation, .. } = self.next().await {
                return (connection, api, correlation);
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Saw {
        timeout(TEST_LIMIT, self.saw.recv()).await.expect("something comes").expect("upstream lives")
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    tell: &mpsc::UnboundedSender<Saw>,
    ended: &AtomicI16,
) -> std::io::Result<()> {
    loop {
        let length = match stream.read_i32().await {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            length => usize::try_from(length?).expect("a length"),
        };
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).await?;
        let mut frame = Bytes::from(frame);
        let key = i16::from_be_bytes([frame[0], frame[1]]);
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        let api = ApiKey::try_from(key).expect("an API");
        let header =
            RequestHeader::decode(&mut frame, api.request_header_version(version)).expect("a header");
        let correlation = header.correlation_id;
        let _ = tell.send(Saw::Request { connection, api, correlation, bytes: length });
        if api == ApiKey::Produce && ProduceRequest::decode(&mut frame, version).expect("a body").acks == 0 {
            continue;
        }
        let answer = answer(api, version, correlation, ended);
        stream.write_all(&answer).await?;
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "tests send these APIs only")]
fn answer(api: ApiKey, version: i16, correlation: i32, ended: &AtomicI16) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation);
    header.encode(&mut out, api.response_header_version(version)).expect("a header");
    match api {
        ApiKey::EndTxn => {
            let code = ended.fetch_add(1, Ordering::Relaxed);
            encode(&EndTxnResponse::default().with_error_code(code), version, &mut out);
        }
        ApiKey::InitProducerId => {
            encode(&InitProducerIdResponse::default().with_error_code(51), version, &mut out);
        }
        ApiKey::Produce => {
            let partition = PartitionProduceResponse::default().with_error_code(45);
            let topic = TopicProduceResponse::default().with_partition_responses(vec![partition]);
            encode(&ProduceResponse::default().with_responses(vec![topic]), version, &mut out);
        }
        ApiKey::Heartbeat => encode(&HeartbeatResponse::default(), version, &mut out),
        other => panic!("no answer to {other:?} here"),
    }
    let length = i32::try_from(out.len() - 4).expect("a short answer");
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}

fn encode(message: &impl Encodable, version: i16, out: &mut BytesMut) {
    message.encode(out, version).expect("a body");
}
