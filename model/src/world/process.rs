//! Processes: a machine with the current incarnation of its worker, the subtasks that it hosts, and what each has under way.

use std::collections::{BTreeMap, VecDeque};

use truecut_core::{
    AnyRole, Attempt, Element, ErrorCode, Marker, Message, NextOffset, Op, Outcome, Partition, Producer,
    Request, Slot, Subtask, TransactionalId, Vertex, Worker, WorkerId,
};
use truecut_mutants::{Mutant, Mutated};

use crate::cell::Cell;
use crate::lineage::{Lineage, Record};

/// A role of the core, perhaps with a mutant around it.
pub(crate) type Role = Mutated<Record, Lineage>;

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
    /// What it was initialised with, and the transactional id.
    pub(crate) producer: Option<(TransactionalId, Producer)>,
    /// It has no transactions.
    pub(crate) is_plain: bool,
    pub(crate) records: VecDeque<Record>,
    /// Goes behind them.
    pub(crate) mark: Option<Marker>,
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
    /// Sink: what was produced to a slot and is to go into the log.
    pub(crate) kept: BTreeMap<Slot, Vec<Record>>,
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
            kept: BTreeMap::new(),
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

/// A sink's producers.
pub(crate) type Lanes = BTreeMap<Slot, ProducerLane>;

/// A subtask that runs, in the cells that steps change apart from each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) host: Cell<Host>,
    pub(crate) lanes: Cell<Lanes>,
    pub(crate) ops: Cell<Vec<UnderWay>>,
}

/// Control messages that are on their way.
pub(crate) type Mail = VecDeque<Message<Lineage>>;

/// A machine: its worker process, alive or dead and not yet given up by the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    pub(crate) head: Cell<Head>,
    /// As the head lists them, which is asked first: how many there are is known from nowhere else.
    tasks: Vec<Task>,
    /// From the coordinator.
    pub(crate) down: Cell<Mail>,
    /// To the coordinator.
    pub(crate) up: Cell<Mail>,
}

/// Where a worker's control connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// To the coordinator.
    Current,
    /// To the one that was taken over from.
    Former,
    /// To nobody: it was given up, or its coordinator is gone.
    Nobody,
}

/// What seldom changes at a machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) worker: WorkerId,
    pub(crate) alive: bool,
    pub(crate) side: Side,
    pub(crate) role: Role,
    /// The subtasks that it hosts.
    running: Vec<(Attempt, Subtask)>,
}

impl Machine {
    pub(crate) fn new(worker: WorkerId, mutant: Option<Mutant>) -> Self {
        Self::with(worker, Side::Current, mutant)
    }

    /// A place without a worker.
    pub(crate) fn vacant() -> Self {
        Self::with(WorkerId::new(u32::MAX), Side::Nobody, None)
    }

    fn with(worker: WorkerId, side: Side, mutant: Option<Mutant>) -> Self {
        let role = Role::new(AnyRole::Worker(Worker::new()), mutant);
        let alive = side == Side::Current;
        Self {
            head: Cell::new(Head { worker, alive, side, role, running: Vec::new() }),
            tasks: Vec::new(),
            down: Cell::new(Mail::new()),
            up: Cell::new(Mail::new()),
        }
    }

    /// Whether there is no worker.
    pub(crate) fn is_vacant(&self) -> bool {
        !self.head.alive && self.head.side == Side::Nobody
    }

    /// A machine of these parts, with as many tasks as the head lists.
    pub(crate) fn of(
        head: Cell<Head>,
        down: Cell<Mail>,
        up: Cell<Mail>,
        task: impl FnMut(usize) -> Task,
    ) -> Self {
        let tasks = (0..head.shared().running.len()).map(task).collect();
        Self { head, tasks, down, up }
    }

    /// The subtasks that it hosts.
    pub(crate) fn running(&self) -> &[(Attempt, Subtask)] {
        &self.head.running
    }

    /// Its tasks, in the order of the subtasks.
    pub(crate) fn tasks(&self) -> &[Task] {
        assert_eq!(self.running().len(), self.tasks.len(), "the head lists its tasks");
        &self.tasks
    }

    /// The tasks, for a table: not a read of a step.
    pub(crate) fn stored(&self) -> &[Task] {
        &self.tasks
    }

    fn place(&self, attempt: Attempt, subtask: Subtask) -> Option<usize> {
        self.running().iter().position(|running| *running == (attempt, subtask))
    }

    pub(crate) fn task(&self, attempt: Attempt, subtask: Subtask) -> Option<&Task> {
        Some(&self.tasks[self.place(attempt, subtask)?])
    }

    pub(crate) fn task_mut(&mut self, attempt: Attempt, subtask: Subtask) -> Option<&mut Task> {
        let place = self.place(attempt, subtask)?;
        Some(&mut self.tasks[place])
    }

    pub(crate) fn host(&self, attempt: Attempt, subtask: Subtask) -> Option<&Host> {
        self.task(attempt, subtask).map(|task| &*task.host)
    }

    pub(crate) fn host_mut(&mut self, attempt: Attempt, subtask: Subtask) -> Option<&mut Host> {
        self.task_mut(attempt, subtask).map(|task| task.host.edit())
    }

    /// The sink that an operator is chained to.
    pub(crate) fn sink_of(&self, attempt: Attempt, operator: Subtask) -> Option<&Host> {
        self.host(attempt, Subtask { vertex: Vertex::Sink, ..operator })
    }

    pub(crate) fn launch(&mut self, host: Host) {
        self.head.edit().running.push((host.attempt, host.subtask));
        let (lanes, ops) = (Cell::new(Lanes::new()), Cell::new(Vec::new()));
        self.tasks.push(Task { host: Cell::new(host), lanes, ops });
    }

    pub(crate) fn remove(&mut self, attempt: Attempt, subtask: Subtask) {
        if let Some(place) = self.place(attempt, subtask) {
            self.head.edit().running.remove(place);
            self.tasks.remove(place);
        }
    }

    /// Takes fingerprints of what changed.
    pub(crate) fn seal(&mut self) {
        self.head.seal();
        self.down.seal();
        self.up.seal();
        for task in &mut self.tasks {
            task.host.seal();
            task.lanes.seal();
            task.ops.seal();
        }
    }
}
