//! What a check says: per property a verdict, whether it was witnessed, and the shortest counterexample.

use std::fmt;
use std::time::{Duration, Instant};

use truecut_mutants::Mutant;

use crate::counterexample::Counterexample;
use crate::model::JobModel;
use crate::property::{Property, properties};
use crate::scope::Scope;
use crate::search::{Cost, Found, Limits, Progress, search};

/// How a check is run.
pub struct Options<'a> {
    /// Threads that search.
    pub threads: usize,
    /// When it gives up; what was not violated till then is unknown.
    pub time_limit: Option<Duration>,
    /// A wrong protocol in place of the right one.
    pub mutant: Option<Mutant>,
    /// Told from time to time how far it is.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// What is known of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds in every state of the scope.
    Holds,
    /// It does not hold.
    Violated,
    /// Not every state was seen.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Violated => "violated",
            Self::Unknown => "unknown",
        })
    }
}

/// One property in a scope.
#[derive(Clone, Debug)]
pub struct PropertyReport {
    /// Its name.
    pub name: &'static str,
    /// What is known of it.
    pub verdict: Verdict,
    /// A state was seen where a wrong protocol could have failed it.
    pub witnessed: bool,
    /// Why it is violated.
    pub counterexample: Option<Counterexample>,
}

/// A check of a scope.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The scope's name.
    pub scope: String,
    /// Different states.
    pub unique_states: u64,
    /// Steps taken.
    pub generated_states: u64,
    /// Longest shortest way from the beginning to a state.
    pub depth: u64,
    /// Wall clock time.
    pub seconds: f64,
    /// Every reachable state was seen.
    pub complete: bool,
    /// Kinds of steps that were never taken.
    pub never_taken: Vec<&'static str>,
    /// What the search took.
    pub cost: Cost,
    /// The properties that the scope checks.
    pub properties: Vec<PropertyReport>,
    /// A role's own assertion failed: what it said, and the way there.
    pub panic: Option<(String, Counterexample)>,
}

impl CheckReport {
    /// Names of the properties that are violated.
    pub fn violated(&self) -> Vec<&'static str> {
        let violated = self.properties.iter().filter(|property| property.verdict == Verdict::Violated);
        violated.map(|property| property.name).collect()
    }

    /// Whether every state was seen and every property holds in it.
    pub fn holds(&self) -> bool {
        self.complete
            && self.panic.is_none()
            && self.properties.iter().all(|property| property.verdict == Verdict::Holds)
    }

    /// The odds, at most, that a state was taken for another one because both have the same fingerprint: n²/2⁶⁵ for n states.
    pub fn omission_odds(&self) -> f64 {
        let states = to_float(self.unique_states);
        states * states / 65_f64.exp2()
    }

    /// Bytes per state of what was seen: fingerprints, and the ways to counterexamples.
    pub fn bytes_per_state(&self) -> f64 {
        to_float(self.cost.visited_bytes) / to_float(self.unique_states)
    }

    /// Different states found in a second.
    pub fn states_per_second(&self) -> f64 {
        if self.seconds > 0.0 { to_float(self.unique_states) / self.seconds } else { 0.0 }
    }

    /// Whether every property was witnessed: the scope is large enough for each to fail.
    pub fn is_witnessed(&self) -> bool {
        self.properties.iter().all(|property| property.witnessed)
    }
}

/// Checks every property of a scope.
pub fn check(scope: &Scope, options: Options<'_>) -> CheckReport {
    let Options { threads, time_limit, mutant, progress } = options;
    check_model(&JobModel::new(scope, mutant), threads, time_limit, progress)
}

/// Checks every property of a model's scope.
pub fn check_model(
    model: &JobModel,
    threads: usize,
    time_limit: Option<Duration>,
    progress: &mut dyn FnMut(Progress),
) -> CheckReport {
    let scope = &model.scope;
    let asked = |name: &str| !scope.except.contains(&name) && !scope.too_calm_for.contains(&name);
    check_asked(model, asked, threads, time_limit, progress)
}

/// Searches the whole scope in which a mutant is judged, for violations of any property but those that the world breaks: what else
/// it does wrong, or that it does nothing wrong.
pub fn check_whole(mutant: Mutant, options: Options<'_>) -> CheckReport {
    let scope = scope_of(mutant);
    let Options { threads, time_limit, progress, .. } = options;
    let model = JobModel::new(scope, Some(mutant));
    check_asked(&model, |name| !scope.except.contains(&name), threads, time_limit, progress)
}

fn check_asked(
    model: &JobModel,
    asked: impl Fn(&str) -> bool,
    threads: usize,
    time_limit: Option<Duration>,
    progress: &mut dyn FnMut(Progress),
) -> CheckReport {
    let began = Instant::now();
    let scope = &model.scope;
    let found = search(model, Limits { threads, time: time_limit, until: 0 }, progress);
    let checked = properties().iter().enumerate().filter(|(_, property)| asked(property.name));
    let report = |(place, property): (usize, &Property)| PropertyReport {
        name: property.name,
        verdict: match (found.violated[place], found.complete) {
            (Some(_), _) => Verdict::Violated,
            (None, true) => Verdict::Holds,
            (None, false) => Verdict::Unknown,
        },
        witnessed: found.witnessed & 1 << place != 0,
        counterexample: found.violated[place].map(|state| counterexample(model, &found, state, property)),
    };
    let properties = checked.map(report).collect();
    CheckReport {
        scope: scope.name.to_string(),
        unique_states: found.progress.unique_states,
        generated_states: found.progress.generated_states,
        depth: found.progress.depth,
        seconds: began.elapsed().as_secs_f64(),
        complete: found.complete,
        never_taken: crate::kind::KINDS.iter().copied().filter(|kind| !found.taken.contains(kind)).collect(),
        cost: found.cost,
        properties,
        panic: found.panicked.as_ref().map(|(state, action, message)| {
            let mut way = found.way_to(model, *state);
            way.push(action.clone());
            (message.clone(), Counterexample::of_panic(model, &way, message))
        }),
    }
}

fn counterexample(model: &JobModel, found: &Found, state: u32, property: &Property) -> Counterexample {
    Counterexample::of_property(model, &found.way_to(model, state), property)
}

/// What became of a mutant.
#[derive(Clone, Debug)]
pub struct MutantReport {
    /// Its name.
    pub name: &'static str,
    /// The property that must find it.
    pub expected: &'static str,
    /// The property that found it; `None` if the expected one did not.
    pub killed_by: Option<&'static str>,
    /// The scope that was searched.
    pub scope: String,
    /// Every reachable state was seen.
    pub complete: bool,
    /// Wall clock time.
    pub seconds: f64,
    /// Length of the counterexample.
    pub steps: usize,
    /// The counterexample.
    pub counterexample: Option<Counterexample>,
}

/// Searches for a violation of the property that must find a mutant, in the scope where it is known to.
pub fn check_mutant(mutant: Mutant, options: Options<'_>) -> MutantReport {
    let began = Instant::now();
    let scope = scope_of(mutant);
    let expected = mutant.expected_property();
    let Sought { counterexample, complete } =
        seek(scope, expected, Options { mutant: Some(mutant), ..options });
    MutantReport {
        name: mutant.name(),
        expected,
        killed_by: counterexample.as_ref().map(|_| expected),
        scope: scope.name.to_string(),
        complete,
        seconds: began.elapsed().as_secs_f64(),
        steps: counterexample.as_ref().map_or(0, |counterexample| counterexample.steps.len()),
        counterexample,
    }
}

/// What a search for one property's failure came to.
#[derive(Clone, Debug)]
pub struct Sought {
    /// A shortest history that violates it.
    pub counterexample: Option<Counterexample>,
    /// Every reachable state was seen; never if one was found before.
    pub complete: bool,
}

/// Searches a scope for a violation of the property of this name, and ends at the first.
///
/// # Panics
/// If there is no such property.
pub fn seek(scope: &Scope, property: &str, options: Options<'_>) -> Sought {
    let model = JobModel::new(scope, options.mutant);
    let mut places = properties().iter().enumerate();
    let (place, property) = places.find(|(_, it)| it.name == property).expect("a property has this name");
    let limits = Limits { threads: options.threads, time: options.time_limit, until: 1 << place };
    let found = search(&model, limits, options.progress);
    let counterexample = found.violated[place].map(|state| counterexample(&model, &found, state, property));
    Sought { counterexample, complete: found.complete }
}

/// Checks every mutant.
pub fn check_mutants(options: Options<'_>) -> Vec<MutantReport> {
    let Options { threads, time_limit, progress, .. } = options;
    let mut reports = Vec::new();
    for mutant in Mutant::all() {
        reports.push(check_mutant(*mutant, Options { threads, time_limit, mutant: Some(*mutant), progress }));
    }
    reports
}

/// The scope in which a mutant is judged.
pub fn scope_of(mutant: Mutant) -> &'static Scope {
    crate::scope::scope(mutant.info().scope()).expect("the scope is in the list")
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are told, not computed with")]
fn to_float(number: u64) -> f64 {
    number as f64
}
