//! The core's roles under their own names, each inside the mutant that the environment names.

use std::any::Any;
use std::collections::BTreeMap;

use truecut_core::{
    Attempt, Batch, CheckpointId, Committable, Effects, Input, Job, NextOffset, Partition, Role, Task, Token,
};
use truecut_mutants::{Mutant, Mutated};

/// The variable that names the mutant; none: the protocol.
pub(crate) const MUTANT: &str = "TRUECUT_CORE_TESTS_MUTANT";

/// A role in its mutant. What its batches are is known at its first step.
pub(crate) enum Hosted<S> {
    New(Option<Box<truecut_core::AnyRole<S>>>),
    Stepped(Box<dyn Any>),
}

impl<S> Hosted<S> {
    fn new(role: truecut_core::AnyRole<S>) -> Self {
        Self::New(Some(Box::new(role)))
    }

    fn step<B: Batch + Clone + 'static>(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>)
    where
        S: Clone + 'static,
    {
        if let Self::New(role) = self {
            let role = *role.take().expect("it is taken once");
            *self = Self::Stepped(Box::new(Mutated::<B, S>::new(role, mutant())));
        }
        let Self::Stepped(role) = self else { unreachable!("it was stepped just now") };
        let role: &mut Mutated<B, S> = role.downcast_mut().expect("a role's batches are of one kind");
        role.step(input, out);
    }
}

fn mutant() -> Option<Mutant> {
    let name = std::env::var(MUTANT).ok()?;
    Some(Mutant::from_name(&name).unwrap_or_else(|| panic!("{MUTANT}: there is no mutant {name}")))
}

pub(crate) struct Coordinator<S>(Hosted<S>);
pub(crate) struct Worker(Hosted<String>);
pub(crate) struct Source(Hosted<String>);
pub(crate) struct Operator<S>(Hosted<S>);
pub(crate) struct Sink(Hosted<String>);

impl<S: Clone> Coordinator<S> {
    pub(crate) fn new(job: Job, token: Token, fresh: bool) -> Self {
        let role = truecut_core::Coordinator::new(job, token, fresh);
        Self(Hosted::new(truecut_core::AnyRole::Coordinator(role)))
    }
}

impl Worker {
    pub(crate) fn new() -> Self {
        Self(Hosted::new(truecut_core::AnyRole::Worker(truecut_core::Worker::new())))
    }
}

impl Source {
    pub(crate) fn new(
        job: &Job,
        attempt: Attempt,
        index: u16,
        offsets: BTreeMap<Partition, NextOffset>,
        drained: bool,
    ) -> Self {
        let role = truecut_core::Source::new(job, attempt, index, offsets, drained);
        Self(Hosted::new(truecut_core::AnyRole::Source(role)))
    }
}

impl<S: Clone> Operator<S> {
    pub(crate) fn new(attempt: Attempt, index: u16, channels: u16, restore: Option<S>) -> Self {
        let role = truecut_core::Operator::new(attempt, index, channels, restore);
        Self(Hosted::new(truecut_core::AnyRole::Operator(role)))
    }
}

impl Sink {
    pub(crate) fn new(
        job: &Job,
        attempt: Attempt,
        origin: Token,
        index: u16,
        listed: Vec<Committable>,
        drained_at: Option<CheckpointId>,
    ) -> Self {
        let role = truecut_core::Sink::new(job, attempt, origin, index, listed, drained_at);
        Self(Hosted::new(truecut_core::AnyRole::Sink(role)))
    }
}

/// Any role, as a script of a whole job holds it.
pub(crate) enum AnyRole<S> {
    Coordinator(Coordinator<S>),
    Worker(Worker),
    Task(Hosted<S>),
}

impl<S: Clone> AnyRole<S> {
    pub(crate) fn of_task(
        job: &Job,
        attempt: Attempt,
        origin: Token,
        drained_at: Option<CheckpointId>,
        task: Task<S>,
    ) -> Self {
        Self::Task(Hosted::new(truecut_core::AnyRole::of_task(job, attempt, origin, drained_at, task)))
    }
}

macro_rules! steps_inside {
    ($($role:ty),*) => {$(
        impl<B: Batch + Clone + 'static> Role<B, String> for $role {
            fn step(&mut self, input: Input<B, String>, out: &mut impl Effects<B, String>) {
                self.0.step(input, out);
            }
        }
    )*};
}

steps_inside!(Coordinator<String>, Worker, Source, Operator<String>, Sink);

impl<B: Batch + Clone + 'static> Role<B, String> for AnyRole<String> {
    fn step(&mut self, input: Input<B, String>, out: &mut impl Effects<B, String>) {
        match self {
            Self::Coordinator(role) => role.step(input, out),
            Self::Worker(role) => role.step(input, out),
            Self::Task(role) => role.step(input, out),
        }
    }
}
