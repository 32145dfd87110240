//! A scope as a Stateright model: initial state, actions, next state, properties.

use std::sync::Arc;

use stateright::{Model, Property as Checked};
use truecut_mutants::Mutant;

use crate::action::Action;
use crate::enabled::enabled;
use crate::property::{Event, properties};
use crate::scope::Scope;
use crate::shape::Shapes;
use crate::state::State;
use crate::step::{Step, look};
use crate::zombie;

/// A scope, with the protocol as it is or with a mutant.
#[derive(Clone, Debug)]
pub struct JobModel {
    pub(crate) scope: Arc<Scope>,
    pub(crate) mutant: Option<Mutant>,
    /// Reports that nothing can tell from later ones are taken at once.
    collapse: bool,
    /// A search remembers steps that it has seen.
    pub(crate) memo: bool,
    /// Where the shapes of steps are collected, if they are asked for.
    shapes: Option<Shapes>,
}

impl JobModel {
    /// A model of a scope.
    pub fn new(scope: &Scope, mutant: Option<Mutant>) -> Self {
        Self { scope: Arc::new(scope.clone()), mutant, collapse: true, memo: true, shapes: None }
    }

    /// The same with every report a step of its own: more states, and the same verdicts.
    #[must_use]
    pub fn uncollapsed(self) -> Self {
        Self { collapse: false, ..self }
    }

    /// The same, searched without memory of steps that were seen: slower, and with the same results.
    #[must_use]
    pub fn without_memo(self) -> Self {
        Self { memo: false, ..self }
    }

    /// The same, with the shapes of all steps of roles collected there. A search steps roles once for each answer that it then remembers:
    /// what it collects is complete, and costs little.
    #[must_use]
    pub fn collecting(self, shapes: Shapes) -> Self {
        Self { shapes: Some(shapes), ..self }
    }

    fn start(&self, state: State) -> Step<'_> {
        Step::new(&self.scope, self.mutant, self.collapse, self.shapes.as_ref(), state)
    }

    /// The one initial state: the coordinator opened the store, claimed the first attempt and waits for nothing but its
    /// workers.
    pub(crate) fn begin(&self) -> State {
        let mut step = self.start(State::new(&self.scope, self.mutant));
        step.begin();
        step.finish().0
    }

    pub(crate) fn enabled(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        enabled(&self.scope, state, &mut actions);
        actions
    }

    /// The state after an action, and the bits of properties that it witnessed.
    pub(crate) fn step(&self, state: &State, action: &Action) -> (State, u32) {
        self.step_from(state.clone(), action)
    }

    /// The same, of a state that is not needed any more.
    pub(crate) fn step_from(&self, state: State, action: &Action) -> (State, u32) {
        let mut step = self.start(state);
        step.act(action);
        step.finish()
    }

    /// Whether a state where this is possible is not at rest.
    pub(crate) fn is_awaited(&self, state: &State, action: &Action) -> bool {
        let course = || self.scope.course.is_some() && matches!(action, Action::Trigger | Action::Crash(..));
        zombie::is_awaited(&self.scope, state, action).unwrap_or_else(|| action.is_progress() || course())
    }

    /// Bits of the properties that a state of rest violates, and of those that it witnesses.
    pub(crate) fn judge_at_rest(&self, state: &State) -> (u32, u32) {
        look(&self.scope, state, &Event::Rest)
    }

    /// Bits of the properties that are violated in a state, in the order of the list.
    pub fn judge(&self, state: &State) -> u32 {
        self.judge_among(state, &self.enabled(state)).0
    }

    /// Bits of the properties that are violated in a state where these steps are possible, and of those that it witnesses.
    pub(crate) fn judge_among(&self, state: &State, actions: &[Action]) -> (u32, u32) {
        let awaited = actions.iter().any(|action| self.is_awaited(state, action));
        let (violated, witnessed) = if awaited { (0, 0) } else { self.judge_at_rest(state) };
        (*state.violated | violated, witnessed)
    }
}

impl Model for JobModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        enabled(&self.scope, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.step(state, &action).0)
    }

    /// One for all: conditions are plain functions that can't tell which one they check.
    fn properties(&self) -> Vec<Checked<Self>> {
        vec![Checked::always("every property holds", |model: &Self, state: &State| {
            let checked = model.scope.checked();
            model.judge(state) & checked == 0
        })]
    }
}

impl Scope {
    /// Bits of the properties that are checked in this scope.
    pub(crate) fn checked(&self) -> u32 {
        let places = properties().iter().enumerate();
        places
            .filter(|(_, property)| !self.except.contains(&property.name))
            .fold(0, |bits, (place, _)| bits | 1 << place)
    }
}
