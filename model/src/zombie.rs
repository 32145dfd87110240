//! Processes that live and do not count any more: a worker that was given up for lost, a coordinator that was taken over from and
//! its workers. They go on with all that they have and do not know better until they learn it; nobody waits for them.
//!
//! A coordinator that died and one that was only thought dead are one: it may go on, or never do anything again. What it has under
//! way lands at any later time, or never. It triggers nothing anew: a trigger that it sent before says the same.

use truecut_core::{Input, Request, Timer, Token, WorkerId};

use crate::action::Action;
use crate::assumption::Assumption;
use crate::enabled::most_landing;
use crate::scope::Scope;
use crate::state::{Desk, State};
use crate::step::{Step, Work};
use crate::world::process::{Machine, Side};

/// What the coordinator that was taken over from may do, and whether another one may take over.
pub(crate) fn of_former(state: &State, actions: &mut Vec<Action>) {
    if state.halted.is_some() {
        return;
    }
    actions.extend(state.former_ops.iter().map(|under_way| match under_way.outcome {
        None => Action::LandFormer(under_way.op),
        Some(_) => Action::AnswerFormer(under_way.op),
    }));
    if state.budget.allows(Assumption::Takeover) {
        actions.push(Action::TakeOver);
    }
}

/// A worker that lives may be given up; one that has no coordinator any more may learn it.
pub(crate) fn of_machine(scope: &Scope, state: &State, place: usize, actions: &mut Vec<Action>) {
    let machine = &state.machines[place];
    if !machine.head.alive || state.halted.is_some() {
        return;
    }
    if machine.head.side != Side::Current {
        actions.extend((0..=most_landing(machine)).map(|landed| Action::Vanish(place, landed)));
    } else if state.budget.allows(Assumption::ZombieWorker)
        && (scope.assumes(Assumption::ZombieOutlives) || !state.desk.stopping)
    {
        actions.push(Action::GiveUp(place));
    }
}

/// Whether there is a coordinator that can learn that a machine's worker is dead.
pub(crate) fn is_missed(state: &State, machine: &Machine) -> bool {
    match machine.head.side {
        Side::Current => true,
        Side::Former => state.former.here,
        Side::Nobody => false,
    }
}

/// Whether the job may be asked to end. What a worker that nobody knows leaves open later than that, only Kafka's timeout ends.
pub(crate) fn may_end(scope: &Scope, state: &State) -> bool {
    let gone = |machine: &Machine| machine.head.side == Side::Current || !machine.head.alive;
    !scope.has_zombies() || scope.assumes(Assumption::ZombieOutlives) || state.machines.iter().all(gone)
}

/// Whether the job waits for a step, where that depends on whose step it is: not for what zombies do, but for their end, where the job
/// must not end before.
pub(crate) fn is_awaited(scope: &Scope, state: &State, action: &Action) -> Option<bool> {
    if !scope.has_zombies() {
        return None;
    }
    if matches!(action, Action::Vanish(..)) {
        return Some(!scope.assumes(Assumption::ZombieOutlives));
    }
    let place = if let Action::Take(link) = action {
        let link = &state.network.links()[*link];
        state.find(link.attempt, link.to)
    } else {
        action.machine()
    };
    let zombie = place.is_some_and(|place| state.machines[place].head.side != Side::Current);
    zombie.then_some(false)
}

impl Step<'_> {
    /// Puts the coordinator whose turn it is at the desk.
    pub(crate) fn sit(&mut self, is_former: bool) {
        if is_former != self.is_former {
            assert!(self.work.is_empty(), "what is under way is for the coordinator at the desk");
            let state = &mut self.state;
            std::mem::swap(&mut state.desk, &mut state.former);
            std::mem::swap(&mut state.ops, &mut state.former_ops);
            self.is_former = is_former;
        }
    }

    pub(crate) fn workers(&self) -> usize {
        usize::try_from(self.scope.workers).expect("few workers")
    }

    /// Whether somebody else may change the head.
    pub(crate) fn may_be_taken_over(&self) -> bool {
        self.scope.assumes(Assumption::Takeover)
            && (self.state.budget.allows(Assumption::Takeover)
                || self.state.former.here && self.state.desk.here)
    }

    /// The machine of a worker, if its connection is there.
    pub(crate) fn connected(&self, worker: WorkerId) -> Option<usize> {
        let place = self.state.machine_of(worker)?;
        Some(place).filter(|place| self.state.machines[*place].head.side != Side::Nobody)
    }

    /// A new worker registers from a place.
    pub(crate) fn incarnate(&mut self, place: usize) {
        let worker = WorkerId::new(*self.state.next_worker);
        *self.state.next_worker.edit() += 1;
        self.state.machines[place] = Machine::new(worker, self.mutant);
        self.register(place);
    }

    fn incarnate_elsewhere(&mut self) {
        let vacant = self.state.machines.iter().position(Machine::is_vacant);
        self.incarnate(vacant.expect("there are places enough"));
    }

    /// A worker fell silent. Its connection is closed: what it says does not arrive any more, what it was told may.
    pub(crate) fn give_up(&mut self, place: usize) {
        self.state.budget.spend(Assumption::ZombieWorker);
        let machine = &mut self.state.machines[place];
        let worker = machine.head.worker;
        machine.head.edit().side = Side::Nobody;
        machine.up.edit().clear();
        self.work.push_back(Work::Coordinator(Input::Fired(Timer::Silence(worker))));
        self.incarnate_elsewhere();
    }

    /// A worker learns that its coordinator is gone, stops what it runs, and ends.
    pub(crate) fn vanish(&mut self, place: usize, landed: usize) {
        self.landing = landed;
        self.work.push_back(Work::Worker(place, Input::CoordinatorLost));
        self.work.push_back(Work::End(place));
    }

    /// The process of a worker ends. One that had a coordinator has to be missed by it.
    pub(crate) fn end(&mut self, place: usize) {
        let waits = self.work.iter().any(|work| matches!(work, Work::Stop(of, _) if *of == place));
        if waits {
            return self.work.push_back(Work::End(place));
        }
        let missed = {
            let machine = &self.state.machines[place];
            assert!(machine.running().is_empty(), "it stopped what it ran");
            machine.head.side == Side::Former && self.former().here
        };
        if missed {
            let machine = &mut self.state.machines[place];
            machine.head.edit().alive = false;
            machine.down.edit().clear();
        } else {
            self.state.machines[place] = Machine::vacant();
        }
    }

    fn former(&self) -> &Desk {
        if self.is_former { &self.state.desk } else { &self.state.former }
    }

    /// Another coordinator begins, with workers of its own. The one before keeps what it has.
    pub(crate) fn take_over(&mut self) {
        if self.state.former.here {
            self.sit(true);
            self.dismiss_former();
            self.sit(false);
        }
        self.state.budget.spend(Assumption::Takeover);
        let number =
            self.scope.budget.of(Assumption::Takeover) - self.state.budget.left(Assumption::Takeover);
        let desk = Desk::new(self.scope, Token::new(u64::from(number) + 1), self.mutant);
        *self.state.former.edit() = std::mem::replace(self.state.desk.edit(), desk);
        *self.state.former_ops.edit() = std::mem::take(self.state.ops.edit());
        for machine in &mut self.state.machines {
            if machine.head.side == Side::Current {
                machine.head.edit().side = Side::Former;
            }
        }
        self.work.push_back(Work::Coordinator(Input::Begin));
        for _ in 0..self.workers() {
            self.incarnate_elsewhere();
        }
    }

    /// The coordinator that was taken over from, and sits at the desk, is gone: its workers have nobody. What it had under way may land.
    pub(crate) fn dismiss_former(&mut self) {
        assert!(self.is_former, "it sits at the desk");
        self.work.retain(|work| !matches!(work, Work::Coordinator(_)));
        let under_way = std::mem::take(self.state.ops.edit());
        *self.state.desk.edit() = Desk::vacant(self.scope);
        for under_way in under_way.into_iter().filter(|under_way| under_way.outcome.is_none()) {
            if !matches!(under_way.request, Request::ListTransactions(_)) {
                self.stray(under_way.request);
            }
        }
        for place in 0..self.state.machines.len() {
            let machine = &mut self.state.machines[place];
            if machine.head.side == Side::Former {
                machine.head.edit().side = Side::Nobody;
                machine.up.edit().clear();
                if !machine.head.alive {
                    self.state.machines[place] = Machine::vacant();
                }
            }
        }
    }

    /// The job ended: nothing that the coordinator before does can be seen any more.
    pub(crate) fn forget_former(&mut self) {
        if self.scope.assumes(Assumption::Takeover) {
            *self.state.former.edit() = Desk::vacant(self.scope);
            self.state.former_ops.edit().clear();
        }
    }

    /// The job ended, and so do workers that nobody knows.
    pub(crate) fn vacate_unless_ours(&mut self, place: usize) {
        if self.state.machines[place].head.side != Side::Current {
            self.state.machines[place] = Machine::vacant();
        }
    }
}
