//! A scope as the Explorer shows it: steps as sentences, states in a few lines, the way as a sequence chart, each property by name.

use std::fmt;

use stateright::{Model, Path, Property};
use truecut::counterexample::chart::Chart;
use truecut::counterexample::svg;
use truecut_model::{Action, JobModel, Scope, State, Step, properties};
use truecut_mutants::Mutant;

/// The job in a scope. The Explorer shows this name.
pub(super) struct JobInScope {
    model: JobModel,
    name: String,
    except: Vec<String>,
}

/// A state, and bits of the properties that are violated in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    state: State,
    violated: u32,
}

/// In a few lines.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state.summary())
    }
}

/// A step with its sentence: the Explorer shows steps without the states that they begin in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Told {
    action: Action,
    sentence: String,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl JobInScope {
    pub(super) fn new(scope: &Scope, mutant: Option<Mutant>) -> Self {
        let with = mutant.map_or_else(String::new, |mutant| format!(", mutant {mutant}"));
        Self {
            model: JobModel::new(scope, mutant),
            name: format!("scope {}{with}", scope.name),
            except: scope.except.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn seen(&self, state: State) -> Seen {
        let violated = self.model.judge(&state);
        Seen { state, violated }
    }

    fn steps(&self, path: Vec<(Seen, Option<Told>)>) -> Vec<Step> {
        let steps = path.into_iter().filter_map(|(seen, told)| Some((seen.state, told?.action)));
        steps.map(|(state, action)| self.model.told(&state, &action).0).collect()
    }
}

impl Model for JobInScope {
    type State = Seen;
    type Action = Told;

    fn init_states(&self) -> Vec<Seen> {
        self.model.init_states().into_iter().map(|state| self.seen(state)).collect()
    }

    fn actions(&self, seen: &Seen, told: &mut Vec<Told>) {
        let mut actions = Vec::new();
        self.model.actions(&seen.state, &mut actions);
        told.extend(actions.into_iter().map(|action| {
            let sentence = self.model.sentence(&seen.state, &action);
            Told { action, sentence }
        }));
    }

    /// None if a role's own assertion fails: the Explorer shows such a step as ignored.
    fn next_state(&self, last: &Seen, told: Told) -> Option<Seen> {
        self.model.told(&last.state, &told.action).1.map(|state| self.seen(state))
    }

    fn format_step(&self, last: &Seen, told: Told) -> Option<String> {
        let (step, after) = self.model.told(&last.state, &told.action);
        let after = after?;
        let broken = self.model.judge(&after) & !last.violated;
        let broken = properties().iter().enumerate().filter(|(place, _)| broken & 1 << place != 0);
        let broken: String =
            broken.map(|(_, property)| format!("\nThis violates {}.", property.name)).collect();
        Some(format!("{}{broken}\n\n{}", step.sentence, after.summary()))
    }

    fn as_svg(&self, path: Path<Seen, Told>) -> Option<String> {
        let path = path.into_vec();
        let begins = path.first()?.0.state.lanes();
        let steps = self.steps(path);
        let subtitle = if steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", steps.len()) };
        Some(svg::render(&Chart::new(self.name.clone(), subtitle, &begins, &steps, None)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let asked = CONDITIONS.iter().zip(properties());
        let asked = asked.filter(|(_, property)| !self.except.iter().any(|except| except == property.name));
        asked.map(|(condition, property)| Property::always(property.name, *condition)).collect()
    }
}

type Condition = fn(&JobInScope, &Seen) -> bool;

/// Conditions are plain functions, which know of their property only what is in their type: its place in the list.
fn holds<const PLACE: u32>(_: &JobInScope, seen: &Seen) -> bool {
    seen.violated & 1 << PLACE == 0
}

macro_rules! conditions {
    ($($place:literal)*) => { [$(holds::<$place>),*] };
}

const CONDITIONS: [Condition; 32] = conditions!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);

#[cfg(test)]
mod tests {
    use stateright::Checker as _;
    use truecut_model::{Options, check_mutant, scope, scope_of};

    use super::*;

    fn model(name: &str) -> JobInScope {
        JobInScope::new(scope(name).expect("a scope of the list"), None)
    }

    #[test]
    fn every_property_has_a_condition() {
        assert!(properties().len() <= CONDITIONS.len());
        assert_eq!(model("pr").properties().len(), properties().len());
        assert_eq!(model("smoke").properties().len(), properties().len() - 1);
    }

    #[test]
    fn steps_and_states_are_told_and_the_way_is_drawn() {
        let model = model("small");
        let first = model.init_states().remove(0);
        let mut steps = Vec::new();
        model.actions(&first, &mut steps);
        let sentences: Vec<String> = steps.iter().map(|step| model.format_action(step)).collect();
        assert!(sentences.contains(&"Worker w0 is killed.".to_owned()), "{sentences:?}");
        assert!(format!("{first:#?}").starts_with("attempt 1, latest checkpoint 1"), "{first:#?}");
        let told = model.format_step(&first, steps[0].clone()).expect("it leads somewhere");
        assert!(told.starts_with(&sentences[0]) && told.contains("worker-0"), "{told}");
        let path = Path::from_actions(&model, first, [&steps[0].clone()]).expect("it is one");
        let svg = model.as_svg(path).expect("it is drawn");
        assert!(svg.contains("scope small") && svg.contains("1 step<"), "{svg}");
    }

    /// What the Explorer finds to be violated is what `check` finds.
    #[test]
    fn a_mutant_violates_here_what_it_violates_elsewhere() {
        let mutant = Mutant::from_name("commit_on_precommit").expect("a mutant of the list");
        let explored = JobInScope::new(scope_of(mutant), Some(mutant));
        let checker = explored.checker().threads(2).spawn_bfs().join();
        let path = checker.discovery("no_duplicate").expect("it is violated");
        let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
        // The way that this checker keeps need not be a shortest.
        assert!(path.into_actions().len() >= check_mutant(mutant, options).steps);
        assert!(checker.discovery("no_early_visibility").is_some());
        assert!(checker.discovery("one_owner_per_split").is_none());
    }
}
