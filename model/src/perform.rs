//! Effects, performed: what is put on its way, and what is done at once.
//!
//! Done at once, because nobody can tell it from being done later:
//! - reads of the head and of checkpoints, and discards: the coordinator is the store's only writer (where it is not, or where the
//!   store may fail, `store_fault.rs` says what is a step);
//! - the claim of an attempt: nothing else is asked of the store meanwhile;
//! - the first checkpoint, and listings of the first attempt, which can find nothing: no worker runs, or no older attempt is there;
//! - InitProducerId of a sink, unless answers can be lost or it must wait (`late.rs`): the id is the sink's own until it is listed, and a late answer is a
//!   sink that goes on later;
//! - restoring and snapshotting operator state: the state is captured here in any case, and an upload that takes longer is an
//!   acknowledgement that arrives later;
//! - commits of group offsets: nobody reads them but mutants, and a late one is a notification that arrives later;
//! - describing a transaction whose commit was refused: it can't change any more;
//! - retry and restart timers: what they wait for has changed already, or is a step of its own.
//!
//! Heartbeats are sent only where a notification was lost: there is nothing else to heal.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each kind of role has few of the effects; the rest is refused as a whole"
)]

use truecut_core::{
    Attempt, Effect, Element, Halt, Input, Message, NextOffset, Op, Order, Outcome, Partition, Peer,
    Position, Request, Subtask, Timer, Vertex,
};

use crate::assumption::Assumption;
use crate::launch::launch;
use crate::lineage::{Lineage, Record};
use crate::property::{AbortedBy, Event};
use crate::scope::Scope;
use crate::step::{Step, Work, take};
use crate::world::process::{ProducerLane, Side, start};
use crate::world::store::{Offsets, offsets};

impl Step<'_> {
    pub(crate) fn perform_coordinator(&mut self, effect: Effect<Record, Lineage>) {
        match effect {
            Effect::Send { to: Peer::Worker(worker), message } => {
                self.watch(&message);
                if let Some(place) = self.connected(worker) {
                    self.state.machines[place].down.edit().push_back(message);
                }
            }
            Effect::Start { op, request } => self.start_at_coordinator(op, request),
            Effect::Arm(timer) => self.arm_coordinator(timer),
            Effect::Disarm(Timer::Interval) => self.state.desk.edit().interval = false,
            Effect::Disarm(Timer::Expiry(id)) => {
                self.state.desk.edit().expiries.remove(&id);
            }
            Effect::Disarm(_) | Effect::Disconnect(_) => {}
            Effect::Halt(halt) => self.halt(halt),
            other => unreachable!("no effect of a coordinator: {other:?}"),
        }
    }

    /// What the model has to know of the coordinator's word.
    fn watch(&mut self, message: &Message<Lineage>) {
        match message {
            Message::Deploy(deployment) => {
                self.state.desk.edit().under_way = None;
                self.happened(&Event::Deployed { deployment: deployment.clone() });
            }
            Message::Cancel(_) => self.state.desk.edit().under_way = None,
            Message::ToSubtask { order: Order::Trigger { checkpoint, .. }, .. } => {
                self.state.desk.edit().under_way = Some(*checkpoint);
            }
            Message::ToSubtask { order: Order::Completed(id) | Order::Aborted(id), .. } => {
                if self.state.desk.under_way.is_some_and(|under_way| under_way <= *id) {
                    self.state.desk.edit().under_way = None;
                }
            }
            Message::Heartbeat { .. } | Message::Pulse | Message::FromSubtask { .. } => {}
        }
    }

    fn arm_coordinator(&mut self, timer: Timer) {
        match timer {
            Timer::Interval => self.state.desk.edit().interval = true,
            Timer::Expiry(id) if self.state.budget.allows(Assumption::Expiry) => {
                self.state.desk.edit().expiries.insert(id);
            }
            Timer::Restart | Timer::Retry(_) => self.work.push_back(Work::Coordinator(Input::Fired(timer))),
            Timer::Expiry(_) | Timer::MinPause | Timer::Heartbeat | Timer::Silence(_) => {}
        }
    }

    fn start_at_coordinator(&mut self, op: Op, request: Request<Lineage>) {
        let head = self.state.store.head();
        let at_once = !self.waits_for_store(&request)
            && match &request {
                Request::ReadHead
                | Request::ReadCheckpoint(_)
                | Request::Discard(_)
                | Request::DiscardBelow(_)
                | Request::ResolveStart { .. } => true,
                Request::SwapHead { head: new, .. } => {
                    head.is_none_or(|head| head.attempt != new.attempt || head.latest.is_none())
                }
                Request::WriteCheckpoint(_) => head.is_none_or(|head| head.latest.is_none()),
                Request::ListTransactions(_) => {
                    head.is_some_and(|head| head.attempt == self.scope.first_attempt())
                }
                _ => false,
            };
        if at_once {
            if let Some(outcome) = self.ask(request) {
                self.work.push_back(Work::Coordinator(Input::Done { op, outcome }));
            }
        } else {
            self.start_coordinator(op, request);
        }
    }

    /// An operation of the coordinator lands. Only a listing is answered apart: what it says may be out of date.
    pub(crate) fn land_coordinator(&mut self, op: Op) {
        let mut under_way = take(self.state.ops.edit(), op);
        let outcome = self.ask(under_way.request.clone());
        if op == Op::ListTransactions {
            under_way.outcome = outcome;
            let ops = self.state.ops.edit();
            ops.push(under_way);
            ops.sort();
        } else if let Some(outcome) = outcome {
            self.work.push_back(Work::Coordinator(Input::Done { op, outcome }));
        }
    }

    /// Does what the coordinator asks of store and Kafka.
    pub(crate) fn ask(&mut self, request: Request<Lineage>) -> Option<Outcome<Lineage>> {
        Some(match request {
            Request::ReadHead => {
                Outcome::Head { version: self.state.store.version(), head: self.state.store.head() }
            }
            Request::SwapHead { expected, head } => {
                let before = self.state.store.head();
                if !self.state.store.edit().swap(expected, head) {
                    return Some(Outcome::Conflict);
                }
                self.drop_late_swaps();
                if let Some(latest) = self.state.store.latest() {
                    let offsets = offsets(latest);
                    self.state.ledger.complete(offsets);
                }
                self.happened(&Event::Swapped { before, after: head });
                Outcome::Swapped
            }
            Request::ReadCheckpoint(name) => match self.state.store.read(name) {
                Some(checkpoint) => Outcome::Checkpoint(checkpoint.clone()),
                None => Outcome::Failed { detail: format!("there is no checkpoint {name}") },
            },
            Request::WriteCheckpoint(checkpoint) => {
                self.state.store.edit().write(checkpoint);
                Outcome::Written
            }
            Request::Discard(name) => {
                self.state.store.edit().discard(name);
                return None;
            }
            Request::DiscardBelow(id) => {
                self.state.store.edit().discard_below(id);
                return None;
            }
            Request::ResolveStart { position, .. } => Outcome::Offsets(self.offsets_at(position)),
            Request::ListTransactions(_) => {
                let names = self.state.broker.kafka.open_ids().map(|id| id.render(Scope::PREFIX)).collect();
                Outcome::Listed { topic: Some(0), leaderless: 0, brokers: vec![Some(0)], names }
            }
            Request::Fence { id, .. } => match self.initialise(id, AbortedBy::CleanUp) {
                Outcome::Initialised { .. } => Outcome::Answer(0),
                other => other,
            },
            other => unreachable!("no request of a coordinator: {other:?}"),
        })
    }

    /// What Kafka knows of a position. A job begins with no group offsets.
    fn offsets_at(&self, position: Position) -> Offsets {
        let ends = || (0..).map(Partition::new).zip(self.scope.input.iter().map(|keys| keys.len()));
        let at = |offset: usize| NextOffset::new(i64::try_from(offset).expect("few records"));
        match position {
            Position::Earliest => ends().map(|(partition, _)| (partition, at(0))).collect(),
            Position::Latest => ends().map(|(partition, end)| (partition, at(end))).collect(),
            Position::Committed => Offsets::clone(&self.state.broker.group),
        }
    }

    /// The job ended: nobody gives its subtasks another word, so that nothing they do can be seen any more.
    fn halt(&mut self, halt: Halt) {
        if self.is_former {
            return self.dismiss_former();
        }
        *self.state.halted.edit() = Some(halt);
        self.state.ops.edit().clear();
        let desk = self.state.desk.edit();
        desk.expiries.clear();
        desk.interval = false;
        self.happened(&Event::Halted);
        self.forget_former();
        for place in 0..self.state.machines.len() {
            let attempts: Vec<Attempt> =
                self.state.machines[place].running().iter().map(|(attempt, _)| *attempt).collect();
            attempts.into_iter().for_each(|attempt| self.stop(place, attempt));
            let machine = &mut self.state.machines[place];
            machine.down.edit().clear();
            machine.up.edit().clear();
            self.vacate_unless_ours(place);
        }
    }

    pub(crate) fn perform_worker(&mut self, place: usize, effect: Effect<Record, Lineage>) {
        match effect {
            Effect::Send { to: Peer::Coordinator, message } => {
                if self.state.machines[place].head.side != Side::Nobody {
                    self.state.machines[place].up.edit().push_back(message);
                }
            }
            Effect::Send {
                to: Peer::Subtask(subtask),
                message: message @ Message::ToSubtask { attempt, .. },
            } => {
                self.work.push_back(Work::Subtask(
                    place,
                    attempt,
                    subtask,
                    Input::Message { from: Peer::Coordinator, message },
                ));
            }
            Effect::Launch(deployment) => launch(self, place, &deployment),
            Effect::Stop(attempt) => self.work.push_back(Work::Stop(place, attempt)),
            Effect::Accept { attempt, from, to } => {
                self.state.network.accept(attempt, from, to);
            }
            Effect::Refuse { attempt, from, to } => {
                self.state.network.refuse(attempt, from, to);
                if let Some(sender) = self.state.find(attempt, from) {
                    self.work
                        .push_back(Work::Worker(sender, Input::ChannelBroken { attempt, subtask: from }));
                }
            }
            other => unreachable!("no effect of a worker: {other:?}"),
        }
    }

    pub(crate) fn perform_subtask(
        &mut self,
        place: usize,
        attempt: Attempt,
        subtask: Subtask,
        effect: Effect<Record, Lineage>,
    ) {
        match effect {
            Effect::Emit(element) if subtask.vertex == Vertex::Source => {
                self.emit(place, attempt, subtask, element)
            }
            Effect::Emit(element) => self.pass_to_sink(place, attempt, subtask, element),
            Effect::Process(record) => {
                let of_key = self.scope.of_key(record.key);
                let host = self.state.machines[place].host_mut(attempt, subtask).expect("it runs");
                let result = host.state.fold(record, of_key);
                self.pass_to_sink(place, attempt, subtask, Element::Batch(result));
            }
            Effect::Produce { slot, batch, keep } => {
                let task = self.state.machines[place].task_mut(attempt, subtask).expect("it runs");
                if keep {
                    task.host.edit().kept.entry(slot).or_default().push(batch);
                }
                let lane = task.lanes.edit().entry(slot).or_default();
                lane.records.push_back(batch);
                if !lane.is_plain {
                    let (id, _) = lane.producer.expect("records go to a producer that was initialised");
                    self.state.ledger.hand(id);
                }
            }
            Effect::Hold(channel) => {
                self.state.machines[place].host_mut(attempt, subtask).expect("it runs").held |= 1 << channel;
            }
            Effect::Release(channel) => {
                self.state.machines[place].host_mut(attempt, subtask).expect("it runs").held &=
                    !(1 << channel);
                if subtask.vertex == Vertex::Sink {
                    self.work.push_back(Work::Drain(place, attempt, subtask));
                }
            }
            Effect::Mark { slot, marker } => {
                let task = self.state.machines[place].task_mut(attempt, subtask).expect("it runs");
                task.lanes.edit().entry(slot).or_default().mark = Some(marker);
            }
            Effect::CloseProducer(slot) => {
                // What is on its way outlives the client.
                let task = self.state.machines[place].task_mut(attempt, subtask).expect("it runs");
                if task.lanes.get(&slot).is_some_and(|lane| lane.records.is_empty()) {
                    task.lanes.edit().remove(&slot);
                }
            }
            Effect::Consume { offsets, report_end, .. } => {
                self.happened(&Event::Consumed { attempt, subtask, offsets: offsets.clone() });
                for (partition, next) in offsets.iter().filter(|_| report_end) {
                    if self.scope.next_record(*partition, next.get()).is_none() {
                        let input = Input::EndOfPartition(*partition);
                        self.work.push_back(Work::Subtask(place, attempt, subtask, input));
                    }
                }
                let ledger = &mut self.state.ledger;
                offsets.keys().for_each(|partition| ledger.own(*partition, attempt, subtask));
                self.state.machines[place].host_mut(attempt, subtask).expect("it runs").positions = offsets;
            }
            Effect::Send { to: Peer::Coordinator, message } => {
                self.work
                    .push_back(Work::Worker(place, Input::Message { from: Peer::Subtask(subtask), message }));
            }
            Effect::Start { op, request } => self.start_at_subtask(place, attempt, subtask, op, request),
            Effect::Arm(timer @ Timer::Retry(_)) => {
                self.work.push_back(Work::Subtask(place, attempt, subtask, Input::Fired(timer)));
            }
            other => unreachable!("no effect of {subtask}: {other:?}"),
        }
    }

    /// A source's element goes to the operator that owns its key, everything else to all.
    fn emit(&mut self, place: usize, attempt: Attempt, from: Subtask, element: Element<Record>) {
        let only = match &element {
            Element::Batch(record) => Some(self.scope.operator_of(*record)),
            Element::Barrier { .. } | Element::Cancel { .. } => None,
            Element::End => {
                // The consumer is closed.
                self.state.machines[place].host_mut(attempt, from).expect("it runs").positions.clear();
                None
            }
        };
        for index in (0..self.scope.operators).filter(|index| only.is_none_or(|only| only == *index)) {
            self.state.network.send(attempt, from, Subtask::operator(index), element.clone());
        }
    }

    fn pass_to_sink(&mut self, place: usize, attempt: Attempt, operator: Subtask, element: Element<Record>) {
        let sink = Subtask { vertex: Vertex::Sink, ..operator };
        if let Some(host) = self.state.machines[place].host_mut(attempt, sink) {
            host.queue.push_back(element);
            self.work.push_back(Work::Drain(place, attempt, sink));
        }
    }

    fn start_at_subtask(
        &mut self,
        place: usize,
        attempt: Attempt,
        subtask: Subtask,
        op: Op,
        request: Request<Lineage>,
    ) {
        let outcome = match request {
            Request::OpenProducer(slot) => {
                let task = self.state.machines[place].task_mut(attempt, subtask).expect("it runs");
                task.lanes.edit().insert(slot, ProducerLane { is_plain: true, ..ProducerLane::default() });
                Outcome::Opened
            }
            Request::CommitOffsets(offsets) => {
                self.state.broker.group.edit().extend(&offsets);
                self.happened(&Event::GroupOffsets { offsets });
                Outcome::Answer(0)
            }
            Request::Restore(state) => {
                let host = self.state.machines[place].host_mut(attempt, subtask).expect("it runs");
                host.state = state.unwrap_or_default();
                Outcome::Restored
            }
            Request::Snapshot(_) => {
                let host = self.state.machines[place].host(attempt, subtask).expect("it runs");
                Outcome::Snapshotted(host.state)
            }
            Request::InitProducer { id, .. }
                if !self.state.budget.allows(Assumption::LostAnswer)
                    && !self.is_slow(id, id.is_recovery()) =>
            {
                self.init_producer(place, attempt, subtask, id)
            }
            Request::Fence { id, .. } if !self.is_slow(id, true) => {
                match self.initialise(id, AbortedBy::Sink) {
                    Outcome::Initialised { .. } => Outcome::Answer(0),
                    other => other,
                }
            }
            Request::Describe(id) => match self.state.broker.kafka.describe(id) {
                Ok(described) => Outcome::Described(described),
                Err(code) => Outcome::Answer(code),
            },
            request @ (Request::Flush(_)
            | Request::Commit(_)
            | Request::InitProducer { .. }
            | Request::Fence { .. }
            | Request::Upload { .. }
            | Request::ReadMarker(_)
            | Request::Rewrite { .. }) => {
                let task = self.state.machines[place].task_mut(attempt, subtask).expect("it runs");
                return start(task.ops.edit(), op, request);
            }
            other => unreachable!("no request of {subtask}: {other:?}"),
        };
        self.work.push_back(Work::Subtask(place, attempt, subtask, Input::Done { op, outcome }));
    }
}
