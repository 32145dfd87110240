//! Everything that speaks Kafka: this folder is the only one that names a Kafka client or a protocol message.
//!
//! The adapters here do what they are told and report raw outcomes: Kafka's own error codes, or that no answer came
//! ([`Transport`]). They classify nothing, retry nothing but the way to a broker, and decide nothing about
//! transactions, checkpoints or offsets; that is the protocol core's.
//!
//! | what | by | where |
//! | --- | --- | --- |
//! | source data | librdkafka, assigned partitions at explicit offsets | [`consumer`] |
//! | sink data | our own producer, or librdkafka with one client per transaction | [`producer`] |
//! | ends of transactions, descriptions, listings, offsets, topics | raw requests | [`raw`] |
//!
//! Both kinds of client take the same [`Cluster`], and with it TLS and SASL ([`security`]).

pub mod connection;
pub mod consumer;
pub mod markers;
mod native;
pub mod producer;
pub mod raw;
pub mod security;
mod settings;

pub use connection::{Cluster, Security, Transport};

/// A failure that a data client reports, raw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (code {code})")]
pub struct Failure {
    /// Kafka's error code; from -200 to -100 it is librdkafka's own (`rd_kafka_resp_err_t`), for what no broker said.
    pub code: i16,
    /// For a person.
    pub reason: String,
}
