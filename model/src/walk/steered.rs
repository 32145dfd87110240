//! One walk whose steps are chosen from outside, as by a fuzzer: every property is asked at every step, as in random walks.

use super::{Broken, shrink, take};
use crate::action::Action;
use crate::counterexample::Counterexample;
use crate::model::JobModel;
use crate::property::properties;

/// A walk that was steered.
#[derive(Clone, Debug)]
pub struct Steered {
    /// Its steps.
    pub steps: Vec<Action>,
    /// Names of the properties that could have failed in it.
    pub witnessed: Vec<&'static str>,
    /// What broke in its last step, if anything did: a property of the scope, or a role's own assertion.
    pub broken: Option<Counterexample>,
}

/// Takes one walk through a model's scope. `choose` is shown the steps that are possible, in their fixed order, and gives the place of
/// the one to take; `None` ends the walk. Where nothing is possible it is asked, too, and can only end it. What breaks a property is
/// made shorter, as for random walks.
///
/// # Panics
/// If `choose` gives a place where there is no step.
pub fn steer(model: &JobModel, choose: impl FnMut(&[Action]) -> Option<usize>) -> Steered {
    let (steps, witnessed, broken) = take(model, choose);
    let broken = broken.map(|broken| match broken {
        Broken::Violated(bits) => {
            let property = bits.trailing_zeros();
            let way = shrink::shrink(model, steps.clone(), 1 << property);
            let place = usize::try_from(property).expect("a few properties");
            Counterexample::of_property(model, &way, &properties()[place])
        }
        Broken::Panicked(said) => Counterexample::of_panic(model, &steps, &said),
    });
    let names = properties().iter().enumerate().filter(|(place, _)| witnessed & 1 << place != 0);
    Steered { steps, witnessed: names.map(|(_, property)| property.name).collect(), broken }
}
