//! A role with a mutant around it, or with none.

use truecut_core::{AnyRole, Batch, Effect, Effects, Input, Role};

use crate::interpose::Interpose;
use crate::table::{Mutant, Mutation, Place};

/// A role with a mutant around it. Without one, or with one of another role, a step is the role's own step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mutated<S> {
    role: AnyRole<S>,
    /// Invariant: of this role's place.
    mutation: Option<Box<Mutation>>,
}

impl<S> Mutated<S> {
    /// Puts a mutant around a role. One that sits at another role changes nothing here.
    pub fn new(role: AnyRole<S>, mutant: Option<Mutant>) -> Self {
        let mutant = mutant.filter(|mutant| mutant.place() == Place::of(&role));
        Self { role, mutation: mutant.map(|mutant| Box::new(Mutation::new(mutant))) }
    }

    /// The role within.
    pub fn role(&self) -> &AnyRole<S> {
        &self.role
    }
}

impl<B: Batch + Clone, S: Clone> Role<B, S> for Mutated<S> {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match &mut self.mutation {
            None => self.role.step(input, out),
            Some(mutation) => {
                let effects: Vec<Effect<B, S>> = mutation.step(&mut self.role, input);
                effects.into_iter().for_each(|effect| out.push(effect));
            }
        }
    }
}
