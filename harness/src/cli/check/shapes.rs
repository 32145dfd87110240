//! `truecut check --shapes FILE`: the shapes of steps that the model reaches, for the coverage of real runs.

use std::path::Path;

use truecut::coverage::{ModelShapes, save};
use truecut::verdict::Verdict;

use super::{Check, Watch, said};
use crate::cli::Outcome;
use crate::cli::output::{self, grouped};

pub(super) fn run(check: &Check, file: &Path) -> Outcome {
    let mut watch = Watch::new();
    let found = ModelShapes::search(check.limits().threads, |scope, progress| watch.show(scope, progress));
    watch.end();
    let found = found?;
    if check.json {
        output::document(&found);
    } else {
        let states = found.scopes.iter().map(|searched| searched.unique_states).sum();
        output::line(&format!(
            "{} shapes of steps in {} scopes, {} states: {}",
            found.shapes.len(),
            found.scopes.len(),
            grouped(states),
            file.display()
        ));
    }
    Ok(said(Verdict::Holds, save(file, &found)))
}
