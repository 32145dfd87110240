//! `truecut check --walks N`: random walks through worlds that no search could exhaust. That they meet nothing is evidence, and no
//! proof: the text and the document say how far they went.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use truecut::failure::Failure;
use truecut::verdict::{Exit, SCHEMA, Verdict};
use truecut_model::{JobModel, PropertyReport, Scope, WalkOptions, WalkReport, Walked, walk};
use truecut_mutants::Mutant;

use super::scope::{PropertyRow, of};
use super::{Check, Watch, steps};
use crate::cli::Outcome;
use crate::cli::output::{self, Style, grouped};

/// The scope of walks, unless another one is named.
const USUAL_SCOPE: &str = "deep";

/// What `--json` prints of walks.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    verdict: Verdict,
    /// Why it is not `holds`.
    reasons: Vec<String>,
    seconds: f64,
    scope: String,
    mutant: Option<&'static str>,
    seed: u64,
    walks: u64,
    steps: u64,
    /// Steps of the longest walk.
    longest: u64,
    /// As many walks as were asked for.
    complete: bool,
    properties: Vec<PropertyRow>,
}

pub(super) fn run(check: &Check, walks: u64) -> Outcome {
    let named = check.mutant.as_deref().map(|name| {
        Mutant::from_name(name)
            .ok_or_else(|| format!("there is no mutant `{name}`; `truecut list mutants` names them"))
    });
    let mutant = named.transpose().map_err(Failure::usage)?;
    let scope = scope(check)?;
    let limits = check.limits();
    let watch = Mutex::new(Watch::new());
    let progress = |walked: Walked| {
        watch.lock().unwrap_or_else(PoisonError::into_inner).say(&format!(
            "{}: {} walks, {} steps",
            scope.name,
            grouped(walked.walks),
            grouped(walked.steps)
        ));
    };
    let options = WalkOptions {
        seed: check.seed,
        walks,
        threads: limits.threads,
        time_limit: limits.time,
        progress: &progress,
    };
    let report = walk(&JobModel::new(&scope, mutant), &options);
    watch.lock().unwrap_or_else(PoisonError::into_inner).end();
    let (verdict, reasons) = judged(&report);
    if check.json {
        output::document(&document(&report, mutant, verdict, reasons));
    } else {
        tell(&report, verdict, &reasons);
    }
    Ok(Exit::from(verdict).code())
}

/// A scope for walks, or any other one; with hazards and sink as asked for.
fn scope(check: &Check) -> Result<Scope, Failure> {
    let name = check.scope.as_deref().unwrap_or(USUAL_SCOPE);
    let mut world = truecut::counterexample::world::World::of(name, None);
    world.assume.clone_from(&check.assume);
    world.sink = check.sink;
    match truecut_model::deep_scope(name) {
        Some(deep) => world.made_from(deep).map_err(Failure::usage),
        None => world.scope().map_err(|why| {
            let deep: Vec<&str> = truecut_model::deep_scopes().iter().map(|scope| &*scope.name).collect();
            Failure::usage(format!("{why}; for walks there are {} too", deep.join(", ")))
        }),
    }
}

/// Violated if anything is; holds if there was a walk and every property could have failed in one.
fn judged(report: &WalkReport) -> (Verdict, Vec<String>) {
    let violated = report.properties.iter().filter(|property| property.counterexample.is_some());
    let mut reasons: Vec<String> =
        violated.map(|property| format!("{} is violated", property.name)).collect();
    reasons.extend(report.panic.as_ref().map(|(said, _)| format!("a role's own assertion failed: {said}")));
    if !reasons.is_empty() {
        return (Verdict::Violated, reasons);
    }
    if !report.complete {
        reasons.push("the time was over before all walks were taken".to_owned());
    }
    let unwitnessed = report.properties.iter().filter(|property| !property.witnessed);
    reasons.extend(
        unwitnessed.map(|property| format!("{} could not have failed in these walks", property.name)),
    );
    (if reasons.is_empty() { Verdict::Holds } else { Verdict::Unknown }, reasons)
}

fn document(report: &WalkReport, mutant: Option<Mutant>, verdict: Verdict, reasons: Vec<String>) -> Document {
    Document {
        schema: SCHEMA,
        command: "check",
        verdict,
        reasons,
        seconds: report.seconds,
        scope: report.scope.clone(),
        mutant: mutant.map(Mutant::name),
        seed: report.seed,
        walks: report.walked.walks,
        steps: report.walked.steps,
        longest: report.longest,
        complete: report.complete,
        properties: report.properties.iter().map(PropertyRow::new).collect(),
    }
}

fn tell(report: &WalkReport, verdict: Verdict, reasons: &[String]) {
    let style = Style::stdout();
    output::line(&format!("{}   scope {}, random walks", style.verdict(verdict), report.scope));
    reasons.iter().for_each(|reason| output::line(&format!("  {reason}")));
    output::line("");
    let row = |property: &PropertyReport| {
        let witnessed = if property.witnessed { "witnessed" } else { "not witnessed" };
        vec![property.name.to_owned(), style.verdict(of(property.verdict)), style.dim(witnessed)]
    };
    output::table(&report.properties.iter().map(row).collect::<Vec<_>>());
    output::line(&format!(
        "\n{} walks from seed {}, {} steps, the longest {}, {:.1} s",
        grouped(report.walked.walks),
        report.seed,
        grouped(report.walked.steps),
        grouped(report.longest),
        report.seconds,
    ));
    output::line(&style.dim("A sample, and no proof: what holds holds in the walks that were taken."));
    let found = report.properties.iter().filter_map(|property| property.counterexample.as_ref());
    for found in found.chain(report.panic.as_ref().map(|(_, found)| found)) {
        output::line(&format!("\n{}:", style.red(&format!("{} is violated", found.breaks))));
        steps(found);
    }
}
