//! Processes: a machine with the current incarnation of its worker, the subtasks that it hosts, and what each has under way.

use std::collections::{BTreeMap, VecDeque};

use truecut_core::{
    AnyRole, Attempt, Element, ErrorCode, Message, NextOffset, Op, Outcome, Partition, Producer, Request,
    Slot, Subtask, Vertex, Worker, WorkerId,
};
use truecut_mutants::{Mutant, Mutated};

use crate::cell::Cell;
use crate::lineage::{Lineage, Record};

/// A role of the core, perhaps with a mutant around it.
pub(crate) type Role = Mutated<Lineage>;

/// An operation that was started and whose answer was not stepped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnderWay {
    pub(crate) op: Op,
    pub(crate) request: Request<Lineage>,
    /// The answer, once the operation has landed.
    pub(crate) outcome: Option<Outcome<Lineage>>,
}

/// Puts an operation among those under way, which stay in the order of their keys.
pub(crate) fn start(ops: &mut Vec<UnderWay>, op: Op, request: Request<Lineage>) {
    ops.push(UnderWay { op, request, outcome: None });
    ops.sort();
}

/// Records on their way from a producer to Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ProducerLane {
    pub(crate) producer: Option<Producer>,
    pub(crate) records: VecDeque<Record>,
    /// The first error that Kafka answered to a record.
    pub(crate) failed: Option<ErrorCode>,
}

/// A subtask that runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) attempt: Attempt,
    pub(crate) subtask: Subtask,
    pub(crate) role: Role,
    /// Input channels that are held, as bits.
    pub(crate) held: u8,
    /// Sink: what the operator chained in front of it emitted.
    pub(crate) queue: VecDeque<Element<Record>>,
    /// Source: where the consumer is.
    pub(crate) positions: BTreeMap<Partition, NextOffset>,
    /// Operator: its state.
    pub(crate) state: Lineage,
    /// Sink: its producers.
    pub(crate) lanes: BTreeMap<Slot, ProducerLane>,
    pub(crate) ops: Vec<UnderWay>,
}

impl Host {
    pub(crate) fn new(
        attempt: Attempt,
        subtask: Subtask,
        role: AnyRole<Lineage>,
        mutant: Option<Mutant>,
    ) -> Self {
        Self {
            attempt,
            subtask,
            role: Role::new(role, mutant),
            held: 0,
            queue: VecDeque::new(),
            positions: BTreeMap::new(),
            state: Lineage::default(),
            lanes: BTreeMap::new(),
            ops: Vec::new(),
        }
    }

    pub(crate) fn is_held(&self, channel: u16) -> bool {
        self.held & 1 << channel != 0
    }

    /// Whether the thread that runs an operator and this sink can take more.
    pub(crate) fn takes_more(&self) -> bool {
        self.queue.is_empty() && !self.is_held(0)
    }
}

/// A machine: its worker process, alive or dead and not yet given up by the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    pub(crate) worker: WorkerId,
    pub(crate) alive: bool,
    pub(crate) role: Role,
    pub(crate) hosts: Vec<Cell<Host>>,
    /// Messages from the coordinator that are on their way.
    pub(crate) down: VecDeque<Message<Lineage>>,
    /// Messages to the coordinator that are on their way.
    pub(crate) up: VecDeque<Message<Lineage>>,
}

impl Machine {
    pub(crate) fn new(worker: WorkerId, mutant: Option<Mutant>) -> Self {
        Self {
            worker,
            alive: true,
            role: Role::new(AnyRole::Worker(Worker::new()), mutant),
            hosts: Vec::new(),
            down: VecDeque::new(),
            up: VecDeque::new(),
        }
    }

    pub(crate) fn host(&self, attempt: Attempt, subtask: Subtask) -> Option<&Host> {
        self.hosts.iter().map(|host| &**host).find(|host| (host.attempt, host.subtask) == (attempt, subtask))
    }

    pub(crate) fn host_mut(&mut self, attempt: Attempt, subtask: Subtask) -> Option<&mut Host> {
        let found = self.hosts.iter_mut().find(|host| (host.attempt, host.subtask) == (attempt, subtask));
        found.map(Cell::edit)
    }

    /// The sink that an operator is chained to.
    pub(crate) fn sink_of(&self, operator: &Host) -> Option<&Host> {
        self.host(operator.attempt, Subtask { vertex: Vertex::Sink, ..operator.subtask })
    }
}
