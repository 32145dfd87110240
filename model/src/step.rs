//! One step: what the world does, which roles take which inputs, and what follows from their effects at once.
//!
//! Inputs that a step causes are worked off in order: messages within a process, elements to a chained sink, answers of
//! operations that are performed at once (`perform.rs` says which, and why that loses nothing).

use std::collections::VecDeque;

use truecut_core::{
    Attempt, Effect, Element, Input, Message, NextOffset, Offset, Op, Partition, Peer, Report, Request,
    Role as _, Slot, Subtask, Timer, TransactionalId, Vertex,
};
use truecut_mutants::Mutant;

use crate::action::Action;
use crate::assumption::Assumption;
use crate::lineage::{Lineage, Record};
use crate::property::{AbortedBy, Event, Seen, judge};
use crate::scope::Scope;
use crate::shape::{Shapes, StepShape};
use crate::state::State;
use crate::world::process::{Head, Machine, Role, Side, UnderWay, start};

/// Far more inputs than any step causes: a role that asks again and again without an end is a finding, and must not be waited for.
const MOST_WORK: u32 = 100_000;

/// An input that is to be taken.
pub(crate) enum Work {
    Coordinator(Input<Record, Lineage>),
    Worker(usize, Input<Record, Lineage>),
    Subtask(usize, Attempt, Subtask, Input<Record, Lineage>),
    /// A sink takes from its queue what it can.
    Drain(usize, Attempt, Subtask),
    /// Subtasks of an attempt stop, once they took what they were sent before.
    Stop(usize, Attempt),
    /// A worker without a coordinator ends.
    End(usize),
}

/// A step under way.
pub(crate) struct Step<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) mutant: Option<Mutant>,
    /// Reports that nothing can tell from later ones are taken at once.
    collapse: bool,
    /// Where the shapes of steps are collected, if they are asked for.
    shapes: Option<&'a Shapes>,
    pub(crate) state: State,
    pub(crate) work: VecDeque<Work>,
    /// At the desk is the coordinator that was taken over from; all work for a coordinator is for it.
    pub(crate) is_former: bool,
    /// How many records of each producer reach Kafka when its subtask stops.
    pub(crate) landing: usize,
    /// Bits of properties that were witnessed.
    pub(crate) witnessed: u32,
}

impl<'a> Step<'a> {
    pub(crate) fn new(
        scope: &'a Scope,
        mutant: Option<Mutant>,
        collapse: bool,
        shapes: Option<&'a Shapes>,
        state: State,
    ) -> Self {
        Self {
            scope,
            mutant,
            collapse,
            shapes,
            state,
            work: VecDeque::new(),
            is_former: false,
            landing: 0,
            witnessed: 0,
        }
    }

    /// The state after the step, and the witnessed properties.
    pub(crate) fn finish(mut self) -> (State, u32) {
        self.settle();
        self.sit(false);
        if self.state.broker.kafka.is_edited() {
            // Records of one transaction become visible at once, and properties judge their order per partition and key.
            self.state.broker.kafka.edit().arrange(|record| (record.partition, record.key));
        }
        self.state.seal();
        (self.state, self.witnessed)
    }

    /// The beginning: the coordinator runs and every worker has registered.
    pub(crate) fn begin(&mut self) {
        self.work.push_back(Work::Coordinator(Input::Begin));
        for place in 0..self.workers() {
            self.register(place);
        }
    }

    pub(crate) fn register(&mut self, place: usize) {
        self.work.push_back(Work::Worker(place, Input::Begin));
        let worker = self.state.machines[place].head.worker;
        self.work.push_back(Work::Coordinator(Input::WorkerJoined { worker, slots: self.scope.slots }));
    }

    /// Performs an action.
    pub(crate) fn act(&mut self, action: &Action) {
        match action {
            Action::TakeReport(place) => self.take_report(*place),
            Action::LoseWorker(place) => self.lose_worker(*place),
            Action::LandCoordinator(op) => self.land_coordinator(*op),
            Action::AnswerCoordinator(op) => self.answer_coordinator(*op),
            Action::Stop => {
                self.state.desk.edit().stopping = true;
                self.work.push_back(Work::Coordinator(Input::StopRequested));
            }
            Action::TakeOrder(place) => self.take_order(*place),
            Action::Fetch(place, attempt, subtask, partition) => {
                self.fetch(*place, *attempt, *subtask, *partition)
            }
            Action::Take(link) => self.take_element(*link),
            Action::LandRecords(place, attempt, subtask, slot) => {
                self.land_records(*place, *attempt, *subtask, *slot, usize::MAX)
            }
            Action::Land(place, attempt, subtask, op) => self.land_commit(*place, *attempt, *subtask, *op),
            Action::Answer(place, attempt, subtask, op) => self.answer(*place, *attempt, *subtask, *op),
            Action::Trigger => {
                *self.state.budget.checkpoints.edit() -= 1;
                self.state.desk.edit().interval = false;
                self.work.push_back(Work::Coordinator(Input::Fired(Timer::Interval)));
            }
            Action::Expire(id) => {
                self.state.budget.spend(Assumption::Expiry);
                self.state.desk.edit().expiries.remove(id);
                self.work.push_back(Work::Coordinator(Input::Fired(Timer::Expiry(*id))));
            }
            Action::Crash(place, landed) => self.crash(*place, *landed),
            Action::TimeOut(id) => {
                self.state.budget.spend(Assumption::TransactionTimeout);
                self.abort_open(*id, AbortedBy::Timeout, |kafka, id| {
                    kafka.timeout(id);
                });
            }
            Action::LoseAnswer(place, attempt, subtask, op) => {
                self.lose_answer(*place, *attempt, *subtask, *op)
            }
            Action::GiveUp(place) => self.give_up(*place),
            Action::Vanish(place, landed) => self.vanish(*place, *landed),
            Action::TakeOver => self.take_over(),
            Action::LandFormer(op) => {
                self.sit(true);
                self.land_coordinator(*op);
            }
            Action::AnswerFormer(op) => {
                self.sit(true);
                self.answer_coordinator(*op);
            }
            Action::BreakChannel(link) => self.break_channel(*link),
            Action::LearnBroken(link, sender) => self.learn_broken(*link, *sender),
            Action::FailTask(place, attempt, subtask) => self.fail_task(*place, *attempt, *subtask),
            Action::FailLaunch(place, attempt) => self.fail_launch(*place, *attempt),
            Action::LoseNotification(place) => self.lose_notification(*place),
            Action::Heartbeat => {
                self.state.desk.edit().heartbeat = false;
                self.work.push_back(Work::Coordinator(Input::Fired(Timer::Heartbeat)));
            }
            Action::RefuseStore(op) => self.refuse_store(*op),
            Action::LoseStore(op) => self.lose_store(*op),
            Action::LandStray(place) => self.land_stray(*place),
            Action::LandOrphan(orphan) => {
                self.state.broker.orphans.edit().remove(orphan);
                self.commit(orphan);
            }
            Action::Kafka(step) => self.kafka_does(step),
        }
    }

    /// Works off everything that follows at once.
    fn settle(&mut self) {
        let mut done = 0_u32;
        loop {
            while let Some(work) = self.work.pop_front() {
                done += 1;
                assert!(done < MOST_WORK, "what follows from a step at once comes to an end");
                match work {
                    Work::Coordinator(input) => self.step_coordinator(input),
                    Work::Worker(place, input) => self.step_worker(place, input),
                    Work::Subtask(place, attempt, subtask, input) => {
                        self.step_subtask(place, attempt, subtask, input)
                    }
                    Work::Drain(place, attempt, subtask) => self.drain(place, attempt, subtask),
                    Work::Stop(place, attempt) => self.stop(place, attempt),
                    Work::End(place) => self.end(place),
                }
            }
            if !self.collapse || !self.take_reports_at_once() {
                return;
            }
        }
    }

    /// Reports that nothing can tell from later ones are taken as soon as they are first in their queue.
    ///
    /// - Ready only opens the way for triggers, which are steps of their own.
    /// - An acknowledgement only fills a set that a failed attempt drops as a whole. The last one starts the write of the
    ///   checkpoint, which lands in a step of its own, and comes to nothing if the attempt fails before. Where checkpoints can expire or overlap,
    ///   late acknowledgements of older ones are told apart, and each is a step.
    /// - Drained follows the answer to a commit at once, so that a crash before it is heard is a crash before that answer is.
    fn take_reports_at_once(&mut self) -> bool {
        let acknowledgements =
            !self.scope.assumes(Assumption::Expiry) && !self.scope.assumes(Assumption::Overlapping);
        let at_once = |machine: &Machine| match machine.up.front() {
            Some(Message::FromSubtask { report: Report::Ready | Report::Drained, .. }) => true,
            Some(Message::FromSubtask { report: Report::Acknowledged { .. }, .. }) => acknowledgements,
            _ => false,
        };
        // A queue that this step left as it was begins with none: the step before would have taken it.
        let found = self.state.machines.iter().position(|machine| machine.up.is_edited() && at_once(machine));
        found.inspect(|place| self.take_report(*place)).is_some()
    }

    fn answer_coordinator(&mut self, op: Op) {
        let under_way = take(self.state.ops.edit(), op);
        let outcome = under_way.outcome.expect("it has landed");
        self.work.push_back(Work::Coordinator(Input::Done { op, outcome }));
    }

    fn take_report(&mut self, place: usize) {
        self.sit(self.state.machines[place].head.side == Side::Former);
        let machine = &mut self.state.machines[place];
        let message = machine.up.edit().pop_front().expect("a report is on its way");
        let from = Peer::Worker(machine.head.worker);
        self.work.push_back(Work::Coordinator(Input::Message { from, message }));
    }

    /// What the coordinator tells several subtasks of a machine at once is taken at once: the subtasks do not depend on
    /// each other, and a crash in between is a crash before what the later ones do has landed.
    fn take_order(&mut self, place: usize) {
        let down = self.state.machines[place].down.edit();
        let first = down.pop_front().expect("an order is on its way");
        let mut messages = vec![first];
        while let (
            Some(Message::ToSubtask { attempt, order, .. }),
            Some(Message::ToSubtask { attempt: of, order: same, .. }),
        ) = (messages.last(), down.front())
        {
            if (attempt, order) != (of, same) {
                break;
            }
            messages.extend(down.pop_front());
        }
        for message in messages {
            self.work.push_back(Work::Worker(place, Input::Message { from: Peer::Coordinator, message }));
        }
    }

    /// The coordinator gives a worker up, and a new incarnation registers. That it registers earlier changes nothing: the
    /// coordinator looks for slots only when it restarts.
    fn lose_worker(&mut self, place: usize) {
        let Head { worker: lost, side, .. } = *self.state.machines[place].head;
        self.sit(side == Side::Former);
        self.work.push_back(Work::Coordinator(Input::WorkerLost(lost)));
        if side == Side::Former {
            self.state.machines[place] = Machine::vacant();
        } else {
            self.incarnate(place);
        }
    }

    fn fetch(&mut self, place: usize, attempt: Attempt, subtask: Subtask, partition: Partition) {
        let scope = self.scope;
        let host = self.state.machines[place].host_mut(attempt, subtask).expect("the source runs");
        let next = host.positions.get_mut(&partition).expect("it reads the partition");
        let batch = scope.next_record(partition, next.get()).expect("there is a record");
        let offset = Offset::new(next.get());
        *next = NextOffset::new(next.get() + 1);
        let input = Input::Fetched { partition, batch, first: offset, last: offset };
        self.work.push_back(Work::Subtask(place, attempt, subtask, input));
        if scope.bounded && scope.next_record(partition, offset.one_past().get()).is_none() {
            let end = Input::EndOfPartition(partition);
            self.work.push_back(Work::Subtask(place, attempt, subtask, end));
        }
    }

    fn take_element(&mut self, link: usize) {
        let (attempt, from, to) = {
            let link = &self.state.network.links()[link];
            (link.attempt, link.from, link.to)
        };
        let element = self.state.network.take(link).expect("an element is there");
        let place = self.state.find(attempt, to).expect("the operator runs");
        self.work.push_back(Work::Subtask(
            place,
            attempt,
            to,
            Input::Element { channel: from.index, element },
        ));
    }

    /// A worker is killed. Of each producer's records a prefix lands, commits that were sent stay on their way, and what it
    /// had sent to others is still there for them.
    fn crash(&mut self, place: usize, landed: usize) {
        self.state.budget.spend(Assumption::Crash);
        let hosts = self.state.machines[place].running().to_vec();
        for (attempt, subtask) in &hosts {
            self.remove(place, *attempt, *subtask, landed);
        }
        let machine = &mut self.state.machines[place];
        machine.head.edit().alive = false;
        machine.down.edit().clear();
        if !hosts.is_empty() {
            self.happened(&Event::Gone);
        }
    }

    /// Stops subtasks of an attempt in a process that lives on.
    pub(crate) fn stop(&mut self, place: usize, attempt: Attempt) {
        let hosts = self.state.machines[place].running().to_vec();
        for (of, subtask) in hosts.into_iter().filter(|(of, _)| *of == attempt) {
            self.remove(place, of, subtask, self.landing);
        }
        self.happened(&Event::Gone);
    }

    fn remove(&mut self, place: usize, attempt: Attempt, subtask: Subtask, landed: usize) {
        let task = self.state.machines[place].task(attempt, subtask).expect("the subtask runs");
        let slots: Vec<Slot> = task.lanes.keys().copied().collect();
        let under_way: Vec<_> = task
            .ops
            .iter()
            .filter(|under_way| under_way.outcome.is_none())
            .map(|under_way| under_way.request.clone())
            .collect();
        for slot in slots {
            self.land_records(place, attempt, subtask, slot, landed);
            self.outlive_records(place, attempt, subtask, slot);
        }
        for request in under_way {
            self.outlive(&request);
            if let Request::Commit(committable) = request {
                self.state.broker.orphans.edit().insert(committable);
            } else if matches!(request, Request::Rewrite { .. }) && landed > 0 {
                self.rewrite(place, attempt, subtask, &request);
            }
        }
        self.state.machines[place].remove(attempt, subtask);
        self.state.network.close(attempt, subtask);
        let kafka = &self.state.broker.kafka;
        let began =
            |id: TransactionalId| (id.attempt, id.subtask) != (attempt, subtask.index) || kafka.is_open(id);
        if subtask.vertex == Vertex::Sink {
            self.state.ledger.forget(began);
        }
    }

    /// Shows an event to every property.
    pub(crate) fn happened(&mut self, event: &Event) {
        let (violated, witnessed) = look(self.scope, &self.state, event);
        if violated != 0 {
            *self.state.violated.edit() |= violated;
        }
        self.witnessed |= witnessed;
    }

    fn step_coordinator(&mut self, input: Input<Record, Lineage>) {
        let effects = taken(self.shapes, &mut self.state.desk.edit().role, input);
        effects.into_iter().for_each(|effect| self.perform_coordinator(effect));
    }

    fn step_worker(&mut self, place: usize, input: Input<Record, Lineage>) {
        let effects = taken(self.shapes, &mut self.state.machines[place].head.edit().role, input);
        effects.into_iter().for_each(|effect| self.perform_worker(place, effect));
    }

    fn step_subtask(
        &mut self,
        place: usize,
        attempt: Attempt,
        subtask: Subtask,
        input: Input<Record, Lineage>,
    ) {
        let Some(host) = self.state.machines[place].host_mut(attempt, subtask) else { return };
        let effects = taken(self.shapes, &mut host.role, input);
        effects.into_iter().for_each(|effect| self.perform_subtask(place, attempt, subtask, effect));
    }

    /// A chained sink takes elements until it is held.
    fn drain(&mut self, place: usize, attempt: Attempt, subtask: Subtask) {
        let Some(host) = self.state.machines[place].host(attempt, subtask) else { return };
        if host.is_held(0) || host.queue.is_empty() {
            return;
        }
        let host = self.state.machines[place].host_mut(attempt, subtask).expect("it runs");
        let element: Element<Record> = host.queue.pop_front().expect("it is not empty");
        self.step_subtask(place, attempt, subtask, Input::Element { channel: 0, element });
        self.work.push_front(Work::Drain(place, attempt, subtask));
    }

    /// Starts an operation of the coordinator that is not performed at once.
    pub(crate) fn start_coordinator(&mut self, op: Op, request: Request<Lineage>) {
        start(self.state.ops.edit(), op, request);
    }
}

/// What a role does with an input. Its shape is collected if that is asked for.
fn taken(
    shapes: Option<&Shapes>,
    role: &mut Role,
    input: Input<Record, Lineage>,
) -> Vec<Effect<Record, Lineage>> {
    let mut effects = Vec::new();
    match shapes {
        None => role.step(input, &mut effects),
        Some(shapes) => shapes.add(StepShape::of_step(role, input, &mut effects)),
    }
    effects
}

/// Judges an event in a state.
pub(crate) fn look(scope: &Scope, state: &State, event: &Event) -> (u32, u32) {
    judge(&Seen { scope, state }, event)
}

/// Takes an operation from those under way.
pub(crate) fn take(ops: &mut Vec<UnderWay>, op: Op) -> UnderWay {
    let place = ops.iter().position(|under_way| under_way.op == op).expect("the operation is under way");
    ops.remove(place)
}
