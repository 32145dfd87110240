//! A walk that breaks a property, made shorter: steps are left out as long as the rest can still be taken and still breaks it. What
//! is left is not the shortest of all, but no single step of it can be spared.

use crate::action::Action;
use crate::model::JobModel;
use crate::quiet::quietly;

/// A shorter way that violates the property of this bit.
pub(super) fn shrink(model: &JobModel, mut way: Vec<Action>, property: u32) -> Vec<Action> {
    let mut size = way.len().div_ceil(2).max(1);
    loop {
        let before = way.len();
        let mut at = 0;
        while at < way.len() {
            let end = (at + size).min(way.len());
            let rest: Vec<Action> = way[..at].iter().chain(&way[end..]).cloned().collect();
            match replay(model, &rest, property) {
                Some(shorter) => way = shorter,
                None => at = end,
            }
        }
        if size == 1 && way.len() == before {
            return way;
        }
        if way.len() == before {
            size = size.div_ceil(2);
        }
    }
}

/// Takes the steps that are possible, leaves out the others, and ends where the property is violated; `None` if it never is.
fn replay(model: &JobModel, way: &[Action], property: u32) -> Option<Vec<Action>> {
    let mut state = model.begin();
    let mut taken = Vec::new();
    for action in way {
        let actions = model.enabled(&state);
        if model.judge_among(&state, &actions).0 & property != 0 {
            return Some(taken);
        }
        if actions.contains(action) {
            state = quietly(|| model.step_from(state, action)).ok()?.0;
            taken.push(action.clone());
        }
    }
    let actions = model.enabled(&state);
    let violated = model.judge_among(&state, &actions).0 & property != 0;
    violated.then_some(taken)
}

#[cfg(test)]
mod tests {
    use truecut_mutants::Mutant;

    use super::*;
    use crate::scope::deep_scope;
    use crate::walk::{Broken, Crew, WalkOptions};

    #[test]
    fn no_step_of_what_is_left_can_be_spared() {
        let mutant = Mutant::from_name("restart_from_none");
        let model = JobModel::new(deep_scope("deep").expect("a scope of the list"), mutant);
        let options = WalkOptions { seed: 1, walks: 1000, threads: 1, time_limit: None, progress: &|_| {} };
        let crew = Crew::new(&model, &options);
        let found =
            (0..1000).map(|number| crew.one(number)).find_map(|(way, _, broken)| Some((way, broken?)));
        let (way, Broken::Violated(bits)) = found.expect("it is met") else { panic!("a property fails") };
        let property = 1 << bits.trailing_zeros();
        let short = shrink(&model, way.clone(), property);
        assert!(short.len() < way.len(), "{} of {}", short.len(), way.len());
        for left_out in 0..short.len() {
            let mut rest = short.clone();
            rest.remove(left_out);
            assert_eq!(replay(&model, &rest, property), None, "step {left_out} can be spared");
        }
    }
}
