//! A role in an environment that answers everything at once, and well: what is measured is the role, and what it takes to ask it.

use std::collections::VecDeque;

use truecut_core::{
    Checkpoint, CheckpointId, Described, Effect, HeadVersion, Input, Message, NextOffset, Order, Outcome,
    Partition, Producer, Request, Role, TransactionProtocol, TransactionState,
};
use truecut_runtime::records::Records;
use truecut_runtime::store::StateHandle;
use truecut_runtime::types::{In, Out};

use crate::input;

/// A role and its environment.
pub(crate) struct Hosted<R> {
    role: R,
    inputs: VecDeque<In>,
    effects: Vec<Out>,
    environment: Environment,
    triggered: Option<CheckpointId>,
}

struct Environment {
    /// Partitions of the input topic.
    partitions: u32,
    /// Producers that were initialised.
    producers: i64,
    /// The checkpoint that was stored last.
    stored: Option<Checkpoint<StateHandle>>,
}

impl<R: Role<Records, StateHandle>> Hosted<R> {
    /// The role has begun. `partitions`: of the input topic.
    pub(crate) fn new(role: R, partitions: u32) -> Self {
        let environment = Environment { partitions, producers: 0, stored: None };
        let (inputs, effects) = (VecDeque::new(), Vec::new());
        let mut hosted = Self { role, inputs, effects, environment, triggered: None };
        hosted.give(Input::Begin);
        hosted
    }

    /// The role.
    pub(crate) fn role(&self) -> &R {
        &self.role
    }

    /// The checkpoint that the role triggered last.
    pub(crate) fn triggered(&self) -> Option<CheckpointId> {
        self.triggered
    }

    /// Steps an input, and then each answer to what was asked for, until nothing is.
    pub(crate) fn give(&mut self, input: In) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.role.step(input, &mut self.effects);
            for effect in self.effects.drain(..) {
                if let Effect::Start { op, request } = effect {
                    let outcome = self.environment.answer(request);
                    self.inputs.push_back(Input::Done { op, outcome });
                } else if let Effect::Send { message: Message::ToSubtask { order, .. }, .. } = effect
                    && let Order::Trigger { checkpoint, .. } = order
                {
                    self.triggered = Some(checkpoint);
                }
            }
        }
    }
}

impl Environment {
    fn answer(&mut self, request: Request<StateHandle>) -> Outcome<StateHandle> {
        match request {
            Request::ReadHead => Outcome::Head { version: HeadVersion::new(0), head: None },
            Request::SwapHead { .. } => Outcome::Swapped,
            Request::WriteCheckpoint(checkpoint) => {
                self.stored = Some(checkpoint);
                Outcome::Written
            }
            Request::ReadCheckpoint(_) => {
                Outcome::Checkpoint(self.stored.clone().expect("what is read was written"))
            }
            Request::Discard(_) | Request::DiscardBelow(_) => Outcome::Written,
            Request::ResolveStart { .. } => {
                let partitions = (0..self.partitions).map(Partition::new);
                Outcome::Offsets(partitions.map(|partition| (partition, NextOffset::new(0))).collect())
            }
            Request::ListTransactions(_) => {
                Outcome::Listed { topic: Some(0), leaderless: 0, brokers: vec![Some(0)], names: Vec::new() }
            }
            Request::Fence { .. } | Request::CommitOffsets(_) | Request::Commit(_) => Outcome::Answer(0),
            Request::Restore(_) => Outcome::Restored,
            Request::Snapshot(_) => Outcome::Snapshotted(input::handle()),
            Request::InitProducer { .. } => {
                self.producers += 1;
                let producer = Producer { id: self.producers, epoch: 0 };
                let described = Described { state: TransactionState::Empty, producer };
                Outcome::Initialised { described, protocol: TransactionProtocol::V2 }
            }
            Request::OpenProducer(_) => Outcome::Opened,
            Request::Flush(_) | Request::Rewrite { .. } => Outcome::Flushed,
            Request::Upload { .. } => Outcome::Uploaded,
            Request::ReadMarker(_) => Outcome::Markers(Vec::new()),
            Request::Describe(_) => Outcome::Described(Described {
                state: TransactionState::CompleteCommit,
                producer: Producer { id: self.producers, epoch: 0 },
            }),
        }
    }
}
