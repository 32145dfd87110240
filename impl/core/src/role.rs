//! The shape of a role, and the one type that holds any of them.

use alloc::vec::Vec;

use crate::alphabet::{Effect, Input, Task};
use crate::coordinator::Coordinator;
use crate::id::{Attempt, CheckpointId, Subtask, Token};
use crate::job::Job;
use crate::operator::Operator;
use crate::sink::Sink;
use crate::snapshot::Snapshot;
use crate::source::Source;
use crate::worker::Worker;

/// A batch of records as far as the core looks into one.
pub trait Batch {
    /// Number of records.
    fn records(&self) -> u64;
}

/// Takes effects in the order in which they must be performed.
pub trait Effects<B, S> {
    /// One more effect.
    fn push(&mut self, effect: Effect<B, S>);
}

impl<B, S> Effects<B, S> for Vec<Effect<B, S>> {
    fn push(&mut self, effect: Effect<B, S>) {
        Self::push(self, effect);
    }
}

/// A deterministic role: equal state and equal input give equal state and equal effects.
///
/// `step` returns no `Result`. Late or repeated input is ignored or answered as the protocol says; a failing world is an
/// input; the impossible panics, in release too.
pub trait Role<B, S> {
    /// Takes one input to completion.
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>);
}

/// Any role, for drivers and validators that host whatever a deployment or a trace names.
#[expect(clippy::large_enum_variant, reason = "there is one coordinator in a process, or in a model's state")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnyRole<S> {
    /// The coordinator.
    Coordinator(Coordinator<S>),
    /// A worker.
    Worker(Worker),
    /// A source subtask.
    Source(Source),
    /// An operator subtask.
    Operator(Operator<S>),
    /// A sink subtask.
    Sink(Sink),
}

impl<S: Clone> AnyRole<S> {
    /// The role of a subtask in an attempt.
    pub fn of_task(
        job: &Job,
        attempt: Attempt,
        origin: Token,
        drained_at: Option<CheckpointId>,
        task: Task<S>,
    ) -> Self {
        let Task { subtask: Subtask { index, .. }, restore } = task;
        match restore {
            Snapshot::Source(offsets) => {
                Self::Source(Source::new(job, attempt, index, offsets, drained_at.is_some()))
            }
            Snapshot::Operator(state) => {
                Self::Operator(Operator::new(attempt, index, job.operator_channels(), state))
            }
            Snapshot::Sink(listed) => Self::Sink(Sink::new(job, attempt, origin, index, listed, drained_at)),
        }
    }
}

impl<B: Batch, S: Clone> Role<B, S> for AnyRole<S> {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match self {
            Self::Coordinator(role) => role.step(input, out),
            Self::Worker(role) => role.step(input, out),
            Self::Source(role) => role.step(input, out),
            Self::Operator(role) => role.step(input, out),
            Self::Sink(role) => role.step(input, out),
        }
    }
}
