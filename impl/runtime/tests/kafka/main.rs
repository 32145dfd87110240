//! The Kafka clients against a real broker.

mod consuming;
mod producing;
mod raw_requests;
mod support;
mod transport;
