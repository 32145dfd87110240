//! `aborted_read`: a record is visible though Kafka's log says that its transaction was aborted, or never ended.
//! Records outside of transactions are not its affair.

use super::Coordinates;
use super::class::Class;
use super::findings::{Collector, Example};
use super::view::{SeenRecord, told};
use crate::chaos::kafka_log::Transaction;

/// Judges one visible record with its transaction.
pub(super) fn check(record: &SeenRecord, transaction: Option<&Transaction>, found: &mut Collector) {
    let Some(transaction) = transaction.filter(|transaction| !transaction.is_committed()) else { return };
    let fate = match transaction.end {
        Some(end) => {
            format!("was aborted by the marker at {}@{}", transaction.partition, end.offset)
        }
        None => "has no marker".to_owned(),
    };
    found.add(Class::AbortedRead, || Example {
        text: format!("output {} is visible, but {} {fate}", record.at(), told(transaction)),
        output: Some(record.at()),
        against: transaction
            .end
            .map(|end| Coordinates { partition: transaction.partition, offset: end.offset }),
        ..Example::default()
    });
}
