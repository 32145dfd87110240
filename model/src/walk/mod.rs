//! Random walks: one behaviour after the other in a world that no search could exhaust. A walk goes on until nothing is possible
//! any more; every property is asked at every step.
//!
//! Uniform choice would spend every fault at once and look alike each time. So each walk first draws how likely each kind of step
//! is, over three orders of magnitude: in some walks crashes are rare and commits slow, in others the other way round (swarm testing,
//! Groce et al., ISSTA 2012). A seed determines every walk, whatever the number of threads.

mod shrink;
mod steered;

pub use steered::{Steered, steer};

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::counterexample::Counterexample;
use crate::dice::Dice;
use crate::model::JobModel;
use crate::property::{Property, properties};
use crate::quiet::quietly;
use crate::report::{PropertyReport, Verdict};

/// How walks are taken.
pub struct WalkOptions<'a> {
    /// Determines all of them.
    pub seed: u64,
    /// Most walks.
    pub walks: u64,
    /// Threads that walk.
    pub threads: usize,
    /// No walk begins after this time.
    pub time_limit: Option<Duration>,
    /// Told from time to time how far they are.
    pub progress: &'a (dyn Fn(Walked) + Sync),
}

/// How far walks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Walks that came to their end.
    pub walks: u64,
    /// Steps of all of them.
    pub steps: u64,
}

/// What walks found.
#[derive(Clone, Debug)]
pub struct WalkReport {
    /// The scope's name.
    pub scope: String,
    /// What determined the walks.
    pub seed: u64,
    /// How far they went.
    pub walked: Walked,
    /// Steps of the longest one.
    pub longest: u64,
    /// Wall clock time.
    pub seconds: f64,
    /// As many as were asked for.
    pub complete: bool,
    /// The scope's properties. None holds for more than the walks that were taken.
    pub properties: Vec<PropertyReport>,
    /// A role's own assertion failed: what it said, and the way there.
    pub panic: Option<(String, Counterexample)>,
}

/// Steps after which a walk has no end: graphs of states have no cycle, but a wrong protocol may bring one.
const LONGEST: usize = 100_000;

/// Why a walk ended early.
#[derive(Clone, Debug)]
enum Broken {
    /// Bits of violated properties.
    Violated(u32),
    Panicked(String),
}

/// The first walk, by number, that broke something.
struct Find {
    number: u64,
    broken: Broken,
    way: Vec<Action>,
}

/// A walk that was taken: its steps, bits of what it witnessed, and what broke.
type Taken = (Vec<Action>, u32, Option<Broken>);

/// Takes one walk; `choose` gives the place of the next step among those that are possible, or ends it.
fn take(model: &JobModel, mut choose: impl FnMut(&[Action]) -> Option<usize>) -> Taken {
    let (mut way, mut witnessed) = (Vec::new(), 0);
    let mut state = model.begin();
    loop {
        let mut actions = model.enabled(&state);
        let (violated, seen) = model.judge_among(&state, &actions);
        witnessed |= seen;
        if violated & model.scope.checked() != 0 {
            return (way, witnessed, Some(Broken::Violated(violated & model.scope.checked())));
        }
        let Some(place) = choose(&actions) else {
            return (way, witnessed, None);
        };
        way.push(actions.swap_remove(place));
        if way.len() > LONGEST {
            return (way, witnessed, Some(Broken::Panicked("a walk comes to no end".into())));
        }
        let action = way.last().expect("it was put there");
        match quietly(|| model.step_from(state, action)) {
            Ok((next, seen)) => {
                witnessed |= seen;
                state = next;
            }
            Err(message) => return (way, witnessed, Some(Broken::Panicked(message))),
        }
    }
}

/// Takes random walks through a model's scope. Ends with the first that violates a property.
pub fn walk(model: &JobModel, options: &WalkOptions<'_>) -> WalkReport {
    let crew = Crew::new(model, options);
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| crew.work());
        }
    });
    crew.report()
}

/// Threads that walk, and what they found so far.
struct Crew<'a> {
    model: &'a JobModel,
    options: &'a WalkOptions<'a>,
    began: Instant,
    next: AtomicU64,
    /// Walks from here on are not needed any more.
    stop_at: AtomicU64,
    walks: AtomicU64,
    steps: AtomicU64,
    longest: AtomicU64,
    witnessed: AtomicU32,
    find: Mutex<Option<Find>>,
}

impl<'a> Crew<'a> {
    fn new(model: &'a JobModel, options: &'a WalkOptions<'a>) -> Self {
        Self {
            model,
            options,
            began: Instant::now(),
            next: AtomicU64::new(0),
            stop_at: AtomicU64::new(u64::MAX),
            walks: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            witnessed: AtomicU32::new(0),
            find: Mutex::new(None),
        }
    }

    fn work(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let last = self.options.walks.min(self.stop_at.load(Ordering::Relaxed));
            let late = self.options.time_limit.is_some_and(|limit| self.began.elapsed() > limit);
            if number >= last || late {
                return;
            }
            let (way, witnessed, broken) = self.one(number);
            let length = u64::try_from(way.len()).expect("a word");
            self.longest.fetch_max(length, Ordering::Relaxed);
            self.witnessed.fetch_or(witnessed, Ordering::Relaxed);
            let walked = Walked {
                walks: self.walks.fetch_add(1, Ordering::Relaxed) + 1,
                steps: self.steps.fetch_add(length, Ordering::Relaxed) + length,
            };
            (self.options.progress)(walked);
            if let Some(broken) = broken {
                self.stop_at.fetch_min(number, Ordering::Relaxed);
                let mut find = self.find.lock().unwrap_or_else(PoisonError::into_inner);
                if find.as_ref().is_none_or(|found| number < found.number) {
                    *find = Some(Find { number, broken, way });
                }
            }
        }
    }

    /// One walk: its steps, what it witnessed, and what broke.
    fn one(&self, number: u64) -> Taken {
        let mut dice = Dice::of(self.options.seed, number);
        let mut weights = HashMap::new();
        take(self.model, |actions| choose(&mut dice, &mut weights, actions))
    }

    fn report(self) -> WalkReport {
        let walks = self.walks.into_inner();
        let find = self.find.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut violated = HashMap::new();
        let mut panic = None;
        match find.map(|find| (find.broken, find.way)) {
            Some((Broken::Violated(bits), way)) => {
                for (place, property) in
                    properties().iter().enumerate().filter(|(place, _)| bits & 1 << place != 0)
                {
                    let way = shrink::shrink(self.model, way.clone(), 1 << place);
                    violated.insert(property.name, Counterexample::of_property(self.model, &way, property));
                }
            }
            Some((Broken::Panicked(message), way)) => {
                let found = Counterexample::of_panic(self.model, &way, &message);
                panic = Some((message, found));
            }
            None => {}
        }
        let witnessed = self.witnessed.into_inner();
        let asked = |property: &Property| !self.model.scope.except.contains(&property.name);
        let report = |(place, property): (usize, &Property)| PropertyReport {
            name: property.name,
            verdict: match (violated.contains_key(property.name), walks) {
                (true, _) => Verdict::Violated,
                (false, 0) => Verdict::Unknown,
                (false, _) => Verdict::Holds,
            },
            witnessed: witnessed & 1 << place != 0,
            counterexample: violated.get(property.name).cloned(),
        };
        let asked = properties().iter().enumerate().filter(|(_, property)| asked(property));
        WalkReport {
            scope: self.model.scope.name.to_string(),
            seed: self.options.seed,
            walked: Walked { walks, steps: self.steps.into_inner() },
            longest: self.longest.into_inner(),
            seconds: self.began.elapsed().as_secs_f64(),
            complete: walks == self.options.walks,
            properties: asked.map(report).collect(),
            panic,
        }
    }
}

/// One of the steps that are possible, with the likelihoods of this walk.
fn choose(
    dice: &mut Dice,
    weights: &mut HashMap<Discriminant<Action>, u32>,
    actions: &[Action],
) -> Option<usize> {
    if actions.is_empty() {
        return None;
    }
    for action in actions {
        // From 1 to 1024; what the job waits for begins at 16, or most walks would have spent their faults before any checkpoint.
        let least = if action.is_progress() { 2 } else { 0 };
        weights.entry(discriminant(action)).or_insert_with(|| 1 << (2 * (least + dice.below(6 - least))));
    }
    Some(dice.weighted(actions.iter().map(|action| weights[&discriminant(action)])))
}
