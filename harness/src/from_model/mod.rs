//! From model to Kafka: compiles a counterexample of the model into a plan that makes a real job and a real Kafka take the same way.
//! Every move of the adversary becomes a fault, or is named as one that cannot be made; none is passed over. What the job and
//! Kafka do by themselves in the model they do by themselves here, at their own pace: so a plan repeats the moves several
//! times, and a try may miss. Decides nothing about verdicts.

mod conclusions;
mod every;
mod general;
mod moves;
mod page;
mod place;
mod setting;
#[cfg(test)]
mod tests;
mod tried;
mod tries;

use serde::Serialize;
use truecut_core::{CommitBy, Op};
use truecut_model::{Action, JobModel};

pub use conclusions::violated;
pub use every::every;
pub use page::{DATA, FromDocument, PAGE};
pub use tried::{Fate, Layer, Layers, Run, Tried};
pub use tries::{TryOptions, attempt};

use crate::chaos::{PLAN_SCHEMA, Plan, Step};
use crate::counterexample::saved::Saved;
use crate::failure::Failure;
use crate::verdict::Thresholds;
use moves::Walk;

/// Input records of a compiled plan: few, so that transactions are small and many.
const RECORDS: u64 = 12_000;
/// How often the moves are repeated in one run.
const ROUNDS: usize = 3;

/// A counterexample as a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What is carried out.
    pub plan: Plan,
    /// Which step of the counterexample became which fault.
    pub derived: Vec<Derived>,
    /// Kafka aborts a transaction that is pre-committed, and the sink can't write it again: the protocol ends with a data-loss error.
    pub loses: bool,
}

/// Where a fault of a compiled plan comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Derived {
    /// The step of the counterexample, from 1; one past the last for what only makes the outcome visible.
    pub step: usize,
    /// Its kind.
    pub kind: String,
    /// The fault, in a few words.
    pub fault: String,
}

/// A step that the job and its Kafka cannot be made to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impossible {
    /// The step of the counterexample, from 1; 0 is the world that it happens in.
    pub step: usize,
    /// Its kind; `world` for step 0.
    pub kind: String,
    /// Why.
    pub why: &'static str,
}

impl std::fmt::Display for Impossible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.step {
            0 => write!(f, "its world: {}", self.why),
            step => write!(f, "step {step}, {}: {}", self.kind, self.why),
        }
    }
}

/// Compiles a counterexample. `seed` decides the workload, and what the counterexample leaves open: which visit of a crash
/// point, and when.
///
/// # Errors
/// It is no counterexample of this model. A step that cannot be made to happen is no error, but the answer.
pub fn compile(saved: &Saved, seed: u64) -> Result<Result<Compiled, Impossible>, Failure> {
    let bad = |why: String| Failure::bad_data(format!("the counterexample {}: {why}", saved.name));
    let again = saved.replay().map_err(bad)?;
    let scope = saved.world.scope().map_err(bad)?;
    let mutant = saved.world.mutant().map_err(bad)?;
    let actions: Vec<Action> = again.steps.iter().map(|step| step.action.clone()).collect();
    let moments = JobModel::new(&scope, mutant).moments(&actions);
    let violates = saved.violates.as_deref().unwrap_or_default();
    let walk = Walk::new(&actions, &moments, violates, seed);
    Ok(walk.steps().and_then(|(steps, derived)| {
        let (job, kafka) = setting::of(&scope, &actions, mutant)?;
        let rounds = if walk.comes_once() || scope.bounded { 1 } else { ROUNDS };
        let steps: Vec<Step> = (0..rounds).flat_map(|_| steps.clone()).collect();
        let plan = Plan {
            schema: PLAN_SCHEMA,
            name: saved.name.clone(),
            seed,
            records: RECORDS,
            job,
            kafka,
            steps,
            ends_with: None,
            thresholds: Thresholds::default(),
        };
        let loses = scope.commit_by == CommitBy::Resume && takes_what_is_flushed(&actions);
        Ok(Compiled { plan: plan.demanding_all(), derived, loses })
    }))
}

fn takes_what_is_flushed(actions: &[Action]) -> bool {
    let flushed = actions.iter().position(|action| matches!(action, Action::Answer(_, _, _, Op::Flush(_))));
    flushed
        .is_some_and(|flushed| actions[flushed..].iter().any(|action| matches!(action, Action::TimeOut(_))))
}
