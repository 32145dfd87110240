//! The list of transactions, which no broker has alone: each lists the ids whose coordinator it is.
//!
//! A broker that lost a partition of the state topic a moment ago lists the rest without a word (`TransactionStateManager` drops
//! the partition's ids when it resigns). So the leaders are asked for before and after; only what was led by the same broker in the
//! same leader epoch all the while counts as listed. A broker that became leader and has not begun to load yet is still not told
//! from one that has nothing: listing again is what helps.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_transactions_request::ListTransactionsRequest;
use tokio::task::JoinSet;

use super::{Metadata, PartitionInfo, RawClient, exactly, text};
use crate::kafka::connection::Transport;

/// The topic whose partitions the transactional ids live in.
const STATE_TOPIC: &str = "__transaction_state";

/// Transactions of all brokers, as far as they answered, and what was answered by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// What was listed.
    pub transactions: Vec<Listed>,
    /// The code of the topic that keeps the transactional ids (3: no transaction was ever begun), if one was given.
    pub topic_code: Option<i16>,
    /// Partitions of that topic whose ids may have been listed by nobody: they had no leader, or it changed meanwhile.
    pub leaderless: u32,
    /// Brokers by number: the code that each answered (14: it is loading), or why it did not.
    pub brokers: Vec<(i32, Result<i16, Transport>)>,
}

/// One listed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub transactional_id: String,
    /// Its producer id.
    pub producer_id: i64,
    /// Kafka's name of its state.
    pub state: String,
}

impl RawClient {
    /// ListTransactions of every broker, in one of these states (Kafka's names; none: in any state).
    ///
    /// # Errors
    /// If the list of brokers, or who led the state topic, could not be had.
    pub async fn list_transactions(&self, states: &[&str]) -> Result<Listing, Transport> {
        let before = self.metadata(Some(&[STATE_TOPIC])).await?;
        let mut asked = JoinSet::new();
        for broker in &before.brokers {
            let (client, request, id) = (self.clone(), ListTransactionsRequest::default(), broker.id);
            let request = request.with_state_filters(states.iter().map(|state| text(state)).collect());
            asked.spawn(async move { (id, client.ask_broker(id, &request, exactly(0)).await) });
        }
        let mut listing = Listing::default();
        for (broker, answer) in asked.join_all().await {
            listing
                .brokers
                .push((broker, answer.as_ref().map(|answer| answer.error_code).map_err(Clone::clone)));
            let states = answer.map(|answer| answer.transaction_states).unwrap_or_default();
            listing.transactions.extend(states.iter().map(|state| Listed {
                transactional_id: state.transactional_id.to_string(),
                producer_id: state.producer_id.0,
                state: state.transaction_state.to_string(),
            }));
        }
        listing.brokers.sort_unstable_by_key(|(broker, _)| *broker);
        listing.transactions.sort_unstable_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        let after = self.metadata(Some(&[STATE_TOPIC])).await?;
        let topic = after.topics.iter().find(|topic| topic.name == STATE_TOPIC);
        listing.topic_code = topic.map(|topic| topic.error_code);
        listing.leaderless = not_led_throughout(partitions(&before), partitions(&after));
        Ok(listing)
    }
}

fn partitions(metadata: &Metadata) -> &[PartitionInfo] {
    let topic = metadata.topics.iter().find(|topic| topic.name == STATE_TOPIC);
    topic.map_or(&[], |topic| &topic.partitions)
}

/// How many partitions were not led by one broker in one leader epoch from the first look to the second.
fn not_led_throughout(before: &[PartitionInfo], after: &[PartitionInfo]) -> u32 {
    type Led = BTreeMap<i32, (Option<i32>, i32)>;
    let led = |partitions: &[PartitionInfo]| -> Led {
        partitions.iter().map(|p| (p.partition, (p.leader, p.leader_epoch))).collect()
    };
    let (before, after) = (led(before), led(after));
    let all = before.keys().chain(after.keys().filter(|partition| !before.contains_key(partition)));
    let stayed = |partition: &i32| {
        let leader = before.get(partition);
        leader.is_some_and(|(leader, _)| leader.is_some()) && leader == after.get(partition)
    };
    u32::try_from(all.filter(|partition| !stayed(partition)).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(partition: i32, leader: i32, leader_epoch: i32) -> PartitionInfo {
        let leader = Some(leader).filter(|leader| *leader >= 0);
        PartitionInfo { partition, leader, leader_epoch, replicas: Vec::new(), in_sync: Vec::new() }
    }

    #[test]
    fn a_partition_counts_as_listed_only_if_one_leader_kept_it_throughout() {
        let before = [led(0, 1, 7), led(1, 1, 7), led(2, 2, 3)];
        assert_eq!(not_led_throughout(&before, &before), 0);
        assert_eq!(not_led_throughout(&before, &[led(0, 1, 7), led(1, 2, 8), led(2, 2, 3)]), 1, "moved");
        assert_eq!(not_led_throughout(&before, &[led(0, 1, 9), led(1, 1, 9), led(2, 2, 3)]), 2, "and back");
        assert_eq!(not_led_throughout(&before, &[led(0, -1, 7), led(1, 1, 7), led(2, 2, 3)]), 1, "lost");
        let nobody = [led(0, -1, 7)];
        assert_eq!(not_led_throughout(&nobody, &nobody), 1, "nobody led it at all");
        assert_eq!(not_led_throughout(&[], &before), 3, "the topic was made meanwhile");
        assert_eq!(not_led_throughout(&before, &[]), 3, "or is gone");
        assert_eq!(not_led_throughout(&[], &[]), 0, "no transaction was ever begun");
    }
}
