//! The Kafka clients against a real broker.

mod broker_failure;
mod consuming;
mod producing;
mod raw_requests;
mod support;
mod transport;
