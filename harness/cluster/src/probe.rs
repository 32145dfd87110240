//! Is a broker ready? Asked in Kafka's own protocol, never read from a log.
//!
//! Three hand-made requests are all it takes, so no client library is needed: ApiVersions (is it a broker, which release)
//! and FindCoordinator (can transactions and groups start; the first such question also creates their internal topics).
//! Formats: <https://kafka.apache.org/protocol>.

use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const API_VERSIONS: i16 = 18;
const FIND_COORDINATOR: i16 = 10;
const KEY_TYPE_GROUP: i8 = 0;
const KEY_TYPE_TRANSACTION: i8 = 1;

/// How long one question may take.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Larger answers than this are not a broker's.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks once whether the broker serves transactions and groups; the error is what was seen instead.
pub(crate) async fn ask(server: &str) -> Result<(), String> {
    timeout(ASK_LIMIT, ask_all(server))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", ASK_LIMIT.as_secs())))
}

/// The release that a broker says it is, such as `4.3`, by its finalized `metadata.version`; the error is what was seen.
pub(crate) async fn release(server: &str) -> Result<String, String> {
    let ask = async {
        let mut stream = TcpStream::connect(server).await.map_err(|e| e.to_string())?;
        let answer = exchange(&mut stream, &api_versions()).await?;
        let level = metadata_version(answer).ok_or("the answer to ApiVersions is not a broker's")?;
        Ok(release_of(level))
    };
    timeout(ASK_LIMIT, ask)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", ASK_LIMIT.as_secs())))
}

/// Asks everything once, over one connection.
async fn ask_all(server: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(server).await.map_err(|e| e.to_string())?;
    let answer = exchange(&mut stream, &api_versions()).await?;
    metadata_version(answer).ok_or("the answer to ApiVersions is not a broker's")?;
    for key_type in [KEY_TYPE_TRANSACTION, KEY_TYPE_GROUP] {
        let mut answer = exchange(&mut stream, &find_coordinator(key_type)).await?;
        if answer.remaining() < 6 {
            return Err("the answer to FindCoordinator is too short".to_owned());
        }
        answer.advance(4); // throttle time
        let code = answer.get_i16();
        if code != 0 {
            return Err(format!("no coordinator yet (key type {key_type}, Kafka error {code})"));
        }
    }
    Ok(())
}

/// Sends one request and reads its answer, without the answer's length and correlation id.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Bytes, String> {
    let text = |e: std::io::Error| e.to_string();
    let length = u32::try_from(request.len()).map_err(|e| e.to_string())?;
    stream.write_u32(length).await.map_err(text)?;
    stream.write_all(request).await.map_err(text)?;
    let length = usize::try_from(stream.read_u32().await.map_err(text)?).unwrap_or(usize::MAX);
    if !(4..=ANSWER_BYTES_MAX).contains(&length) {
        return Err(format!("an answer of {length} bytes is not a broker's"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.map_err(text)?;
    Ok(Bytes::from(answer).split_off(4))
}

fn header(api: i16, version: i16) -> BytesMut {
    let mut request = BytesMut::new();
    request.put_i16(api);
    request.put_i16(version);
    request.put_i32(0); // correlation id: one request at a time
    request.put_i16(7);
    request.put_slice(b"truecut");
    request
}

/// ApiVersions version 3, the first that tells finalized features.
fn api_versions() -> BytesMut {
    let mut request = header(API_VERSIONS, 3);
    request.put_u8(0); // no tagged fields in the header
    request.put_slice(b"\x08truecut\x020\x00"); // client name, its version, no tagged fields
    request
}

/// FindCoordinator version 1.
fn find_coordinator(key_type: i8) -> BytesMut {
    let mut request = header(FIND_COORDINATOR, 1);
    request.put_i16(5);
    request.put_slice(b"probe");
    request.put_i8(key_type);
    request
}

/// The level of `metadata.version` in an answer to ApiVersions; 0 where the broker has none, nothing if it is malformed.
fn metadata_version(mut answer: Bytes) -> Option<i16> {
    let error = answer.try_get_i16().ok()?;
    if error != 0 {
        return None;
    }
    let apis = varint(&mut answer)?.checked_sub(1)?;
    for _ in 0..apis {
        skip(&mut answer, 6)?;
        skip_tags(&mut answer)?;
    }
    skip(&mut answer, 4)?; // throttle time
    for _ in 0..varint(&mut answer)? {
        let (tag, size) = (varint(&mut answer)?, varint(&mut answer)?);
        if size > answer.remaining() {
            return None;
        }
        let mut field = answer.split_to(size);
        if tag == 2 {
            return level_in(&mut field);
        }
    }
    Some(0)
}

/// The level of `metadata.version` among finalized features.
fn level_in(features: &mut Bytes) -> Option<i16> {
    for _ in 0..varint(features)?.checked_sub(1)? {
        let length = varint(features)?.checked_sub(1)?;
        if length > features.remaining() {
            return None;
        }
        let name = features.split_to(length);
        let level = features.try_get_i16().ok()?;
        skip(features, 2)?;
        skip_tags(features)?;
        if name.as_ref() == b"metadata.version" {
            return Some(level);
        }
    }
    Some(0)
}

fn skip_tags(bytes: &mut Bytes) -> Option<()> {
    for _ in 0..varint(bytes)? {
        let _tag = varint(bytes)?;
        let size = varint(bytes)?;
        skip(bytes, size)?;
    }
    Some(())
}

fn skip(bytes: &mut Bytes, count: usize) -> Option<()> {
    (count <= bytes.remaining()).then(|| bytes.advance(count))
}

/// An unsigned varint of at most 32 bits.
fn varint(bytes: &mut Bytes) -> Option<usize> {
    let mut value = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let byte = bytes.try_get_u8().ok()?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The release whose level this is (`org.apache.kafka.server.common.MetadataVersion` of Kafka 4.3).
fn release_of(level: i16) -> String {
    let release = match level {
        ..=0 => "unknown, without KRaft",
        1..=14 => "3.x before 3.7",
        15..=19 => "3.7",
        20 => "3.8",
        21 => "3.9",
        22..=25 => "4.0",
        26..=27 => "4.1",
        28..=29 => "4.2",
        30 => "4.3",
        _ => return format!("after 4.3 (metadata.version {level})"),
    };
    release.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with one API, an unknown tagged field, and `metadata.version` 30 after another feature.
    const ANSWER: &[u8] = b"\x00\x00\x02\x00\x12\x00\x00\x00\x04\x00\x00\x00\x00\x00\x02\x01\x01\xff\x02\x21\
        \x03\x05some\x00\x01\x00\x01\x00\x11metadata.version\x00\x1e\x00\x1e\x00";

    #[test]
    fn the_release_is_read_from_finalized_features() {
        assert_eq!(metadata_version(Bytes::from_static(ANSWER)), Some(30));
        assert_eq!(release_of(30), "4.3");
    }

    #[test]
    fn a_cut_or_foreign_answer_is_not_a_brokers() {
        for end in 0..ANSWER.len() {
            assert_eq!(metadata_version(Bytes::from_static(ANSWER).slice(..end)), None, "cut at {end}");
        }
        assert_eq!(metadata_version(Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\n")), None);
    }

    #[tokio::test]
    async fn who_does_not_answer_or_is_no_broker_is_not_ready() {
        let server = format!("127.0.0.1:{}", crate::port::free().expect("a port is free"));
        assert!(ask(&server).await.expect_err("nobody listens").contains("refused"));
        let listener = tokio::net::TcpListener::bind(&server).await.expect("the port is free");
        let answer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("it connects");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("it listens");
            stream
        });
        assert!(ask(&server).await.expect_err("it is no broker").contains("not a broker's"));
        answer.await.expect("it answered");
    }
}
