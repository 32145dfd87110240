//! `stuck_transaction`: the job has ended in good order and nothing goes wrong any more, but a transaction of it is open: it holds readers of committed
//! records back, until its timeout or for ever.
//!
//! After an end with an error, or one that the harness forced, open transactions are what is to be expected: then nothing is said.

use std::collections::BTreeMap;

use super::class::Class;
use super::findings::{Collector, Coordinates, Example};
use super::view::{looked_at, told};
use crate::chaos::kafka_log::{Logged, LoggedState, OutputLog, StateChange, Transaction, Transactions};

/// Judges transactions and partitions of the log, and the last state of every transactional id; returns how many there are.
pub(super) fn check(
    log: &OutputLog,
    transactions: &Transactions,
    states: &[StateChange],
    found: &mut Collector,
) -> u64 {
    for transaction in transactions.all.iter().filter(|transaction| transaction.end.is_none()) {
        found.add(Class::StuckTransaction, || Example {
            text: format!("{} has no marker{}", told(transaction), by_kafka(transaction, states)),
            output: Some(Coordinates { partition: transaction.partition, offset: transaction.first }),
            ..Example::default()
        });
    }
    for ends in log.partitions.iter().filter(|ends| ends.last_stable < ends.high_watermark) {
        found.add(Class::StuckTransaction, || Example {
            text: format!(
                "readers of committed records get output partition {} only up to {} of {}",
                ends.partition, ends.last_stable, ends.high_watermark
            ),
            output: Some(Coordinates { partition: ends.partition, offset: ends.last_stable }),
            ..Example::default()
        });
    }
    let last: BTreeMap<&str, &StateChange> =
        states.iter().map(|change| (change.transactional_id.as_str(), change)).collect();
    for (id, change) in &last {
        if change.logged.as_ref().is_some_and(|logged| logged.state == LoggedState::Ongoing) {
            found.add(Class::StuckTransaction, || Example {
                text: format!("the last that Kafka wrote down of transactional id {id} is that it is open"),
                ..Example::default()
            });
        }
    }
    looked_at(&log.partitions) + looked_at(&transactions.all) + looked_at(states)
}

/// What Kafka's own account adds, where its transaction coordinator wrote down that all markers are written: then it is Kafka that
/// forgot them, and no timeout will end the transaction. KAFKA-20734 does that.
fn by_kafka(transaction: &Transaction, states: &[StateChange]) -> &'static str {
    let is_complete = |logged: &Logged| {
        let epoch = transaction.producer.producer_epoch;
        // From version 2 of the transaction protocol on (KIP-890) the end bumps the epoch.
        let of_it = logged.producer_id == transaction.producer.producer_id
            && (epoch..=epoch.saturating_add(1)).contains(&logged.producer_epoch);
        of_it && matches!(logged.state, LoggedState::CompleteCommit | LoggedState::CompleteAbort)
    };
    if states.iter().filter_map(|change| change.logged.as_ref()).any(is_complete) {
        ", and Kafka's transaction coordinator wrote down that it has: see KAFKA-20734"
    } else {
        ""
    }
}
