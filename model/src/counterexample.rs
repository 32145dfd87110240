//! A history that breaks something, step by step: what was chosen, told in a sentence, and drawn. It leaves to others how a
//! sentence is made (`tell.rs`), what is drawn (`draw.rs`), and how a saved one is run again (`replay.rs`).

use std::fmt;

use crate::action::Action;
use crate::chart::{Event, Lane, lanes};
use crate::draw::draw;
use crate::model::JobModel;
use crate::property::Property;
use crate::quiet::quietly;
use crate::state::State;
use crate::tell::{consequences, sentence, verdict};

/// What a history breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The property of this name.
    Property(&'static str),
    /// A role's own assertion, which said this.
    Assertion(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property(name) => f.write_str(name),
            Self::Assertion(said) => write!(f, "a role's own assertion: {said}"),
        }
    }
}

/// One step of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place among the steps that were possible, in their fixed order.
    pub choice: usize,
    /// The step.
    pub action: Action,
    /// What happens, in plain sentences.
    pub sentence: String,
    /// What a sequence chart shows of it.
    pub events: Vec<Event>,
    /// Who is there after it.
    pub alive: Vec<Lane>,
}

/// A history that breaks something, as short as any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// What it breaks, in its last step.
    pub breaks: Broken,
    /// Who is there at its beginning.
    pub begins: Vec<Lane>,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Counterexample {
    /// One text per step.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| &*step.sentence)
    }

    pub(crate) fn of_property(model: &JobModel, actions: &[Action], property: &Property) -> Self {
        let mut found = Self::new(model, actions, Broken::Property(property.name));
        if let Some(last) = found.steps.last_mut() {
            last.sentence += &verdict(property);
        }
        found
    }

    pub(crate) fn of_panic(model: &JobModel, actions: &[Action], said: &str) -> Self {
        Self::new(model, actions, Broken::Assertion(said.to_owned()))
    }

    fn new(model: &JobModel, actions: &[Action], breaks: Broken) -> Self {
        let mut state = model.begin();
        let begins = lanes(&state);
        let mut steps = Vec::new();
        for action in actions {
            let (step, next) = model.told(&state, action);
            steps.push(step);
            state = next.unwrap_or(state);
        }
        Self { breaks, begins, steps }
    }
}

impl JobModel {
    /// A step as it is told, and the state that it leads to; none if a role's own assertion fails.
    pub(crate) fn tell(&self, state: &State, choice: usize, action: &Action) -> (Step, Option<State>) {
        let mut told = sentence(state, action);
        let after = quietly(|| self.step(state, action).0).ok();
        match &after {
            Some(after) => told += &consequences(state, after),
            None => told += " There a role's own assertion fails.",
        }
        let step = Step {
            choice,
            action: action.clone(),
            sentence: told,
            events: draw(state, action, after.as_ref()),
            alive: lanes(after.as_ref().unwrap_or(state)),
        };
        (step, after)
    }

    /// What happens in a step, in a sentence.
    pub fn sentence(&self, state: &State, action: &Action) -> String {
        sentence(state, action)
    }

    /// A possible step as it is told, and the state that it leads to; none if a role's own assertion fails.
    ///
    /// # Panics
    /// If the step is not possible.
    pub fn told(&self, state: &State, action: &Action) -> (Step, Option<State>) {
        let choice = self.enabled(state).iter().position(|possible| possible == action);
        self.tell(state, choice.expect("a step of a history is possible"), action)
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(self.sentences()) {
            writeln!(f, "{number}. {step}")?;
        }
        Ok(())
    }
}
