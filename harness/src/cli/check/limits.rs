//! How much a search may take, and the searches that are kept to it.

use std::time::Duration;

use truecut_model::{CheckReport, MutantReport, Options, Progress, Scope};
use truecut_mutants::Mutant;

use super::watch::Watch;

/// How much a search may take.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Limits {
    pub(in crate::cli) threads: usize,
    pub(in crate::cli) time: Option<Duration>,
}

impl Limits {
    fn options<'a>(self, mutant: Option<Mutant>, progress: &'a mut dyn FnMut(Progress)) -> Options<'a> {
        Options { threads: self.threads, time_limit: self.time, mutant, progress }
    }

    /// Checks a scope.
    pub(in crate::cli) fn scope(
        self,
        scope: &Scope,
        mutant: Option<Mutant>,
        watch: &mut Watch,
    ) -> CheckReport {
        watch.begin();
        let mut progress = |progress: Progress| watch.show(&scope.name, progress);
        truecut_model::check(scope, self.options(mutant, &mut progress))
    }

    /// Searches for a wrong protocol's failure.
    pub(in crate::cli) fn mutant(self, mutant: Mutant, watch: &mut Watch) -> MutantReport {
        watch.begin();
        let mut progress = |progress: Progress| watch.show(mutant.name(), progress);
        truecut_model::check_mutant(mutant, self.options(Some(mutant), &mut progress))
    }

    /// Searches the whole of a wrong protocol's scope for everything that it violates.
    pub(in crate::cli) fn whole(self, mutant: Mutant, watch: &mut Watch) -> CheckReport {
        watch.begin();
        let mut progress = |progress: Progress| watch.show(mutant.name(), progress);
        truecut_model::check_whole(mutant, self.options(Some(mutant), &mut progress))
    }
}
