//! Kafka's own protocol over one connection: a request, its answer. The one place of this package that speaks it.
//!
//! It is for steering and asking brokers, one question at a time; what is measured or judged uses a client of its own.
//! Formats: <https://kafka.apache.org/protocol>.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{
    Decodable, Encodable as _, HeaderVersion, Message, Request, StrBytes, VersionRange,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long connecting, or one answer, may take.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Larger answers than this are not a broker's.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A connection to a broker. Errors are what was seen instead of an answer.
pub(crate) struct Wire {
    stream: TcpStream,
    /// The broker's first answer: what it speaks, and its finalized features.
    pub(crate) hello: ApiVersionsResponse,
    versions: HashMap<i16, VersionRange>,
}

impl Wire {
    /// Connects and learns what the broker speaks.
    pub(crate) async fn open(server: &str) -> Result<Self, String> {
        let connect = timeout(ASK_LIMIT, TcpStream::connect(server)).await;
        let stream = connect.map_err(|_| late())?.map_err(|e| e.to_string())?;
        let mut wire = Self { stream, hello: ApiVersionsResponse::default(), versions: HashMap::new() };
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("truecut"))
            .with_client_software_version(StrBytes::from_static_str("0"));
        wire.hello = wire.exchange(&request, 3).await?; // the first version that tells finalized features
        if wire.hello.error_code != 0 {
            return Err(format!("ApiVersions answered Kafka error {}", wire.hello.error_code));
        }
        let ranges = wire.hello.api_keys.iter();
        wire.versions = ranges
            .map(|api| (api.api_key, VersionRange { min: api.min_version, max: api.max_version }))
            .collect();
        Ok(wire)
    }

    /// Asks in the highest version up to `version_max` that the broker speaks.
    pub(crate) async fn call<R: Request>(
        &mut self,
        request: &R,
        version_max: i16,
    ) -> Result<R::Response, String> {
        let theirs = self.versions.get(&R::KEY).copied().unwrap_or(VersionRange { min: 0, max: -1 });
        let ours = VersionRange { min: R::VERSIONS.min, max: version_max.min(R::VERSIONS.max) };
        let both = ours.intersect(&theirs).intersect(&<R::Response as Message>::VERSIONS);
        if both.is_empty() {
            return Err(format!("the broker speaks versions {theirs} of API {}, {ours} are wanted", R::KEY));
        }
        self.exchange(request, both.max).await
    }

    async fn exchange<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response, String> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(StrBytes::from_static_str("truecut-cluster")));
        let mut frame = BytesMut::new();
        header
            .encode(&mut frame, R::header_version(version))
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|e| format!("API {} version {version} cannot be encoded: {e}", R::KEY))?;
        let mut answer = timeout(ASK_LIMIT, self.travel(&frame)).await.map_err(|_| late())??;
        ResponseHeader::decode(&mut answer, <R::Response as HeaderVersion>::header_version(version))
            .and_then(|_| R::Response::decode(&mut answer, version))
            .map_err(|e| format!("the answer to API {} is not a broker's: {e}", R::KEY))
    }

    /// Sends one request and reads its answer. There is never more than one, so correlation ids are all zero.
    async fn travel(&mut self, request: &[u8]) -> Result<Bytes, String> {
        let text = |e: std::io::Error| e.to_string();
        let length = u32::try_from(request.len()).map_err(|e| e.to_string())?;
        self.stream.write_u32(length).await.map_err(text)?;
        self.stream.write_all(request).await.map_err(text)?;
        let length = usize::try_from(self.stream.read_u32().await.map_err(text)?).unwrap_or(usize::MAX);
        if !(4..=ANSWER_BYTES_MAX).contains(&length) {
            return Err(format!("an answer of {length} bytes is not a broker's"));
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await.map_err(text)?;
        Ok(Bytes::from(answer))
    }
}

fn late() -> String {
    format!("no answer within {} s", ASK_LIMIT.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened_by(answer: &'static [u8]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("the kernel gives a port");
        let server = listener.local_addr().expect("it has an address").to_string();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("it connects");
            stream.write_all(answer).await.expect("it listens");
            stream
        });
        let said = Wire::open(&server).await.err().expect("it is no broker");
        answering.await.expect("it answered");
        said
    }

    #[tokio::test]
    async fn who_is_no_broker_is_told_from_one() {
        assert!(opened_by(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.contains("not a broker's"));
        assert!(opened_by(b"\0\0\0\x06\0\0\0\0\0\0").await.contains("not a broker's"), "cut short");
        assert!(opened_by(b"\0\0\0\x0c\0\0\0\0\0\x23\x01\0\0\0\0\0").await.contains("error 35"));
    }

    #[tokio::test]
    async fn nobody_at_an_address_is_said() {
        let server = format!("127.0.0.1:{}", crate::port::free().expect("a port is free"));
        assert!(Wire::open(&server).await.err().expect("nobody listens").contains("refused"));
    }
}
