//! `inconsistent_offset`: two readings of one partition have different records at one offset, or a reading passed a committed record by.
//! The readings: live while the job ran, from start to end afterwards, and Kafka's own log with markers.

use super::Coordinates;
use super::class::Class;
use super::findings::{Collector, Example};
use super::view::{Finder, SeenRecord, Strange, View};
use crate::chaos::kafka_log::OutputLog;

/// The final reading against the log, which `view` was made of.
pub(super) fn check(view: &View<'_>, found: &mut Collector) {
    for (record, strange) in &view.strange {
        differs("the reading of committed records", *record, *strange, found);
    }
    passed_by(view, found);
}

/// The live reading against the log; returns how many records it has. A reader that had to begin again has some twice.
pub(super) fn check_live(log: &OutputLog, mut live: Vec<SeenRecord>, found: &mut Collector) -> u64 {
    live.sort_unstable_by_key(|record| (record.partition, record.offset));
    let mut finder = Finder::of(log);
    for record in &live {
        match finder.find(record) {
            None => differs("the live reading", *record, Strange::Absent, found),
            Some(place) if log.records[place.record].crc32c != record.crc32c => {
                differs("the live reading", *record, Strange::Different, found);
            }
            Some(_) => {}
        }
    }
    super::view::looked_at(&live)
}

fn differs(who: &str, record: SeenRecord, strange: Strange, found: &mut Collector) {
    let what = match strange {
        Strange::Absent => "Kafka's log has nothing there",
        Strange::Different => "Kafka's log has another one there",
    };
    found.add(Class::InconsistentOffset, || Example {
        text: format!("{who} has a record at output {}, and {what}", record.at()),
        output: Some(record.at()),
        ..Example::default()
    });
}

/// A committed transaction of which records are missing in front of the last one that was read: a reader passes nothing that is not decided.
fn passed_by(view: &View<'_>, found: &mut Collector) {
    let read_up_to = |partition| view.read_up_to.get(&partition).copied().unwrap_or(-1);
    for (transaction, visible) in view.transactions.all.iter().zip(&view.visible) {
        let passed = transaction.is_committed() && transaction.last <= read_up_to(transaction.partition);
        if passed && *visible < transaction.records {
            let at = Coordinates { partition: transaction.partition, offset: transaction.first };
            found.add(Class::InconsistentOffset, || Example {
                text: format!(
                    "{} is committed, but the reading of committed records has only {visible} of it and goes on after it",
                    super::view::told(transaction)
                ),
                output: Some(at),
                ..Example::default()
            });
        }
    }
}
