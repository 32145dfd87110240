//! A role of a replay that notes the shapes of its steps. The last step of a role that was killed may never have been taken: its input
//! was recorded before. It counts only if the trace goes on after it, or ends in good order.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use truecut_core::{Batch, Effects, Input, Role};
use truecut_model::StepShape;
use truecut_mutants::Mutated;

/// What a role's steps were like.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    shapes: BTreeSet<StepShape>,
    last: Option<StepShape>,
}

impl Seen {
    /// All of them; the last one only if the role ended in good order.
    pub(crate) fn conclude(self, finished: bool) -> BTreeSet<StepShape> {
        let Self { mut shapes, last } = self;
        shapes.extend(last.filter(|_| finished));
        shapes
    }
}

/// The role.
pub(crate) struct Watched<B, S> {
    pub(crate) role: Mutated<B, S>,
    pub(crate) seen: Rc<RefCell<Seen>>,
}

impl<B: Batch + Clone, S: Clone> Role<B, S> for Watched<B, S> {
    fn step(&mut self, input: Input<B, S>, out: &mut impl Effects<B, S>) {
        let mut effects = Vec::new();
        let shape = StepShape::of_step(&mut self.role, input, &mut effects);
        effects.into_iter().for_each(|effect| out.push(effect));
        let mut seen = self.seen.borrow_mut();
        if let Some(before) = seen.last.replace(shape)
            && !seen.shapes.contains(&before)
        {
            seen.shapes.insert(before);
        }
    }
}
