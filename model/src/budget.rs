//! What is left of a scope's budget: a cell for the checkpoints, and one for each hazard that the scope assumes.

use crate::assumption::{Assumption, Budget};
use crate::cell::Cell;

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) checkpoints: Cell<u8>,
    /// In the order of the list; of what is not assumed there is nothing.
    faults: Vec<(Assumption, Cell<u8>)>,
}

impl Left {
    pub(crate) fn new(budget: Budget) -> Self {
        let faults = budget.assumed().map(|(assumption, times)| (assumption, Cell::new(times)));
        Self { checkpoints: Cell::new(budget.checkpoints), faults: faults.collect() }
    }

    /// What is left of these parts.
    pub(crate) fn of(
        checkpoints: Cell<u8>,
        budget: &Budget,
        mut left: impl FnMut(usize) -> Cell<u8>,
    ) -> Self {
        let assumed = budget.assumed().enumerate();
        Self {
            checkpoints,
            faults: assumed.map(|(place, (assumption, _))| (assumption, left(place))).collect(),
        }
    }

    /// The cells of the hazards, for a table.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Cell<u8>> {
        self.faults.iter().map(|(_, cell)| cell)
    }

    /// Whether this may happen, still.
    pub(crate) fn allows(&self, assumption: Assumption) -> bool {
        self.left(assumption) > 0
    }

    /// How often this may happen, still.
    pub(crate) fn left(&self, assumption: Assumption) -> u8 {
        let mut faults = self.faults.iter();
        faults.find(|(of, _)| *of == assumption).map_or(0, |(_, left)| **left)
    }

    /// How often each hazard may still happen.
    pub(crate) fn all_left(&self) -> impl Iterator<Item = (Assumption, u8)> {
        self.faults.iter().map(|(assumption, left)| (*assumption, **left))
    }

    /// It happens.
    pub(crate) fn spend(&mut self, assumption: Assumption) {
        let mut faults = self.faults.iter_mut();
        let (_, left) = faults.find(|(of, _)| *of == assumption).expect("the scope assumes it");
        *left.edit() -= 1;
    }

    pub(crate) fn seal(&mut self) {
        self.checkpoints.seal();
        self.faults.iter_mut().for_each(|(_, left)| left.seal());
    }
}
