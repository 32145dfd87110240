//! The few fields of Kafka's bodies that rules and events go by. All of them stand first in their bodies, so that a body
//! need not be there as a whole, nor be decoded.

use bytes::{Buf as _, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::Decodable as _;

/// From this version on AddPartitionsToTxn names many transactions; only brokers speak it.
const MANY_TRANSACTIONS: i16 = 4;
/// From this version on Produce has a transactional id.
const PRODUCE_IN_TRANSACTIONS: i16 = 3;
/// From this version on Produce names topics by id.
const PRODUCE_BY_TOPIC_ID: i16 = 13;

/// What a request says.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) client_id: Option<String>,
    pub(super) transactional_id: Option<String>,
    /// Produce with `acks=0`.
    pub(super) unanswered: bool,
}

/// `None`: it ends too early, or can't be read.
pub(super) fn of_request(api: Option<ApiKey>, version: i16, frame: &Bytes) -> Option<Fields> {
    let mut rest = frame.clone();
    // An unknown API: its header begins like any other, and its body is not looked at.
    let header_version = api.map_or(1, |api| api.request_header_version(version));
    let header = RequestHeader::decode(&mut rest, header_version).ok()?;
    let mut fields = Fields { client_id: header.client_id.map(|id| id.to_string()), ..Fields::default() };
    let flexible = header_version > 1;
    match api {
        Some(ApiKey::Produce) => {
            if version >= PRODUCE_IN_TRANSACTIONS {
                fields.transactional_id = text(&mut rest, flexible)?;
            }
            fields.unanswered = rest.try_get_i16().ok()? == 0;
        }
        Some(ApiKey::AddPartitionsToTxn) if version >= MANY_TRANSACTIONS => {
            if length(&mut rest, flexible)? > 0 {
                fields.transactional_id = text(&mut rest, flexible)?;
            }
        }
        Some(
            ApiKey::EndTxn
            | ApiKey::InitProducerId
            | ApiKey::AddPartitionsToTxn
            | ApiKey::AddOffsetsToTxn
            | ApiKey::TxnOffsetCommit,
        ) => fields.transactional_id = text(&mut rest, flexible)?,
        Some(_) | None => {}
    }
    Some(fields)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an API whose code is not looked for has none here")]
/// The code of an answer; where there is one per partition, that of the first.
pub(super) fn error_code(api: ApiKey, version: i16, frame: &[u8]) -> Option<i16> {
    let mut rest = Bytes::copy_from_slice(frame);
    ResponseHeader::decode(&mut rest, api.response_header_version(version)).ok()?;
    let flexible = api.request_header_version(version) > 1;
    let throttle_ms = |rest: &mut Bytes| rest.try_get_i32().ok();
    match api {
        ApiKey::Produce => {
            if version >= PRODUCE_BY_TOPIC_ID {
                (length(&mut rest, flexible)? > 0).then_some(())?;
                rest.try_get_u128().ok()?;
                of_first_partition(&mut rest, flexible)
            } else {
                of_first_topic(&mut rest, flexible)
            }
        }
        ApiKey::AddPartitionsToTxn if version < MANY_TRANSACTIONS => {
            throttle_ms(&mut rest)?;
            of_first_topic(&mut rest, flexible)
        }
        ApiKey::EndTxn | ApiKey::InitProducerId | ApiKey::AddPartitionsToTxn | ApiKey::AddOffsetsToTxn => {
            throttle_ms(&mut rest)?;
            rest.try_get_i16().ok()
        }
        _ => None,
    }
}

fn of_first_topic(rest: &mut Bytes, flexible: bool) -> Option<i16> {
    (length(rest, flexible)? > 0).then_some(())?;
    text(rest, flexible)?;
    of_first_partition(rest, flexible)
}

fn of_first_partition(rest: &mut Bytes, flexible: bool) -> Option<i16> {
    (length(rest, flexible)? > 0).then_some(())?;
    rest.try_get_i32().ok()?;
    rest.try_get_i16().ok()
}

/// A text, or Kafka's null.
fn text(rest: &mut Bytes, flexible: bool) -> Option<Option<String>> {
    let length =
        if flexible { varint(rest)?.checked_sub(1) } else { u32::try_from(rest.try_get_i16().ok()?).ok() };
    let Some(length) = length else { return Some(None) };
    let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
    String::from_utf8(rest.split_to(length).to_vec()).ok().map(Some)
}

/// How many elements an array has.
fn length(rest: &mut Bytes, flexible: bool) -> Option<u32> {
    if flexible {
        varint(rest).map(|one_more| one_more.saturating_sub(1))
    } else {
        u32::try_from(rest.try_get_i32().ok()?).ok()
    }
}

/// Seven bits per byte, the least significant first; the eighth says that another byte follows.
fn varint(rest: &mut Bytes) -> Option<u32> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = rest.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
