//! A role with a mutant around it, or with none.

use std::collections::VecDeque;

use truecut_core::{AnyRole, Batch, Effect, Effects, Input, Role};

use crate::interpose::{Interpose, Within};
use crate::list::{Mutant, Mutation};
use crate::table::Place;

/// A role with a mutant around it. Without one, or with one of another role, a step is the role's own step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mutated<B, S> {
    role: AnyRole<S>,
    /// Invariant: of this role's place.
    mutation: Option<Box<Held<B>>>,
}

/// What a mutant remembers, and the records that it holds back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Held<B> {
    mutation: Mutation,
    shelf: VecDeque<B>,
}

impl<B, S> Mutated<B, S> {
    /// Puts a mutant around a role. One that sits at another role changes nothing here.
    pub fn new(role: AnyRole<S>, mutant: Option<Mutant>) -> Self {
        let place = Place::of(&role);
        let mutant = mutant.filter(|mutant| mutant.info().places.contains(&place));
        let held = |mutant| Held { mutation: Mutation::new(mutant), shelf: VecDeque::new() };
        Self { role, mutation: mutant.map(|mutant| Box::new(held(mutant))) }
    }

    /// The role within.
    pub fn role(&self) -> &AnyRole<S> {
        &self.role
    }
}

impl<B: Batch + Clone, S: Clone> Role<B, S> for Mutated<B, S> {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        match &mut self.mutation {
            None => self.role.step(input, out),
            Some(held) => {
                let mut within = Within { role: &mut self.role, shelf: &mut held.shelf };
                let effects: Vec<Effect<B, S>> = held.mutation.step(&mut within, input);
                effects.into_iter().for_each(|effect| out.push(effect));
            }
        }
    }
}
