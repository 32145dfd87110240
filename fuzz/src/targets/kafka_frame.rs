//! Frames of Kafka's protocol as the proxy cuts and names them. The first byte says whether the others are a stream, or say which
//! request kafka-protocol is to write.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    ApiKey, EndTxnRequest, EndTxnResponse, HeartbeatRequest, HeartbeatResponse, InitProducerIdRequest,
    InitProducerIdResponse, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TransactionalId,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use truecut_proxy::{Cutter, FRAME_BYTES_MAX, Head, Kafka, Peek, Protocol, Side};

use crate::outcome::Outcome;

/// Bytes of the length before a frame.
const LENGTH: usize = 4;

/// Cuts with the proxy's own protocol.
pub fn run(data: &[u8]) -> Outcome {
    run_with(data, &Kafka)
}

/// Cuts a stream, or a request and its answer.
///
/// # Panics
/// If a frame is not named as it was written, or more bytes are waited for than it has.
pub fn run_with(data: &[u8], protocol: &dyn Protocol) -> Outcome {
    match data.split_first() {
        None => Outcome::plain("empty"),
        Some((0..128, stream)) => raw(stream, protocol),
        Some((128.., choices)) => exchange(choices, protocol),
    }
}

/// Any bytes, both ways.
fn raw(stream: &[u8], protocol: &dyn Protocol) -> Outcome {
    let stream = Bytes::copy_from_slice(stream);
    let mut cutter = protocol.open(1);
    let request = looked_at(&mut *cutter, Side::Request, &stream);
    if let Ok(Some(head)) = &request {
        cutter.sent(head, None);
    }
    let answer = looked_at(&mut *cutter, Side::Response, &stream);
    if let Ok(Some(head)) = &answer {
        // Of a request that does not fit the bytes: any code, or none.
        let _ = cutter.error_code(head, &stream);
    }
    let name = |looked: Result<Option<Head>, String>| match looked {
        Ok(Some(head)) => format!(
            "{} {} {} {}",
            head.name,
            head.client_id.is_some(),
            head.transactional_id.is_some(),
            head.answered
        ),
        Ok(None) => "needs more".to_owned(),
        Err(why) => why,
    };
    Outcome::text("stream", &format!("{} / {}", name(request), name(answer)))
}

/// Shows the first bytes of a stream, more and more as they are asked for: the head of its first frame, nothing if the stream ends
/// before, or why it is none.
fn looked_at(cutter: &mut dyn Cutter, side: Side, stream: &Bytes) -> Result<Option<Head>, String> {
    let mut shown = 0;
    loop {
        match cutter.peek(side, &stream.slice(..shown)) {
            Peek::Need(count) => {
                assert!(count > shown, "{side:?}: {count} bytes are asked for, and {shown} are there");
                let most = size_of(stream).map_or(LENGTH, |size| LENGTH + size);
                assert!(
                    count <= most.max(LENGTH),
                    "{side:?}: {count} bytes are waited for, and the frame has {most}"
                );
                if count > stream.len() {
                    return Ok(None);
                }
                shown = count;
            }
            Peek::Frame(head) => return Ok(Some(head)),
            Peek::Garbage(why) => return Err(why),
        }
    }
}

/// What the length before a frame says.
fn size_of(stream: &Bytes) -> Option<usize> {
    let length: [u8; LENGTH] = *stream.first_chunk()?;
    usize::try_from(i32::from_be_bytes(length)).ok().filter(|size| *size <= FRAME_BYTES_MAX)
}

/// What the choices say of a request and its answer.
struct Choices<'a> {
    version: i16,
    correlation: i32,
    client_id: Option<&'a str>,
    transactional_id: Option<&'a str>,
    acks: i16,
    code: i16,
}

impl Choices<'_> {
    fn id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.transactional_id.unwrap_or_default().to_owned()))
    }
}

/// A request as kafka-protocol writes it, and an answer to it.
struct Written {
    key: i16,
    api: ApiKey,
    request: BytesMut,
    answer: BytesMut,
    transactional_id: Option<String>,
    /// Where the answer has one that is looked for.
    code: Option<i16>,
}

impl Written {
    /// None where kafka-protocol does not write that version.
    fn of<R: Request>(version: i16, request: &R, answer: &R::Response) -> Option<Self> {
        let (mut bytes, mut answered) = (BytesMut::new(), BytesMut::new());
        request.encode(&mut bytes, version).ok()?;
        answer.encode(&mut answered, version).ok()?;
        let api = ApiKey::try_from(R::KEY).ok()?;
        Some(Self { key: R::KEY, api, request: bytes, answer: answered, transactional_id: None, code: None })
    }

    fn about(self, transactional_id: Option<&str>) -> Self {
        Self { transactional_id: transactional_id.map(str::to_owned), ..self }
    }

    fn answering(self, code: i16) -> Self {
        Self { code: Some(code), ..self }
    }
}

fn exchange(choices: &[u8], protocol: &dyn Protocol) -> Outcome {
    let Some((&[api, version, flags, high, low, client, length], text)) = choices.split_first_chunk::<7>()
    else {
        return Outcome::plain("empty");
    };
    let text = String::from_utf8_lossy(text);
    let (client_id, rest) = text.split_at(text.floor_char_boundary(client.into()));
    let (id, _) = rest.split_at(rest.floor_char_boundary(length.into()));
    let choices = Choices {
        version: version.into(),
        correlation: i32::from_be_bytes([flags, high, low, client]),
        client_id: (flags & 1 == 0).then_some(client_id),
        transactional_id: (flags & 2 == 0).then_some(id),
        acks: i16::from(flags & 4 == 0) - i16::from(flags & 8 == 0) * 2,
        code: i16::from_be_bytes([high, low]),
    };
    match written(api, &choices) {
        Some(written) => named(&choices, written, protocol),
        None => Outcome::plain("no such request"),
    }
}

/// The request and the answer of one kind; none where kafka-protocol does not write that version.
fn written(api: u8, choices: &Choices<'_>) -> Option<Written> {
    let (version, code) = (choices.version, choices.code);
    // Where there must be one, a missing one is empty.
    let named = Some(choices.transactional_id.unwrap_or_default());
    let written = match api % 8 {
        0 => {
            let request = EndTxnRequest::default().with_transactional_id(choices.id()).with_committed(true);
            let answer = EndTxnResponse::default().with_error_code(code);
            Written::of(version, &request, &answer)?.about(named).answering(code)
        }
        1 => {
            let id = choices.transactional_id.map(|_| choices.id());
            let request = InitProducerIdRequest::default().with_transactional_id(id);
            let answer = InitProducerIdResponse::default().with_error_code(code);
            Written::of(version, &request, &answer)?.about(choices.transactional_id).answering(code)
        }
        2 if version < 4 => {
            let request =
                AddPartitionsToTxnRequest::default().with_v3_and_below_transactional_id(choices.id());
            Written::of(version, &request, &AddPartitionsToTxnResponse::default())?.about(named)
        }
        2 => {
            let one = AddPartitionsToTxnTransaction::default().with_transactional_id(choices.id());
            let request = AddPartitionsToTxnRequest::default().with_transactions(vec![one]);
            let answer = AddPartitionsToTxnResponse::default().with_error_code(code);
            Written::of(version, &request, &answer)?.about(named).answering(code)
        }
        3 => {
            let request = AddOffsetsToTxnRequest::default().with_transactional_id(choices.id());
            let answer = AddOffsetsToTxnResponse::default().with_error_code(code);
            Written::of(version, &request, &answer)?.about(named).answering(code)
        }
        4 => {
            let request = TxnOffsetCommitRequest::default().with_transactional_id(choices.id());
            Written::of(version, &request, &TxnOffsetCommitResponse::default())?.about(named)
        }
        5 => {
            let answer = HeartbeatResponse::default().with_error_code(code);
            Written::of(version, &HeartbeatRequest::default(), &answer)?
        }
        _ => {
            let id = choices.transactional_id.map(|_| choices.id());
            let request = ProduceRequest::default().with_transactional_id(id).with_acks(choices.acks);
            let partition = PartitionProduceResponse::default().with_error_code(code);
            let topic = TopicProduceResponse::default().with_partition_responses(vec![partition]);
            let answer = ProduceResponse::default().with_responses(vec![topic]);
            Written::of(version, &request, &answer)?.about(choices.transactional_id).answering(code)
        }
    };
    Some(written)
}

fn frame(header: &impl Encodable, header_version: i16, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    header.encode(&mut bytes, header_version).expect("a header that Kafka knows");
    bytes.extend_from_slice(body);
    let length = i32::try_from(bytes.len()).expect("a small frame");
    [&length.to_be_bytes()[..], &bytes].concat().into()
}

/// The request and its answer are named as they were written, also when they come in pieces.
fn named(choices: &Choices<'_>, written: Written, protocol: &dyn Protocol) -> Outcome {
    let Written { key, api, request, answer, transactional_id, code } = written;
    let version = choices.version;
    let header = RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(choices.correlation)
        .with_client_id(choices.client_id.map(|id| StrBytes::from_string(id.to_owned())));
    let request = frame(&header, api.request_header_version(version), &request);
    let expected = Head {
        length: request.len(),
        name: format!("{api:?}"),
        client_id: choices.client_id.map(str::to_owned),
        transactional_id,
        correlation: Some(choices.correlation),
        api: Some((key, version)),
        answered: api != ApiKey::Produce || choices.acks != 0,
        copy: None,
    };
    let mut cutter = protocol.open(1);
    assert_eq!(looked_at(&mut *cutter, Side::Request, &request), Ok(Some(expected.clone())));
    cutter.sent(&expected, None);
    let header = ResponseHeader::default().with_correlation_id(choices.correlation);
    let answer = frame(&header, api.response_header_version(version), &answer);
    let head = looked_at(&mut *cutter, Side::Response, &answer).expect("a frame").expect("a whole one");
    if !expected.answered {
        assert_eq!(head.name, "", "nothing answers a request that asks for no answer");
        return Outcome::text("unanswered", &expected.name);
    }
    assert_eq!(head, Head { length: answer.len(), ..expected.clone() });
    assert_eq!(cutter.error_code(&head, &answer), code, "of {} {version}", expected.name);
    let ids = (expected.client_id.is_some(), expected.transactional_id.is_some());
    // Versions are letters here: an outcome is told apart by all but its numbers.
    let version = char::from(b'a' + version.to_le_bytes()[0] % 26);
    Outcome::text("named", &format!("{} {version} {ids:?}", expected.name))
}

/// Every kind of request in every version, and streams of them.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for api in 0..8 {
        for version in 0..14 {
            for flags in [0, 1, 2, 4, 8, 12] {
                let text = b"client-of-truecutjob/1/sink-0/2";
                seeds.push([&[128, api, version, flags, 0, 51, 17, 14], &text[..]].concat());
            }
            let choices = Choices {
                version: version.into(),
                correlation: 7,
                client_id: Some("client"),
                transactional_id: Some("job/1/sink-0/2"),
                acks: -1,
                code: 51,
            };
            if let Some(written) = written(api, &choices) {
                let header = RequestHeader::default()
                    .with_request_api_key(written.key)
                    .with_request_api_version(choices.version)
                    .with_correlation_id(7)
                    .with_client_id(Some(StrBytes::from_static_str("client")));
                let header_version = written.api.request_header_version(choices.version);
                let request = frame(&header, header_version, &written.request);
                seeds.push([&[0], &request[..]].concat());
            }
        }
    }
    seeds
}
