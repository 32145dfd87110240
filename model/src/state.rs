//! The whole of job and world at one moment. What did not change is shared with the state before.

use std::collections::BTreeSet;

use truecut_core::{
    AnyRole, Attempt, CheckpointId, Committable, Coordinator, Halt, Producer, Subtask, Token,
    TransactionalId, WorkerId,
};
use truecut_mutants::Mutant;

use crate::cell::Cell;
use crate::ledger::Ledger;
use crate::lineage::{Lineage, Record};
use crate::scope::{Budget, Scope};
use crate::world::kafka::Kafka;
use crate::world::network::Network;
use crate::world::process::{Host, Machine, Role, UnderWay};
use crate::world::store::{Offsets, Store};

/// The coordinator's process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Desk {
    pub(crate) role: Role,
    pub(crate) ops: Vec<UnderWay>,
    /// The interval timer runs.
    pub(crate) interval: bool,
    /// Checkpoints whose expiry timer runs.
    pub(crate) expiries: BTreeSet<CheckpointId>,
    /// The newest checkpoint that sources were told of, until subtasks are told its end.
    pub(crate) under_way: Option<CheckpointId>,
    /// It was asked to end the job.
    pub(crate) stopping: bool,
    pub(crate) halted: Option<Halt>,
}

/// Kafka, with what is on its way to it from processes that are gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Broker {
    pub(crate) kafka: Kafka<TransactionalId, Record>,
    /// EndTxn(commit) requests of dead senders. Each may land at any later time, or never.
    pub(crate) orphans: BTreeSet<Committable>,
    /// Offsets of the consumer group.
    pub(crate) group: Offsets,
}

/// One state.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct State {
    pub(crate) desk: Cell<Desk>,
    pub(crate) machines: Vec<Cell<Machine>>,
    pub(crate) network: Cell<Network>,
    pub(crate) broker: Cell<Broker>,
    pub(crate) store: Cell<Store>,
    pub(crate) ledger: Cell<Ledger>,
    pub(crate) budget: Budget,
    /// The next worker id.
    pub(crate) next_worker: u32,
    /// Bits of violated properties, but for those that are judged at rest.
    pub(crate) violated: u32,
}

impl State {
    /// Before anything began.
    pub(crate) fn new(scope: &Scope, mutant: Option<Mutant>) -> Self {
        let coordinator = AnyRole::Coordinator(Coordinator::new(scope.job(), Token::new(1), false));
        let machine = |worker| Cell::new(Machine::new(WorkerId::new(worker), mutant));
        Self {
            desk: Cell::new(Desk {
                role: Role::new(coordinator, mutant),
                ops: Vec::new(),
                interval: false,
                expiries: BTreeSet::new(),
                under_way: None,
                stopping: false,
                halted: None,
            }),
            machines: (0..scope.workers).map(machine).collect(),
            network: Cell::new(Network::default()),
            broker: Cell::new(Broker {
                kafka: Kafka::new(usize::from(scope.outputs)),
                orphans: BTreeSet::new(),
                group: Offsets::new(),
            }),
            store: Cell::new(Store::new()),
            ledger: Cell::new(Ledger::default()),
            budget: scope.budget,
            next_worker: scope.workers,
            violated: 0,
        }
    }

    /// Takes fingerprints of what changed.
    pub(crate) fn seal(&mut self) {
        for machine in &mut self.machines {
            if machine.is_open() {
                machine.edit().hosts.iter_mut().for_each(Cell::seal);
                machine.seal();
            }
        }
        self.desk.seal();
        self.network.seal();
        self.broker.seal();
        self.store.seal();
        self.ledger.seal();
    }

    /// The machine that runs this incarnation of a worker.
    pub(crate) fn machine_of(&self, worker: WorkerId) -> Option<usize> {
        self.machines.iter().position(|machine| machine.worker == worker && machine.alive)
    }

    /// A subtask that runs, and where.
    pub(crate) fn find(&self, attempt: Attempt, subtask: Subtask) -> Option<(usize, &Host)> {
        let on = |(place, machine): (usize, &'_ Cell<Machine>)| machine.host(attempt, subtask).map(|_| place);
        let place = self.machines.iter().enumerate().find_map(on)?;
        Some((place, self.machines[place].host(attempt, subtask)?))
    }

    /// Every subtask that runs, in a fixed order, and where.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (usize, &Host)> {
        let machines = self.machines.iter().enumerate();
        machines.flat_map(|(place, machine)| machine.hosts.iter().map(move |host| (place, &**host)))
    }

    /// Records that living producers have on their way.
    pub(crate) fn on_their_way(&self) -> Vec<(TransactionalId, Producer, Record)> {
        let mut all = Vec::new();
        for (_, host) in self.hosts() {
            for (slot, lane) in &host.lanes {
                let id = TransactionalId { attempt: host.attempt, subtask: host.subtask.index, slot: *slot };
                all.extend(
                    lane.producer
                        .into_iter()
                        .flat_map(|producer| lane.records.iter().map(move |record| (id, producer, *record))),
                );
            }
        }
        all
    }

    /// Whether the coordinator's attempt runs and no checkpoint is under way.
    pub(crate) fn may_trigger(&self) -> bool {
        let AnyRole::Coordinator(coordinator) = self.desk.role.role() else { return false };
        let coordinator: &Coordinator<Lineage> = coordinator;
        coordinator.is_running()
            && self.desk.under_way.is_none()
            && !self.desk.stopping
            && self.desk.halted.is_none()
    }
}
