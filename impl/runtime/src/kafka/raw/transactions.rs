//! Transactions: begin and end them for anyone whose identity is known, and look at one.

use std::ops::RangeInclusive;

use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kafka_protocol::messages::add_partitions_to_txn_response::AddPartitionsToTxnResponse;
use kafka_protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use kafka_protocol::messages::describe_transactions_response::TransactionState;
use kafka_protocol::messages::end_txn_request::EndTxnRequest;
use kafka_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use kafka_protocol::messages::{ProducerId, TransactionalId};

use super::routes::Target;
use super::{ProducerIdentity, RawClient, exactly, incomplete, text, topic_name, versions};
use crate::kafka::connection::Transport;

/// Answer to InitProducerId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initialised {
    /// 0, or why not (51: a transaction of this id is still being ended).
    pub error_code: i16,
    /// The new identity; (-1, -1) unless the code is 0.
    pub identity: ProducerIdentity,
}

/// Answer to EndTxn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// 0, or why not.
    pub error_code: i16,
    /// The identity for the next transaction; only version 5 gives one.
    pub next: Option<ProducerIdentity>,
}

/// Answer to DescribeTransactions: the *latest* transaction of an id, whichever that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// 0, or why not (105: the id is not known).
    pub error_code: i16,
    /// Kafka's name of the state, such as `Ongoing` or `CompleteCommit`.
    pub state: String,
    /// After how long the coordinator aborts it.
    pub timeout_ms: i32,
    /// When it began, in milliseconds since 1970; -1 when none is open.
    pub started_ms: i64,
    /// Who may write to it and end it.
    pub identity: ProducerIdentity,
    /// Its topics and partitions that still lack their end marker.
    pub partitions: Vec<(String, i32)>,
}

impl RawClient {
    /// InitProducerId, version 4 at most as librdkafka speaks it. With an id: aborts what is open there, and bumps the
    /// epoch. With an identity: only if that is still the current one; pass (-1, -1) otherwise.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn init_producer_id(
        &self,
        transactional_id: Option<&str>,
        transaction_timeout_ms: i32,
        current: ProducerIdentity,
    ) -> Result<Initialised, Transport> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
            .with_transaction_timeout_ms(transaction_timeout_ms)
            .with_producer_id(ProducerId(current.producer_id))
            .with_producer_epoch(current.producer_epoch);
        let answer = match transactional_id {
            Some(id) => self.ask(&coordinator(id), &request, versions(3, 4), |a| a.error_code).await?,
            None => Ok(self.ask_any(&request, versions(3, 4)).await?),
        };
        Ok(match answer {
            Ok(answer) => {
                let (producer_id, producer_epoch) = (answer.producer_id.0, answer.producer_epoch);
                let identity = ProducerIdentity { producer_id, producer_epoch };
                Initialised { error_code: answer.error_code, identity }
            }
            Err(error_code) => Initialised { error_code, identity: ProducerIdentity::NOBODY },
        })
    }

    /// AddPartitionsToTxn in exactly this version, 0 to 3; gives the raw code of each partition in order.
    ///
    /// # Errors
    /// If no answer came, or no client may speak this version.
    pub async fn add_partitions_to_txn(
        &self,
        transactional_id: &str,
        identity: ProducerIdentity,
        partitions: &[(&str, i32)],
        version: i16,
    ) -> Result<Vec<i16>, Transport> {
        if !(0..=3).contains(&version) {
            return Err(Transport::Unsupported(format!(
                "AddPartitionsToTxn v{version} is for brokers; clients use 0 to 3"
            )));
        }
        let one = |(topic, partition): &(&str, i32)| {
            AddPartitionsToTxnTopic::default().with_name(topic_name(topic)).with_partitions(vec![*partition])
        };
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(TransactionalId(text(transactional_id)))
            .with_v3_and_below_producer_id(ProducerId(identity.producer_id))
            .with_v3_and_below_producer_epoch(identity.producer_epoch)
            .with_v3_and_below_topics(partitions.iter().map(one).collect());
        let worst =
            |answer: &AddPartitionsToTxnResponse| added(answer).map(|(_, _, code)| code).find(|c| *c != 0);
        let target = coordinator(transactional_id);
        match self.ask(&target, &request, exactly(version), |answer| worst(answer).unwrap_or(0)).await? {
            Err(code) => Ok(vec![code; partitions.len()]),
            Ok(answer) => partitions
                .iter()
                .map(|wanted| {
                    let found = added(&answer).find(|(topic, partition, _)| (*topic, *partition) == *wanted);
                    found.map(|(_, _, code)| code).ok_or_else(|| incomplete("AddPartitionsToTxn"))
                })
                .collect(),
        }
    }

    /// EndTxn with exactly this identity, in one of these versions. Those up to 4 and those from 5 on are two protocols, which
    /// must not be mixed.
    ///
    /// # Errors
    /// If no answer came: the end may have landed, or may still.
    pub async fn end_txn(
        &self,
        transactional_id: &str,
        identity: ProducerIdentity,
        commit: bool,
        allowed: RangeInclusive<i16>,
    ) -> Result<Ended, Transport> {
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(text(transactional_id)))
            .with_producer_id(ProducerId(identity.producer_id))
            .with_producer_epoch(identity.producer_epoch)
            .with_committed(commit);
        let range = versions(*allowed.start(), *allowed.end());
        let answer = self.ask(&coordinator(transactional_id), &request, range, |a| a.error_code).await?;
        Ok(match answer {
            Err(error_code) => Ended { error_code, next: None },
            Ok(answer) => {
                let (producer_id, producer_epoch) = (answer.producer_id.0, answer.producer_epoch);
                let next = ProducerIdentity { producer_id, producer_epoch };
                Ended { error_code: answer.error_code, next: Some(next).filter(|next| next.producer_id >= 0) }
            }
        })
    }

    /// DescribeTransactions of each id, in order; ids of different coordinators are asked for one after the other.
    ///
    /// # Errors
    /// If no answer came for one of them.
    pub async fn describe_transactions(
        &self,
        transactional_ids: &[&str],
    ) -> Result<Vec<Description>, Transport> {
        let mut all = Vec::with_capacity(transactional_ids.len());
        for id in transactional_ids {
            all.push(self.describe_transaction(id).await?);
        }
        Ok(all)
    }

    /// DescribeTransactions of one id.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn describe_transaction(&self, transactional_id: &str) -> Result<Description, Transport> {
        let id = TransactionalId(text(transactional_id));
        let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![id]);
        let code = |states: &[TransactionState]| states.first().map_or(0, |state| state.error_code);
        let target = coordinator(transactional_id);
        match self.ask(&target, &request, exactly(0), |a| code(&a.transaction_states)).await? {
            Err(error_code) => Ok(description(&TransactionState::default().with_error_code(error_code))),
            Ok(answer) => answer
                .transaction_states
                .first()
                .map(description)
                .ok_or_else(|| incomplete("DescribeTransactions")),
        }
    }
}

fn coordinator(transactional_id: &str) -> Target {
    Target::TransactionalId(transactional_id.to_owned())
}

fn added(answer: &AddPartitionsToTxnResponse) -> impl Iterator<Item = (&str, i32, i16)> {
    answer.results_by_topic_v3_and_below.iter().flat_map(|topic| {
        let partitions = topic.results_by_partition.iter();
        partitions.map(|p| (topic.name.0.as_str(), p.partition_index, p.partition_error_code))
    })
}

fn description(state: &TransactionState) -> Description {
    let partitions = state.topics.iter().flat_map(|topic| {
        let name = topic.topic.0.to_string();
        topic.partitions.iter().map(move |partition| (name.clone(), *partition))
    });
    Description {
        error_code: state.error_code,
        state: state.transaction_state.to_string(),
        timeout_ms: state.transaction_timeout_ms,
        started_ms: state.transaction_start_time_ms,
        identity: ProducerIdentity { producer_id: state.producer_id.0, producer_epoch: state.producer_epoch },
        partitions: partitions.collect(),
    }
}
