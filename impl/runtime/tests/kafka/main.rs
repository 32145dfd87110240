//! The Kafka clients against a real broker.

mod broker_failure;
mod conformance;
mod consuming;
mod older_protocol;
mod producing;
mod raw_requests;
mod support;
mod transport;
