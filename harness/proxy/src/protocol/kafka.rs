//! Kafka's protocol: names requests by their API, and answers by the request that they answer.
//!
//! Only the head of a request and the first fields of some bodies are read. Whole bodies are not: they may be large, and
//! kafka-protocol allocates arrays as large as the sender says. What can't be read is a frame without a client id or
//! transactional id, and passes.

mod fields;

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};
use kafka_protocol::messages::ApiKey;

use super::{Cutter, FRAME_BYTES_MAX, Head, Peek, Protocol, Style};
use crate::rule::{RuleId, Side};

/// Above all keys of APIs that there are.
const API_KEYS_END: i16 = 1_000;
/// Bytes of the length field.
const LENGTH_BYTES: usize = 4;
/// The least that a request has: API key, version, correlation id.
const REQUEST_BYTES_MIN: usize = 8;
/// The least that an answer has: the correlation id.
const ANSWER_BYTES_MIN: usize = 4;
/// The first look at a request: enough for usual ids.
const LOOK_BYTES: usize = 128;
/// Two ids of the greatest length fit into it. What lies behind is not looked at.
const LOOK_BYTES_MAX: usize = 128 << 10;

/// Kafka, plaintext. Clients that encrypt are taken for bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kafka;

impl Protocol for Kafka {
    fn style(&self) -> Style {
        Style::Requests
    }

    fn knows(&self, frame: &str) -> bool {
        (0..API_KEYS_END).filter_map(|key| ApiKey::try_from(key).ok()).any(|api| name_of(api) == frame)
    }

    fn open(&self, _connection: u64) -> Box<dyn Cutter> {
        Box::new(Cut::default())
    }
}

fn name_of(api: ApiKey) -> String {
    format!("{api:?}")
}

/// A connection's requests that were sent and not answered, oldest first.
#[derive(Default)]
struct Cut {
    waiting: VecDeque<Head>,
}

impl Cutter for Cut {
    fn peek(&mut self, side: Side, bytes: &Bytes) -> Peek {
        let mut rest = bytes.clone();
        let Ok(size) = rest.try_get_i32() else { return Peek::Need(LENGTH_BYTES) };
        let least = match side {
            Side::Request => REQUEST_BYTES_MIN,
            Side::Response => ANSWER_BYTES_MIN,
        };
        match usize::try_from(size) {
            Ok(size) if (least..=FRAME_BYTES_MAX).contains(&size) => {
                rest.truncate(size);
                match side {
                    Side::Request => request(LENGTH_BYTES + size, &rest),
                    Side::Response => self.answer(LENGTH_BYTES + size, rest),
                }
            }
            Ok(_) | Err(_) => Peek::Garbage(format!("a frame of {size} bytes")),
        }
    }

    fn sent(&mut self, request: &Head, copy: Option<RuleId>) {
        if request.answered {
            self.waiting.push_back(Head { copy, ..request.clone() });
        }
    }

    fn error_code(&self, answer: &Head, frame: &Bytes) -> Option<i16> {
        let (key, version) = answer.api?;
        fields::error_code(ApiKey::try_from(key).ok()?, version, frame.get(LENGTH_BYTES..)?)
    }
}

impl Cut {
    /// Answers come in the order of requests: those passed over were not answered, and never will be.
    fn answer(&mut self, length: usize, mut rest: Bytes) -> Peek {
        let Ok(correlation) = rest.try_get_i32() else { return Peek::Need(LENGTH_BYTES + ANSWER_BYTES_MIN) };
        let found = self.waiting.iter().position(|request| request.correlation == Some(correlation));
        let request = found.and_then(|at| self.waiting.drain(..=at).next_back());
        Peek::Frame(Head { length, correlation: Some(correlation), ..request.unwrap_or_default() })
    }
}

/// `rest` is what is there of a frame of that length, without the length field.
fn request(length: usize, rest: &Bytes) -> Peek {
    let look = (length - LENGTH_BYTES).min(LOOK_BYTES_MAX);
    let mut start = rest.clone();
    let (Ok(key), Ok(version), Ok(correlation)) =
        (start.try_get_i16(), start.try_get_i16(), start.try_get_i32())
    else {
        return Peek::Need(LENGTH_BYTES + look.min(LOOK_BYTES));
    };
    let api = ApiKey::try_from(key).ok();
    let decoded = match fields::of_request(api, version, rest) {
        Some(fields) => fields,
        None if rest.len() < look => {
            return Peek::Need(LENGTH_BYTES + look.min((rest.len() * 2).max(LOOK_BYTES)));
        }
        None => fields::Fields::default(),
    };
    Peek::Frame(Head {
        length,
        name: api.map_or_else(|| format!("Api{key}"), name_of),
        client_id: decoded.client_id,
        transactional_id: decoded.transactional_id,
        correlation: Some(correlation),
        api: Some((key, version)),
        answered: !decoded.unanswered,
        copy: None,
    })
}
