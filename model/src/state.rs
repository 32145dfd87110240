//! The whole of job and world at one moment, in cells: what steps change apart from each other lies in cells of its own.
//! What did not change is shared with the state before.

use std::collections::BTreeSet;

use truecut_core::{
    AnyRole, Attempt, CheckpointId, Committable, Coordinator, Halt, Producer, Subtask, Token,
    TransactionalId, Vertex, WorkerId,
};
use truecut_mutants::Mutant;

use crate::budget::Left;
use crate::cell::Cell;
use crate::late::Late;
use crate::ledger::Ledger;
use crate::lineage::{Lineage, Record};
use crate::scope::Scope;
use crate::store_fault::Strays;
use crate::world::kafka::Kafka;
use crate::world::network::Network;
use crate::world::process::{Host, Machine, Role, Side, UnderWay};
use crate::world::store::{Offsets, Store};

/// The coordinator's process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Desk {
    pub(crate) role: Role,
    /// There is one: it was not taken over from, or it was and may live.
    pub(crate) here: bool,
    /// The interval timer runs.
    pub(crate) interval: bool,
    /// A notification was lost, and no heartbeat was sent since.
    pub(crate) heartbeat: bool,
    /// Checkpoints whose expiry timer runs.
    pub(crate) expiries: BTreeSet<CheckpointId>,
    /// The newest checkpoint that sources were told of, until subtasks are told its end.
    pub(crate) under_way: Option<CheckpointId>,
    /// It was asked to end the job.
    pub(crate) stopping: bool,
}

impl Desk {
    /// A coordinator that has not begun.
    pub(crate) fn new(scope: &Scope, token: Token, mutant: Option<Mutant>) -> Self {
        let coordinator = AnyRole::Coordinator(Coordinator::new(scope.job(), token, false));
        Self {
            here: true,
            role: Role::new(coordinator, mutant),
            interval: false,
            heartbeat: false,
            expiries: BTreeSet::new(),
            under_way: None,
            stopping: false,
        }
    }

    /// Nobody.
    pub(crate) fn vacant(scope: &Scope) -> Self {
        Self { here: false, ..Self::new(scope, Token::new(0), None) }
    }
}

/// Kafka, with what is on its way to it from processes that are gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Broker {
    pub(crate) kafka: Cell<Kafka<TransactionalId, Record>>,
    /// EndTxn(commit) requests of dead senders. Each may land at any later time, or never.
    pub(crate) orphans: Cell<BTreeSet<Committable>>,
    /// Other requests that may reach Kafka at any later time, or never.
    pub(crate) late: Cell<BTreeSet<Late>>,
    /// Offsets of the consumer group.
    pub(crate) group: Cell<Offsets>,
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) desk: Cell<Desk>,
    /// What the coordinator has under way.
    pub(crate) ops: Cell<Vec<UnderWay>>,
    /// The coordinator that was taken over from, and what it has under way.
    pub(crate) former: Cell<Desk>,
    pub(crate) former_ops: Cell<Vec<UnderWay>>,
    /// How the job ended, once it did.
    pub(crate) halted: Cell<Option<Halt>>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) network: Network,
    pub(crate) broker: Broker,
    pub(crate) store: Cell<Store>,
    /// Requests to the store for whose answer nobody waits any more. Each may land at any later time, or never.
    pub(crate) strays: Cell<Strays>,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Left,
    /// The next worker id.
    pub(crate) next_worker: Cell<u32>,
    /// Bits of violated properties, but for those that are judged at rest.
    pub(crate) violated: Cell<u32>,
}

impl State {
    /// Before anything began.
    pub(crate) fn new(scope: &Scope, mutant: Option<Mutant>) -> Self {
        let registered = |place: usize| u32::try_from(place).ok().filter(|worker| *worker < scope.workers);
        let machine = |place: usize| {
            registered(place)
                .map_or_else(Machine::vacant, |worker| Machine::new(WorkerId::new(worker), mutant))
        };
        Self {
            desk: Cell::new(Desk::new(scope, Token::new(1), mutant)),
            ops: Cell::new(Vec::new()),
            former: Cell::new(Desk::vacant(scope)),
            former_ops: Cell::new(Vec::new()),
            halted: Cell::new(None),
            machines: (0..scope.places()).map(machine).collect(),
            network: Network::new(),
            broker: Broker {
                kafka: Cell::new(Kafka::with_manners(usize::from(scope.outputs), scope.manners())),
                orphans: Cell::new(BTreeSet::new()),
                late: Cell::new(BTreeSet::new()),
                group: Cell::new(Offsets::new()),
            },
            store: Cell::new(Store::new()),
            strays: Cell::new(Strays::new()),
            ledger: Ledger::new(),
            budget: Left::new(scope.budget),
            next_worker: Cell::new(scope.workers),
            violated: Cell::new(0),
        }
    }

    /// Takes fingerprints of what changed.
    pub(crate) fn seal(&mut self) {
        self.desk.seal();
        self.ops.seal();
        self.former.seal();
        self.former_ops.seal();
        self.halted.seal();
        self.machines.iter_mut().for_each(Machine::seal);
        self.network.seal();
        self.broker.kafka.seal();
        self.broker.orphans.seal();
        self.broker.late.seal();
        self.broker.group.seal();
        self.store.seal();
        self.strays.seal();
        self.ledger.seal();
        self.budget.seal();
        self.next_worker.seal();
        self.violated.seal();
    }

    /// The machine that runs this incarnation of a worker.
    pub(crate) fn machine_of(&self, worker: WorkerId) -> Option<usize> {
        self.machines.iter().position(|machine| machine.head.worker == worker && machine.head.alive)
    }

    /// The machine on which a subtask runs.
    pub(crate) fn find(&self, attempt: Attempt, subtask: Subtask) -> Option<usize> {
        self.machines.iter().position(|machine| machine.running().contains(&(attempt, subtask)))
    }

    /// Every source subtask that runs for the coordinator, in a fixed order.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Host> {
        let ours = self.machines.iter().filter(|machine| machine.head.side == Side::Current);
        ours.flat_map(|machine| {
            let running = machine.running().iter().zip(machine.tasks());
            running.filter(|((_, subtask), _)| subtask.vertex == Vertex::Source).map(|(_, task)| &*task.host)
        })
    }

    /// Records that living producers have on their way.
    pub(crate) fn on_their_way(&self) -> impl Iterator<Item = (TransactionalId, Producer, Record)> {
        let sinks = self.machines.iter().flat_map(|machine| {
            let running = machine.running().iter().zip(machine.tasks());
            running.filter(|((_, subtask), _)| subtask.vertex == Vertex::Sink)
        });
        sinks.flat_map(|(_, task)| {
            task.lanes.values().flat_map(|lane| {
                let producers = lane.producer.into_iter();
                producers
                    .flat_map(|(id, producer)| lane.records.iter().map(move |record| (id, producer, *record)))
            })
        })
    }

    /// Whether the coordinator's attempt runs, and no checkpoint is under way or they may overlap.
    pub(crate) fn may_trigger(&self, overlaps: bool) -> bool {
        let AnyRole::Coordinator(coordinator) = self.desk.role.role() else { return false };
        let coordinator: &Coordinator<Lineage> = coordinator;
        coordinator.is_running()
            && (overlaps || self.desk.under_way.is_none())
            && !self.desk.stopping
            && self.halted.is_none()
    }
}
