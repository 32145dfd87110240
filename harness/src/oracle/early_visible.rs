//! `early_visible`: a transaction is committed though no completed checkpoint lists it, or was asked to be before one was known to be complete.
//! `zombie_write` is the same of a writer whose attempt was over when it wrote: the two share the search.
//!
//! Times of the subject are of one monotonic clock, so that the order of two of them is certain; the broker's clock is never
//! asked whether something is wrong, only which of the two it is.

use std::collections::HashMap;

use super::class::Class;
use super::findings::{Collector, Coordinates, Example};
use super::journal::Journal;
use super::view::{Parts, View, told};
use super::zombie_write;

/// Judges every committed transaction; returns how many there are.
pub(super) fn check(view: &View<'_>, journal: &Journal, parts: &Parts, found: &mut Collector) -> u64 {
    let mut asked: HashMap<(i64, i16), u64> = HashMap::new();
    for commit in &journal.commits {
        let listed = &commit.listed;
        let at = asked.entry((listed.producer_id, listed.producer_epoch)).or_insert(commit.at_us);
        *at = (*at).min(commit.at_us);
    }
    let mut judged = 0;
    for transaction in view.transactions.all.iter().filter(|transaction| transaction.is_committed()) {
        judged += 1;
        let producer = transaction.producer;
        let at = Some(Coordinates { partition: transaction.partition, offset: transaction.first });
        let Some(part) = parts.part(producer) else {
            let (class, why) = zombie_write::classify(transaction, journal).map_or_else(
                || (Class::EarlyVisible, "no completed checkpoint lists it".to_owned()),
                |why| (Class::ZombieWrite, why),
            );
            found.add(class, || Example {
                text: format!("{} is committed, but {why}", told(transaction)),
                output: at,
                ..Example::default()
            });
            continue;
        };
        let promise = &parts.all[&part];
        let asked = asked.get(&(producer.producer_id, producer.producer_epoch));
        if let Some(early_us) =
            asked.and_then(|asked| promise.known_us.checked_sub(*asked)).filter(|us| *us > 0)
        {
            found.add(Class::EarlyVisible, || Example {
                text: format!(
                    "{} is of checkpoint {}, and its commit was asked for {early_us} µs before checkpoint {} was known \
                     to be complete",
                    told(transaction),
                    part.0,
                    promise.by
                ),
                output: at,
                ..Example::default()
            });
        }
    }
    judged
}
