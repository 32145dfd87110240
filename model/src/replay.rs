//! Whether a history that was written down is one of this model, and what it breaks: each of its steps must be possible, at the
//! place among the possible ones where it was, and read the same.

use truecut_mutants::Mutant;

use crate::chart::{Lane, lanes};
use crate::counterexample::Step;
use crate::model::JobModel;
use crate::property::properties;
use crate::quiet::quietly;
use crate::scope::Scope;

/// A step that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<'a> {
    /// Its place among the steps that were possible.
    pub choice: usize,
    /// The step as text.
    pub action: &'a str,
}

/// Where a history that was written down is none of this model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Number of the step, from 1.
    pub step: usize,
    /// What does not fit.
    pub why: String,
}

/// A history that was run again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Who is there at its beginning.
    pub begins: Vec<Lane>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Properties that are violated after its last step and not before, by name.
    pub violated: Vec<&'static str>,
    /// What a role's own assertion said that failed in its last step.
    pub panic: Option<String>,
}

/// Runs a history again, in a scope, with the protocol as it is or with a mutant.
///
/// # Errors
/// If a step is not possible, or not the same, or comes after a role's own assertion failed.
pub fn replay(scope: &Scope, mutant: Option<Mutant>, written: &[Written<'_>]) -> Result<Replayed, Misfit> {
    let model = JobModel::new(scope, mutant);
    let mut state = model.begin();
    let mut found = Replayed { begins: lanes(&state), steps: Vec::new(), violated: Vec::new(), panic: None };
    let mut before = model.judge(&state);
    for (number, Written { choice, action }) in (1..).zip(written) {
        let misfit = |why| Misfit { step: number, why };
        if let Some(said) = &found.panic {
            return Err(misfit(format!("a role's own assertion failed before it: {said}")));
        }
        let possible = model.enabled(&state);
        let taken = possible.get(*choice).ok_or_else(|| {
            misfit(format!(
                "it is step {choice} of those that are possible, and there are {}",
                possible.len()
            ))
        })?;
        let here = format!("{taken:?}");
        if here != *action {
            return Err(misfit(format!("`{action}` was written down, and `{here}` stands in its place")));
        }
        let (step, after) = model.tell(&state, *choice, taken);
        found.steps.push(step);
        match after {
            Some(after) => {
                let broken = model.judge(&after);
                let new = broken & !before;
                let named = properties().iter().enumerate().filter(|(place, _)| new & 1 << place != 0);
                found.violated = named.map(|(_, property)| property.name).collect();
                (state, before) = (after, broken);
            }
            None => {
                found.violated.clear();
                found.panic = quietly(|| model.step(&state, taken)).err();
            }
        }
    }
    Ok(found)
}
