//! `--replay FILE`: a saved counterexample, run again in the model.

use std::path::Path;

use serde::Serialize;
use truecut::counterexample::saved::Saved;
use truecut::failure::Failure;
use truecut::verdict::{Exit, SCHEMA, Verdict};

use crate::cli::Outcome;
use crate::cli::output::{self, Style};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    verdict: Verdict,
    name: String,
    scope: String,
    mutant: Option<String>,
    violates: Vec<&'static str>,
    assertion: Option<String>,
    steps: Vec<String>,
}

pub(super) fn run(file: &Path, json: bool) -> Outcome {
    let bad = |why: String| Failure::bad_data(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad(format!("can't be read: {error}")))?;
    let saved: Saved = serde_json::from_str(&text)
        .map_err(|error| bad(format!("it is no counterexample that `check --save` wrote: {error}")))?;
    let again = saved.replay().map_err(bad)?;
    let document = Document {
        schema: SCHEMA,
        command: "check",
        verdict: Verdict::Violated,
        name: saved.name.clone(),
        scope: saved.world.scope().map_err(bad)?.name.into_owned(),
        mutant: saved.world.mutant.clone(),
        violates: again.violated.clone(),
        assertion: again.panic.clone(),
        steps: again.steps.iter().map(|step| step.sentence.clone()).collect(),
    };
    if json {
        output::document(&document);
    } else {
        tell(&document);
    }
    Ok(Exit::from(document.verdict).code())
}

fn tell(document: &Document) {
    let style = Style::stdout();
    output::line(&format!(
        "{}   {}, scope {}",
        style.verdict(document.verdict),
        document.name,
        document.scope
    ));
    for (number, step) in (1..).zip(&document.steps) {
        output::line(&format!("{number:>4}. {step}"));
    }
    for name in &document.violates {
        output::line(&style.red(&format!("      This violates {name}.")));
    }
    if let Some(said) = &document.assertion {
        output::line(&style.red(&format!("      A role's own assertion fails: {said}")));
    }
    output::line("\nEvery step fits, and the last one breaks what it broke.");
}
