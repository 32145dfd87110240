//! What Kafka does by itself, and requests that reach it late: of senders that are gone, or once more.
//!
//! Any request that was answered may have been sent twice, by a client that lost its connection and asked again: the second one
//! is still on its way. So nothing is spent until it arrives. A record that was acknowledged is not taken twice, by its
//! sequence number; one that was on its way from a sender that died may still arrive, in order.

use truecut_core::{Attempt, Producer, Request, Slot, Subtask, TransactionProtocol, TransactionalId};

use crate::action::Action;
use crate::assumption::Assumption;
use crate::lineage::{Lineage, Record};
use crate::property::{AbortedBy, Event};
use crate::scope::Scope;
use crate::state::State;
use crate::step::Step;
use crate::world::ending::Told;

/// A request that may reach Kafka at any later time, or never.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Late {
    /// InitProducerId.
    Init(TransactionalId),
    /// AddPartitionsToTxn, of transaction protocol V1.
    AddPartitions(TransactionalId, Producer, usize),
    /// Records, the first of which is next to arrive.
    Produce(TransactionalId, Producer, Vec<Record>),
}

impl Late {
    fn assumption(&self) -> Assumption {
        match self {
            Self::Init(_) => Assumption::LateInit,
            Self::AddPartitions(..) => Assumption::LateAddPartitions,
            Self::Produce(..) => Assumption::LateProduce,
        }
    }
}

/// Something that no role waits for the answer of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaStep {
    /// A late request arrives.
    Land(Late),
    /// A partition learns that a transaction ended.
    WriteMarker(TransactionalId, Told),
    /// A transactional id expires.
    Forget(TransactionalId),
    /// The job is over, and what a late request opened is left to Kafka's timeout.
    TimeOutAtLast(TransactionalId),
}

/// Whether there are such steps in a scope.
pub(crate) fn is_assumed(scope: &Scope) -> bool {
    use Assumption::{IdExpiry, LateAddPartitions, LateInit, LateMarker, LateProduce};
    [IdExpiry, LateAddPartitions, LateInit, LateMarker, LateProduce]
        .into_iter()
        .any(|assumption| scope.assumes(assumption))
}

/// The steps that are possible.
pub(crate) fn enabled(scope: &Scope, state: &State, actions: &mut Vec<Action>) {
    let (broker, budget) = (&state.broker, &state.budget);
    let mut steps: Vec<KafkaStep> = broker.late.iter().cloned().map(KafkaStep::Land).collect();
    if scope.assumes(Assumption::LateMarker) {
        steps.extend(broker.kafka.unwritten().map(|(id, told)| KafkaStep::WriteMarker(id, told)));
    }
    if budget.allows(Assumption::IdExpiry) && state.halted.is_none() {
        steps.extend(broker.kafka.idle_ids().map(KafkaStep::Forget));
    }
    let opened_late = scope.assumes(Assumption::LateAddPartitions) || scope.assumes(Assumption::LateProduce);
    if opened_late && matches!(*state.halted, Some(truecut_core::Halt::Finished(_))) {
        steps.extend(broker.kafka.open_ids().map(KafkaStep::TimeOutAtLast));
    }
    actions.extend(steps.into_iter().map(Action::Kafka));
}

/// Whether a request would be answered CONCURRENT_TRANSACTIONS and sent again: it waits until it is answered otherwise.
pub(crate) fn must_ask_again(scope: &Scope, state: &State, request: &Request<Lineage>) -> bool {
    scope.assumes(Assumption::LateMarker) && id_of(request).is_some_and(|id| state.broker.kafka.is_ending(id))
}

/// The transactional id that a request asks Kafka's coordinator about.
fn id_of(request: &Request<Lineage>) -> Option<TransactionalId> {
    match request {
        Request::Commit(committable) => Some(committable.id),
        Request::InitProducer { id, .. } | Request::Fence { id, .. } => Some(*id),
        Request::ReadHead
        | Request::SwapHead { .. }
        | Request::ReadCheckpoint(_)
        | Request::WriteCheckpoint(_)
        | Request::Discard(_)
        | Request::DiscardBelow(_)
        | Request::ResolveStart { .. }
        | Request::ListTransactions(_)
        | Request::CommitOffsets(_)
        | Request::Restore(_)
        | Request::Snapshot(_)
        | Request::OpenProducer(_)
        | Request::Flush(_)
        | Request::Upload { .. }
        | Request::ReadMarker(_)
        | Request::Rewrite { .. }
        | Request::Describe(_) => None,
    }
}

impl KafkaStep {
    /// Whether the job waits for it.
    pub(crate) fn is_progress(&self) -> bool {
        match self {
            Self::WriteMarker(..) | Self::TimeOutAtLast(_) => true,
            Self::Land(_) | Self::Forget(_) => false,
        }
    }

    /// In a sentence.
    pub(crate) fn tell(&self) -> String {
        let name = |id: &TransactionalId| id.render(Scope::PREFIX);
        match self {
            Self::Land(Late::Init(id)) => {
                format!("An InitProducerId of {} that was sent long ago reaches Kafka.", name(id))
            }
            Self::Land(Late::AddPartitions(id, producer, partition)) => format!(
                "An AddPartitionsToTxn of {}, producer epoch {}, partition {partition}, that was sent long ago reaches Kafka.",
                name(id),
                producer.epoch
            ),
            Self::Land(Late::Produce(id, ..)) => {
                format!("A record of transaction {} that a dead sender had sent reaches Kafka.", name(id))
            }
            Self::WriteMarker(id, Told::Output(partition)) => {
                format!("Partition {partition} of the output learns that transaction {} ended.", name(id))
            }
            Self::WriteMarker(id, Told::Markers) => {
                format!("The marker topic learns that transaction {} ended.", name(id))
            }
            Self::Forget(id) => format!("Kafka forgets the transactional id {}.", name(id)),
            Self::TimeOutAtLast(id) => {
                format!("The job is over, and transaction {} times out: Kafka aborts it.", name(id))
            }
        }
    }
}

impl Step<'_> {
    /// Kafka does something.
    pub(crate) fn kafka_does(&mut self, step: &KafkaStep) {
        match step {
            KafkaStep::Land(late) => self.land_late(late),
            KafkaStep::WriteMarker(id, told) => self.state.broker.kafka.edit().write_marker(*id, *told),
            KafkaStep::Forget(id) => {
                self.state.budget.spend(Assumption::IdExpiry);
                self.state.broker.kafka.edit().forget(*id);
            }
            KafkaStep::TimeOutAtLast(id) => self.abort_open(*id, AbortedBy::Timeout, |kafka, id| {
                kafka.timeout(id);
            }),
        }
    }

    fn land_late(&mut self, late: &Late) {
        self.state.broker.late.edit().remove(late);
        let assumption = late.assumption();
        if assumption != Assumption::LateProduce {
            self.state.budget.spend(assumption);
            if !self.state.budget.allows(assumption) {
                self.state.broker.late.edit().retain(|other| other.assumption() != assumption);
            }
        }
        match late {
            Late::Init(id) => self.abort_open(*id, AbortedBy::Late, |kafka, id| {
                // Whoever may have sent it has its answer, or is gone. The id is known: it was initialised before.
                let _ = kafka.init_producer_id(id, 0);
            }),
            Late::AddPartitions(id, producer, partition) => {
                self.state.broker.kafka.edit().add_partition(*id, *producer, *partition);
            }
            Late::Produce(id, producer, records) => self.land_late_record(*id, *producer, records),
        }
    }

    /// The first of the records arrives. What comes behind one that is refused is out of sequence, and refused as well.
    fn land_late_record(&mut self, id: TransactionalId, producer: Producer, records: &[Record]) {
        let Some((first, rest)) = records.split_first() else { return };
        let partition = usize::from(first.key % self.scope.outputs);
        let kafka = self.state.broker.kafka.edit();
        // By protocol V2 the partition is added by the broker.
        let added = match self.scope.protocol {
            TransactionProtocol::V1 => 0,
            TransactionProtocol::V2 => kafka.add_partition(id, producer, partition),
        };
        if added == 0 && kafka.produce(id, producer, partition, *first) == 0 {
            if !rest.is_empty() {
                self.state.broker.late.edit().insert(Late::Produce(id, producer, rest.to_vec()));
            }
            self.landed(id, *first);
        }
    }

    /// The request may have been sent twice.
    pub(crate) fn may_repeat(&mut self, late: Late) {
        if self.state.budget.allows(late.assumption()) && !self.state.broker.late.contains(&late) {
            self.state.broker.late.edit().insert(late);
        }
    }

    /// A partition was added to a transaction.
    pub(crate) fn has_added(&mut self, id: TransactionalId, producer: Producer, partition: usize) {
        if self.scope.protocol == TransactionProtocol::V1 {
            self.may_repeat(Late::AddPartitions(id, producer, partition));
        }
    }

    /// A request that is under way outlives its sender.
    pub(crate) fn outlive(&mut self, request: &Request<Lineage>) {
        if let Request::InitProducer { id, .. } | Request::Fence { id, .. } = request {
            self.may_repeat(Late::Init(*id));
        }
    }

    /// What a producer has on its way outlives it. By protocol V1 it asks to add a partition, and sends only then.
    pub(crate) fn outlive_records(&mut self, place: usize, attempt: Attempt, subtask: Subtask, slot: Slot) {
        let assumes = |assumption| self.scope.assumes(assumption);
        if !assumes(Assumption::LateProduce) && !assumes(Assumption::LateAddPartitions) {
            return;
        }
        let task = self.state.machines[place].task(attempt, subtask).expect("the subtask runs");
        let Some(lane) = task.lanes.get(&slot) else { return };
        let Some((id, producer)) = lane.producer else { return };
        let partition = |record: &Record| usize::from(record.key % self.scope.outputs);
        let is_member = |record: &&Record| {
            self.scope.protocol == TransactionProtocol::V2
                || self.state.broker.kafka.is_member(id, partition(record))
        };
        let sent: Vec<Record> = lane.records.iter().take_while(is_member).copied().collect();
        let asked = lane.records.get(sent.len()).map(partition);
        if !sent.is_empty() {
            self.may_repeat(Late::Produce(id, producer, sent));
        }
        if let Some(partition) = asked {
            self.may_repeat(Late::AddPartitions(id, producer, partition));
        }
    }

    /// Whether InitProducerId of this id is a step of its own here: it waits for a transaction to end, or matters to others if its
    /// sender dies. What a dead attempt wanted to initialise for itself matters to nobody.
    pub(crate) fn is_slow(&self, id: TransactionalId, to_others: bool) -> bool {
        to_others && self.scope.assumes(Assumption::LateInit)
            || self.scope.assumes(Assumption::LateMarker) && self.state.broker.kafka.is_ending(id)
    }

    /// Records are produced without a transaction: whoever reads sees them.
    pub(crate) fn append(&mut self, attempt: Attempt, subtask: Subtask, slot: Slot, records: Vec<Record>) {
        let id = TransactionalId { attempt, subtask: subtask.index, slot };
        for record in records {
            let partition = usize::from(record.key % self.scope.outputs);
            self.state.broker.kafka.edit().append(partition, record);
            self.happened(&Event::Landed { id, record });
            self.happened(&Event::Committed { id, landed: 1, handed: 1 });
        }
    }

    /// Kafka took a record into an open transaction: readers of what is not committed see it.
    pub(crate) fn landed(&mut self, id: TransactionalId, record: Record) {
        self.happened(&Event::Landed { id, record });
        if self.scope.assumes(Assumption::ReadUncommitted) {
            self.happened(&Event::Committed { id, landed: 1, handed: 1 });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use truecut_core::Halt;

    use super::*;
    use crate::model::JobModel;
    use crate::property::{Seen, passed_and_not_committed};
    use crate::scope::scope;

    /// Whether a scope leads to such a state.
    fn leads_to(name: &str, wanted: impl Fn(&Scope, &State) -> bool) -> bool {
        let scope = scope(name).expect("a scope of the list");
        let model = JobModel::new(scope, None);
        let first = model.begin();
        let mut seen = HashSet::from([first.clone()]);
        let mut waiting = vec![first];
        while let Some(state) = waiting.pop() {
            if wanted(scope, &state) {
                return true;
            }
            let next = model.enabled(&state).into_iter().map(|action| model.step(&state, &action).0);
            waiting.extend(next.filter(|next| seen.insert(next.clone())));
        }
        false
    }

    /// What resume can't tell: the job ends with a data-loss error, and all is committed. By log the marker tells.
    fn is_false_alarm(scope: &Scope, state: &State) -> bool {
        matches!(*state.halted, Some(Halt::DataLoss { .. }))
            && passed_and_not_committed(&Seen { scope, state }).next().is_none()
    }

    #[test]
    fn where_kafka_forgets_resume_stops_although_nothing_is_lost() {
        for name in ["id_expiry", "late_init_unheard", "late_reopened"] {
            assert!(leads_to(name, is_false_alarm), "{name}");
        }
    }
}
