//! What subtasks have under way at Kafka, and what becomes of it there.
#![expect(clippy::wildcard_enum_match_arm, reason = "few kinds of requests are under way at Kafka")]

use truecut_core::{
    Attempt, Committable, Described, ErrorCode, Input, Op, Outcome, Request, Slot, Subtask, TransactionState,
    TransactionalId,
};

use crate::assumption::Assumption;
use crate::late::Late;
use crate::lineage::{Lineage, Record};
use crate::property::{AbortedBy, Event};
use crate::step::{Step, Work, take};
use crate::world::kafka::{End, Kafka};
use crate::world::process::{ProducerLane, UnderWay};

impl Step<'_> {
    /// Lets the first records that a producer has on their way reach Kafka.
    pub(crate) fn land_records(
        &mut self,
        place: usize,
        attempt: Attempt,
        subtask: Subtask,
        slot: Slot,
        most: usize,
    ) {
        let outputs = self.scope.outputs;
        let Some(task) = self.state.machines[place].task_mut(attempt, subtask) else { return };
        if !task.lanes.contains_key(&slot) {
            return;
        }
        let lane = task.lanes.edit().entry(slot).or_default();
        if lane.is_plain {
            let sent: Vec<Record> = lane.records.drain(..most.min(lane.records.len())).collect();
            return self.append(attempt, subtask, slot, sent);
        }
        let Some((id, producer)) = lane.producer else { return };
        let mut landed = Vec::new();
        let sent: Vec<Record> = lane.records.drain(..most.min(lane.records.len())).collect();
        for record in sent {
            let partition = usize::from(record.key % outputs);
            let kafka = self.state.broker.kafka.edit();
            let code = match kafka.add_partition(id, producer, partition) {
                0 => kafka.produce(id, producer, partition, record),
                code => code,
            };
            match code {
                0 => landed.push((record, partition)),
                code => lane.failed = lane.failed.or(Some(code)),
            }
        }
        if lane.records.is_empty()
            && let Some(marker) = lane.mark.filter(|_| most == usize::MAX)
        {
            lane.mark = None;
            match self.state.broker.kafka.edit().mark(id, producer, subtask.index, marker) {
                0 => {}
                code => lane.failed = lane.failed.or(Some(code)),
            }
        }
        for (record, partition) in landed {
            self.has_added(id, producer, partition);
            self.landed(id, record);
        }
    }

    /// What is in the log reaches Kafka once more, then the marker.
    pub(crate) fn rewrite(
        &mut self,
        place: usize,
        attempt: Attempt,
        subtask: Subtask,
        request: &Request<Lineage>,
    ) -> Outcome<Lineage> {
        let Request::Rewrite { slot, log, marker } = request else { unreachable!("only a rewrite") };
        let Some(outputs) = self.state.store.read_log(*log).map(<[Record]>::to_vec) else {
            return Outcome::Failed { detail: format!("there is no log of {}", log.of) };
        };
        let Some(task) = self.state.machines[place].task_mut(attempt, subtask) else {
            return Outcome::Unknown;
        };
        let producer = task.lanes.get(slot).and_then(|lane| lane.producer);
        let (id, producer) = producer.expect("it is written to a producer that was initialised");
        for record in outputs {
            let partition = usize::from(record.key % self.scope.outputs);
            let kafka = self.state.broker.kafka.edit();
            let code = match kafka.add_partition(id, producer, partition) {
                0 => kafka.produce(id, producer, partition, record),
                code => code,
            };
            if code != 0 {
                return Outcome::Answer(code);
            }
            self.state.ledger.hand(id);
            self.has_added(id, producer, partition);
            self.landed(id, record);
        }
        match self.state.broker.kafka.edit().mark(id, producer, subtask.index, *marker) {
            0 => Outcome::Flushed,
            code => Outcome::Answer(code),
        }
    }

    pub(crate) fn answer(&mut self, place: usize, attempt: Attempt, subtask: Subtask, op: Op) {
        if let Op::Flush(slot) = op {
            self.land_records(place, attempt, subtask, slot, usize::MAX);
        }
        let task = self.state.machines[place].task_mut(attempt, subtask).expect("the subtask runs");
        let UnderWay { request, outcome, .. } = take(task.ops.edit(), op);
        let outcome = match (outcome, request) {
            (Some(outcome), _) => outcome,
            (None, Request::Flush(slot)) => {
                let failed = task.lanes.get(&slot).and_then(|lane| lane.failed);
                failed.map_or(Outcome::Flushed, Outcome::Answer)
            }
            (None, Request::InitProducer { id, .. }) => self.init_producer(place, attempt, subtask, id),
            (None, Request::Fence { id, .. }) => match self.initialise(id, AbortedBy::Sink) {
                Outcome::Initialised { .. } => Outcome::Answer(0),
                other => other,
            },
            (None, Request::Upload { slot, log }) => {
                let outputs = task.host.edit().kept.remove(&slot).unwrap_or_default();
                self.state.store.edit().write_log(log, outputs);
                Outcome::Uploaded
            }
            (None, Request::ReadMarker(of)) => Outcome::Markers(self.state.broker.kafka.markers(of)),
            (None, request @ Request::Rewrite { .. }) => self.rewrite(place, attempt, subtask, &request),
            (None, request) => unreachable!("{request:?} is not under way at a subtask"),
        };
        self.work.push_back(Work::Subtask(place, attempt, subtask, Input::Done { op, outcome }));
    }

    /// A commit that has not landed goes on as one of a dead sender; an InitProducerId has landed.
    pub(crate) fn lose_answer(&mut self, place: usize, attempt: Attempt, subtask: Subtask, op: Op) {
        self.state.budget.spend(Assumption::LostAnswer);
        let task = self.state.machines[place].task_mut(attempt, subtask).expect("the sink runs");
        let under_way = take(task.ops.edit(), op);
        match under_way.request {
            Request::Commit(committable) if under_way.outcome.is_none() => {
                self.state.broker.orphans.edit().insert(committable);
            }
            Request::InitProducer { id, .. } => {
                self.init_producer(place, attempt, subtask, id);
            }
            _ => {}
        }
        self.work.push_back(Work::Subtask(
            place,
            attempt,
            subtask,
            Input::Done { op, outcome: Outcome::Unknown },
        ));
    }

    pub(crate) fn land_commit(&mut self, place: usize, attempt: Attempt, subtask: Subtask, op: Op) {
        let task = self.state.machines[place].task_mut(attempt, subtask).expect("the sink runs");
        let mut under_way = take(task.ops.edit(), op);
        let Request::Commit(committable) = under_way.request else {
            unreachable!("only a commit lands apart")
        };
        let code = self.commit(&committable);
        under_way.outcome = Some(Outcome::Answer(code));
        let task = self.state.machines[place].task_mut(attempt, subtask).expect("the sink runs");
        let ops = task.ops.edit();
        ops.push(under_way);
        ops.sort();
    }

    /// EndTxn(commit).
    pub(crate) fn commit(&mut self, committable: &Committable) -> ErrorCode {
        let id = committable.id;
        let landed = self.state.broker.kafka.open_records(id).count();
        let was_open = self.state.broker.kafka.is_open(id);
        let version = *committable.protocol.end_txn_versions().end();
        let code = self.state.broker.kafka.edit().end_txn(id, committable.producer, End::Commit, version);
        if code == 0 && was_open {
            let handed = self.state.ledger.settle(id);
            self.happened(&Event::Committed { id, landed, handed });
        } else if code == 0 {
            self.happened(&Event::CommitRepeated { committable: *committable });
        }
        code
    }

    /// InitProducerId for a sink.
    pub(crate) fn init_producer(
        &mut self,
        place: usize,
        attempt: Attempt,
        subtask: Subtask,
        id: TransactionalId,
    ) -> Outcome<Lineage> {
        let answer = self.initialise(id, AbortedBy::Sink);
        match answer {
            Outcome::Initialised { described: Described { producer, .. }, .. } => {
                if let Some(task) = self.state.machines[place].task_mut(attempt, subtask) {
                    task.lanes.edit().insert(
                        id.slot,
                        ProducerLane { producer: Some((id, producer)), ..ProducerLane::default() },
                    );
                }
                answer
            }
            answer => answer,
        }
    }

    /// InitProducerId, whoever asks. Producer ids are named after transactional ids: which numbers the broker draws makes
    /// no difference, as long as they differ.
    pub(crate) fn initialise(&mut self, id: TransactionalId, by: AbortedBy) -> Outcome<Lineage> {
        let number = (id.attempt.get() * 16 + u64::from(id.subtask)) * 64 + u64::from(id.slot.get());
        let fresh = i64::try_from(number).expect("few ids");
        let mut answer = Outcome::Unknown;
        let protocol = self.scope.protocol;
        self.may_repeat(Late::Init(id));
        self.abort_open(id, by, |kafka, id| {
            answer = match kafka.init_producer_id(id, fresh) {
                Ok(producer) => Outcome::Initialised {
                    described: Described { state: TransactionState::Empty, producer },
                    protocol,
                },
                Err(code) => Outcome::Answer(code),
            };
        });
        answer
    }

    /// Does what may abort an open transaction, and says so if it did.
    pub(crate) fn abort_open(
        &mut self,
        id: TransactionalId,
        by: AbortedBy,
        act: impl FnOnce(&mut Kafka<TransactionalId, Record>, TransactionalId),
    ) {
        let before = self.state.broker.kafka.entry(id);
        let records: Vec<Record> = self.state.broker.kafka.open_records(id).collect();
        let was_open = self.state.broker.kafka.is_open(id);
        act(self.state.broker.kafka.edit(), id);
        if let Some(entry) = before.filter(|_| was_open) {
            let listed = self.state.store.lists(|committable| committable.id == id);
            let ledger = &mut self.state.ledger;
            ledger.settle(id);
            if listed || matches!(by, AbortedBy::Timeout | AbortedBy::Late) {
                ledger.abort(id, entry.producer, records.into_iter());
            }
            self.happened(&Event::Aborted { id, by });
        }
    }
}
