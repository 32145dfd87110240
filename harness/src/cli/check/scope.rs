//! One scope: its verdict, property by property, in text and as a document.

use std::path::PathBuf;

use serde::Serialize;
use truecut::counterexample::world::{Assumed, Sink, World};
use truecut::failure::Failure;
use truecut::verdict::{SCHEMA, Verdict};
use truecut_model::{CheckReport, Counterexample, PropertyReport, Scope};
use truecut_mutants::{Expected, Mutant};

use super::super::junit::Case;
use super::{Check, Watch, names, steps, told_where};
use crate::cli::Outcome;
use crate::cli::output::{self, Style, grouped};

pub(super) fn run(check: &Check, world: &World, mutant: Option<Mutant>) -> Outcome {
    let scope = world.scope().map_err(Failure::usage)?;
    if let Some(why) = scope.too_large() {
        return Err(Failure::usage(why));
    }
    let mut watch = Watch::new();
    let report = check.limits().scope(&scope, mutant, &mut watch);
    watch.end();
    let mut document = Document::new(&report, &scope, mutant);
    let saved: Result<Vec<_>, Failure> =
        counterexamples(&report).map(|found| check.saved(world, found)).collect();
    document.saved = saved.as_ref().map(|files| files.concat()).unwrap_or_default();
    let written = check.junit(&format!("scope {}", report.scope), &cases(&report), report.seconds);
    // What was found is said, also if it can't be kept.
    if check.json {
        output::document(&document);
    } else {
        tell(&report, &document, world);
    }
    Ok(super::said(document.verdict, saved.map(drop).and(written)))
}

fn counterexamples(report: &CheckReport) -> impl Iterator<Item = &Counterexample> {
    let of_properties = report.properties.iter().filter_map(|property| property.counterexample.as_ref());
    of_properties.chain(report.panic.as_ref().map(|(_, found)| found))
}

/// What `--json` prints of a scope.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    verdict: Verdict,
    /// Why it is not `holds`.
    reasons: Vec<String>,
    seconds: f64,
    scope: String,
    /// What may happen there, and how often.
    assumed: Vec<Assumed>,
    sink: Sink,
    mutant: Option<&'static str>,
    unique_states: u64,
    generated_states: u64,
    states_per_second: f64,
    depth: u64,
    /// Every reachable state was seen.
    complete: bool,
    /// Of what was seen.
    bytes_per_state: f64,
    /// The odds, at most, that some state was taken for another one.
    omission_odds: f64,
    /// Kinds of steps that were never taken.
    never_taken: Vec<&'static str>,
    properties: Vec<PropertyRow>,
    /// Files of counterexamples.
    #[serde(serialize_with = "displayed")]
    saved: Vec<PathBuf>,
}

fn displayed<S: serde::Serializer>(files: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    names(files).serialize(serializer)
}

#[derive(Debug, Serialize)]
pub(super) struct PropertyRow {
    name: &'static str,
    verdict: Verdict,
    witnessed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counterexample: Vec<String>,
}

impl PropertyRow {
    pub(super) fn new(property: &PropertyReport) -> Self {
        let told = |found: &Counterexample| found.sentences().map(str::to_owned).collect();
        Self {
            name: property.name,
            verdict: of(property.verdict),
            witnessed: property.witnessed,
            counterexample: property.counterexample.as_ref().map(told).unwrap_or_default(),
        }
    }
}

impl Document {
    fn new(report: &CheckReport, scope: &Scope, mutant: Option<Mutant>) -> Self {
        let (verdict, reasons) = judged(report);
        let assumed = scope.budget.assumed();
        Self {
            schema: SCHEMA,
            command: "check",
            verdict,
            reasons,
            seconds: report.seconds,
            scope: report.scope.clone(),
            assumed: assumed.map(|(what, times)| Assumed { name: what.name().to_owned(), times }).collect(),
            sink: Sink::of(scope.commit_by, scope.guarantee),
            mutant: mutant.map(Mutant::name),
            unique_states: report.unique_states,
            generated_states: report.generated_states,
            states_per_second: report.states_per_second().round(),
            depth: report.depth,
            complete: report.complete,
            bytes_per_state: report.bytes_per_state(),
            omission_odds: report.omission_odds(),
            never_taken: report.never_taken.clone(),
            properties: report.properties.iter().map(PropertyRow::new).collect(),
            saved: Vec::new(),
        }
    }
}

/// Violated if anything is; holds only if every state was seen and every property could have failed.
fn judged(report: &CheckReport) -> (Verdict, Vec<String>) {
    let of_kind = |verdict| report.properties.iter().filter(move |property| property.verdict == verdict);
    let mut reasons: Vec<String> = of_kind(truecut_model::Verdict::Violated)
        .map(|property| format!("{} is violated", property.name))
        .collect();
    reasons.extend(report.panic.as_ref().map(|(said, _)| format!("a role's own assertion failed: {said}")));
    if !reasons.is_empty() {
        return (Verdict::Violated, reasons);
    }
    if !report.complete {
        reasons.push("the search was ended before every state was seen".to_owned());
    }
    let unwitnessed = of_kind(truecut_model::Verdict::Holds).filter(|property| !property.witnessed);
    reasons
        .extend(unwitnessed.map(|property| format!("{} could not have failed in this scope", property.name)));
    (if reasons.is_empty() { Verdict::Holds } else { Verdict::Unknown }, reasons)
}

pub(super) fn of(verdict: truecut_model::Verdict) -> Verdict {
    match verdict {
        truecut_model::Verdict::Holds => Verdict::Holds,
        truecut_model::Verdict::Violated => Verdict::Violated,
        truecut_model::Verdict::Unknown => Verdict::Unknown,
    }
}

fn tell(report: &CheckReport, document: &Document, world: &World) {
    let style = Style::stdout();
    output::line(&format!("{}   scope {}", style.verdict(document.verdict), document.scope));
    document.reasons.iter().for_each(|reason| output::line(&format!("  {reason}")));
    let assumed: Vec<String> = document.assumed.iter().map(Assumed::to_string).collect();
    let assumed = if assumed.is_empty() { "nothing fails".to_owned() } else { assumed.join(", ") };
    output::line(&style.dim(&format!("  assumed: {assumed}")));
    if let Some(Expected::Equivalent { argument, .. }) =
        document.mutant.and_then(Mutant::from_name).map(|mutant| mutant.info().expected)
    {
        output::line(&style.dim(&format!("  said to be the same as the protocol: {argument}")));
    }
    output::line("");
    let row = |property: &PropertyRow| {
        let witnessed = if property.witnessed { "witnessed" } else { "not witnessed" };
        vec![property.name.to_owned(), style.verdict(property.verdict), style.dim(witnessed)]
    };
    output::table(&document.properties.iter().map(row).collect::<Vec<_>>());
    output::line(&format!("\n{}", summary(report)));
    output::line(&style.dim(&evidence(report)));
    for found in counterexamples(report) {
        output::line(&format!("\n{}:", style.red(&format!("{} is violated", found.breaks))));
        steps(found);
    }
    if counterexamples(report).next().is_some() {
        told_where(&document.saved, &command(world));
    }
}

/// States, time and speed in one line.
pub(in crate::cli) fn summary(report: &CheckReport) -> String {
    format!(
        "{} unique states, {} steps, depth {}, {:.1} s, {} states/s",
        grouped(report.unique_states),
        grouped(report.generated_states),
        report.depth,
        report.seconds,
        grouped(rounded(report.states_per_second())),
    )
}

/// What a search is worth: memory, odds, and what it never did.
fn evidence(report: &CheckReport) -> String {
    let never = if report.never_taken.is_empty() {
        "every kind of step was taken".to_owned()
    } else {
        format!("never taken: {}", report.never_taken.join(", "))
    };
    format!(
        "{:.1} bytes per state seen; odds that one was mistaken for another: at most {:.0e}\n{never}",
        report.bytes_per_state(),
        report.omission_odds(),
    )
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed is told, not computed with"
)]
fn rounded(number: f64) -> u64 {
    number as u64
}

/// The command that checked this world.
fn command(world: &World) -> String {
    let mut text = format!("truecut check --scope {}", world.scope);
    if !world.assume.is_empty() {
        let assume: Vec<String> = world.assume.iter().map(Assumed::to_string).collect();
        text += &format!(" --assume {}", assume.join(","));
    }
    world.sink.iter().for_each(|sink| text += &format!(" --sink {}", sink.name()));
    world.mutant.iter().for_each(|mutant| text += &format!(" --mutant {mutant}"));
    text
}

/// Whether a report is a pass, for those who only ask that.
pub(in crate::cli) fn verdict_of(report: &CheckReport) -> Verdict {
    judged(report).0
}

/// A case per property; one more if a role's own assertion failed.
fn cases(report: &CheckReport) -> Vec<Case> {
    let of_property = |property: &PropertyReport| {
        let name = property.name.to_owned();
        match (&property.counterexample, property.verdict, property.witnessed) {
            (Some(found), _, _) => {
                Case::failed(name, format!("{} is violated", property.name), found.to_string())
            }
            (None, truecut_model::Verdict::Holds, true) => Case::passed(name),
            (None, truecut_model::Verdict::Holds, false) => {
                Case::unknown(name, "it could not have failed in this scope".to_owned())
            }
            (None, _, _) => {
                Case::unknown(name, "the search was ended before every state was seen".to_owned())
            }
        }
    };
    let mut cases: Vec<Case> = report.properties.iter().map(of_property).collect();
    if let Some((said, found)) = &report.panic {
        cases.push(Case::failed("assertions of the core".to_owned(), said.clone(), found.to_string()));
    }
    cases
}
