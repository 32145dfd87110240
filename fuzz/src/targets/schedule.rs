//! Schedules: bytes choose among the steps that are possible in a modelled world around the real core, and every property of that
//! world is asked at every step.
//!
//! The first byte names the scope, the next ones how likely each kind of step is, the others make the choices. After the last of
//! them the choices go on from what the bytes add up to, until nothing is possible any more: so that progress is asked for, too.

use std::collections::HashMap;

use truecut_model::{Action, JobModel, KINDS, Scope, deep_scope, scope, steer};
use truecut_mutants::Mutant;

use crate::dice::Dice;
use crate::outcome::Outcome;

/// Where schedules are run: faults of each kind, in worlds that a search exhausts and in some that none could. Only added to at its end,
/// so that committed inputs keep their meaning.
const SCOPES: [&str; 16] = [
    "pr",
    "two_checkpoints",
    "expiry",
    "timeout",
    "log",
    "log_twice",
    "lost_answers",
    "two_workers",
    "v2",
    "store_fault",
    "zombie_worker",
    "takeover",
    "overlapping",
    "deep_takeover",
    "deep_log",
    "deep_faults",
];

/// Steps of a schedule that is not at its end by then; none that is known comes so far.
const LONGEST: usize = 20_000;

/// Runs a schedule with the protocol as it is.
pub fn run(data: &[u8]) -> Outcome {
    run_with(data, None)
}

/// Runs a schedule with the protocol as it is, or with a mutant.
///
/// # Panics
/// If it violates a property, or if a role's own assertion fails.
pub fn run_with(data: &[u8], mutant: Option<Mutant>) -> Outcome {
    let Some((first, rest)) = data.split_first() else { return Outcome::plain("empty") };
    let scope = scope_of(*first);
    let model = JobModel::new(scope, mutant);
    let (weights, choices) = rest.split_at(rest.len().min(KINDS.len()));
    let mut guide = Guide::new(weights, choices);
    let walk = steer(&model, |actions| guide.choose(actions));
    if let Some(found) = walk.broken {
        panic!("{} in scope {}:\n{found}", found.breaks, scope.name);
    }
    let mut kinds: Vec<&str> = walk.steps.iter().map(Action::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    Outcome::text("held", &[&*scope.name, &kinds.join(" "), &walk.witnessed.join(" ")].join(": "))
}

/// The scope that a byte names.
///
/// # Panics
/// If the model has none of that name any more.
#[must_use]
pub fn scope_of(byte: u8) -> &'static Scope {
    let name = SCOPES[usize::from(byte) % SCOPES.len()];
    scope(name).or_else(|| deep_scope(name)).expect("the list names scopes of the model")
}

/// Makes choices of bytes.
struct Guide<'a> {
    weights: &'a [u8],
    choices: std::slice::ChunksExact<'a, u8>,
    /// Goes on when there are no more bytes.
    dice: Dice,
    places: HashMap<&'static str, usize>,
    taken: usize,
}

impl<'a> Guide<'a> {
    fn new(weights: &'a [u8], choices: &'a [u8]) -> Self {
        let sum =
            [weights, choices].concat().iter().fold(0_u64, |sum, byte| sum.rotate_left(7) ^ u64::from(*byte));
        Self {
            weights,
            choices: choices.chunks_exact(2),
            dice: Dice::new(sum),
            places: KINDS.iter().copied().zip(0..).collect(),
            taken: 0,
        }
    }

    fn choose(&mut self, actions: &[Action]) -> Option<usize> {
        self.taken += 1;
        if actions.is_empty() || self.taken > LONGEST {
            return None;
        }
        let drawn = match self.choices.next() {
            Some(&[high, low]) => u64::from(u16::from_be_bytes([high, low])),
            Some(_) | None => self.dice.draw() >> 48,
        };
        let sum: u64 = actions.iter().map(|action| self.weight(action)).sum();
        let mut left = (drawn * sum) >> 16;
        actions.iter().position(|action| match left.checked_sub(self.weight(action)) {
            None => true,
            Some(rest) => {
                left = rest;
                false
            }
        })
    }

    /// From 1 to 1024; what the job waits for begins at 16, or most schedules would have spent their faults before any checkpoint.
    fn weight(&self, action: &Action) -> u64 {
        let least = if action.is_progress() { 2 } else { 0 };
        let place = self.places.get(action.kind());
        let byte = place.and_then(|place| self.weights.get(*place)).copied().unwrap_or_default();
        1 << (2 * (least + byte % (6 - least)))
    }
}

/// For each scope, calm and wild ones.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut dice = Dice::new(7);
    let mut seeds = Vec::new();
    for scope in (0..).take(SCOPES.len()) {
        seeds.push(vec![scope]);
        for _ in 0..2 {
            let mut seed = vec![scope];
            seed.extend((0..KINDS.len() + 40).map(|_| dice.byte()));
            seeds.push(seed);
        }
    }
    seeds
}
