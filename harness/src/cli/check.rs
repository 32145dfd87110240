//! `truecut check`: the protocol in a bounded world, exhaustively; and the wrong protocols, each of which must be found.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use truecut::failure::Failure;
use truecut::verdict::{Exit, SCHEMA, Verdict};
use truecut_model::{CheckReport, Counterexample, MutantReport, Options, Progress, Scope};
use truecut_mutants::Mutant;

use super::output::{self, Style, grouped};
use super::{Outcome, show, time};

/// Check the protocol exhaustively in a bounded world with crashes
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The world to explore; `truecut list scopes` names them
    #[arg(long, value_name = "SCOPE", conflicts_with = "mutants")]
    scope: Option<String>,
    /// Check every wrong protocol: each must be found by the property that it is there for
    #[arg(long)]
    mutants: bool,
    /// Check this wrong protocol instead, and tell how it fails
    #[arg(long, value_name = "NAME", conflicts_with = "mutants")]
    mutant: Option<String>,
    /// Threads that search [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Give up after this time; what was not violated by then is unknown
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    time_limit: Option<Duration>,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// The scope that is checked unless another one is named.
const USUAL_SCOPE: &str = "pr";

impl Check {
    pub(super) fn run(&self) -> Outcome {
        let mutant = self.mutant.as_deref().map(named_mutant).transpose()?;
        match (&self.scope, mutant) {
            (None, None) if self.mutants => Ok(self.every_mutant()),
            (None, Some(mutant)) => Ok(self.one_mutant(mutant)),
            (scope, mutant) => {
                let scope = named_scope(scope.as_deref().unwrap_or(USUAL_SCOPE))?;
                Ok(self.one_scope(scope, mutant))
            }
        }
    }

    fn one_scope(&self, scope: &Scope, mutant: Option<Mutant>) -> u8 {
        let report = in_scope(scope, self.limits(), mutant, self.json);
        let document = Document::new(&report, mutant);
        if self.json {
            output::document(&document);
        } else {
            tell(&report, &document);
        }
        Exit::from(document.verdict).code()
    }

    /// A wrong protocol that is found has violated something: that is the verdict.
    fn one_mutant(&self, mutant: Mutant) -> u8 {
        let started = Instant::now();
        let reports = [search(mutant, self.limits(), &bar(self.json))];
        let verdict = if reports[0].killed_by.is_some() { Verdict::Violated } else { Verdict::Unknown };
        self.tell_mutants(&reports, verdict, started);
        if let Some(counterexample) = reports[0].counterexample.as_ref().filter(|_| !self.json) {
            output::line("");
            steps(counterexample);
        }
        Exit::from(verdict).code()
    }

    fn every_mutant(&self) -> u8 {
        let started = Instant::now();
        let bar = bar(self.json);
        let reports: Vec<MutantReport> =
            Mutant::all().iter().map(|mutant| search(*mutant, self.limits(), &bar)).collect();
        bar.finish_and_clear();
        let all = reports.iter().all(|report| report.killed_by == Some(report.expected));
        let verdict = if all { Verdict::Holds } else { Verdict::Violated };
        self.tell_mutants(&reports, verdict, started);
        Exit::from(verdict).code()
    }

    fn tell_mutants(&self, reports: &[MutantReport], verdict: Verdict, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        if self.json {
            let mutants = reports.iter().map(MutantRow::new).collect();
            output::document(&MutantsDocument {
                schema: SCHEMA,
                command: "check",
                verdict,
                seconds,
                mutants,
            });
            return;
        }
        let style = Style::stdout();
        let row = |report: &MutantReport| {
            let found =
                report.killed_by.map_or_else(|| style.red("not found"), |property| style.green(property));
            let way = format!("{} steps, scope {}, {:.1} s", report.steps, report.scope, report.seconds);
            vec![report.name.to_owned(), found, style.dim(&way)]
        };
        output::table(&reports.iter().map(row).collect::<Vec<_>>());
        let found = reports.iter().filter(|report| report.killed_by.is_some()).count();
        output::line(&format!(
            "\n{found} of {} wrong protocols were found, in {seconds:.1} s",
            reports.len()
        ));
    }

    fn limits(&self) -> Limits {
        let threads = self.threads.map(usize::from);
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits { threads: threads.unwrap_or_else(all), time: self.time_limit }
    }
}

/// How much a search may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) threads: usize,
    pub(super) time: Option<Duration>,
}

/// Checks a scope and shows how far it is.
pub(super) fn in_scope(scope: &Scope, limits: Limits, mutant: Option<Mutant>, quiet: bool) -> CheckReport {
    let bar = bar(quiet);
    let mut progress = |progress: Progress| bar.set_message(far(&scope.name, progress));
    let options =
        Options { threads: limits.threads, time_limit: limits.time, mutant, progress: &mut progress };
    let report = truecut_model::check(scope, options);
    bar.finish_and_clear();
    report
}

/// Searches for a wrong protocol's failure.
pub(super) fn search(mutant: Mutant, limits: Limits, bar: &ProgressBar) -> MutantReport {
    let mut progress = |progress: Progress| bar.set_message(far(mutant.name(), progress));
    let options = Options {
        threads: limits.threads,
        time_limit: limits.time,
        mutant: Some(mutant),
        progress: &mut progress,
    };
    truecut_model::check_mutant(mutant, options)
}

/// A live line, if there is someone to see it.
pub(super) fn bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { show::spinner() }
}

fn far(what: &str, progress: Progress) -> String {
    format!("{what}: {} states, depth {}", grouped(progress.unique_states), progress.depth)
}

fn named_scope(name: &str) -> Result<&'static Scope, Failure> {
    truecut_model::scope(name).ok_or_else(|| {
        let known: Vec<&str> = truecut_model::scopes().iter().map(|scope| &*scope.name).collect();
        Failure::usage(format!("there is no scope `{name}`; there are {}", known.join(", ")))
    })
}

fn named_mutant(name: &str) -> Result<Mutant, Failure> {
    let unknown =
        || Failure::usage(format!("there is no mutant `{name}`; `truecut list mutants` names them"));
    Mutant::from_name(name).ok_or_else(unknown)
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
    mutant: Option<&'static str>,
    unique_states: u64,
    generated_states: u64,
    depth: u64,
    /// Every reachable state was seen.
    complete: bool,
    properties: Vec<PropertyRow>,
}

#[derive(Debug, Serialize)]
struct PropertyRow {
    name: &'static str,
    verdict: Verdict,
    witnessed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counterexample: Vec<String>,
}

impl Document {
    fn new(report: &CheckReport, mutant: Option<Mutant>) -> Self {
        let (verdict, reasons) = judged(report);
        let row = |property: &truecut_model::PropertyReport| PropertyRow {
            name: property.name,
            verdict: of(property.verdict),
            witnessed: property.witnessed,
            counterexample: property
                .counterexample
                .as_ref()
                .map(|found| found.steps.clone())
                .unwrap_or_default(),
        };
        Self {
            schema: SCHEMA,
            command: "check",
            verdict,
            reasons,
            seconds: report.seconds,
            scope: report.scope.clone(),
            mutant: mutant.map(Mutant::name),
            unique_states: report.unique_states,
            generated_states: report.generated_states,
            depth: report.depth,
            complete: report.complete,
            properties: report.properties.iter().map(row).collect(),
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

fn of(verdict: truecut_model::Verdict) -> Verdict {
    match verdict {
        truecut_model::Verdict::Holds => Verdict::Holds,
        truecut_model::Verdict::Violated => Verdict::Violated,
        truecut_model::Verdict::Unknown => Verdict::Unknown,
    }
}

fn tell(report: &CheckReport, document: &Document) {
    let style = Style::stdout();
    output::line(&format!("{}   scope {}", style.verdict(document.verdict), document.scope));
    document.reasons.iter().for_each(|reason| output::line(&format!("  {reason}")));
    output::line("");
    let row = |property: &PropertyRow| {
        let witnessed = if property.witnessed { "witnessed" } else { "not witnessed" };
        vec![property.name.to_owned(), style.verdict(property.verdict), style.dim(witnessed)]
    };
    output::table(&document.properties.iter().map(row).collect::<Vec<_>>());
    output::line(&format!("\n{}", summary(report)));
    for property in &report.properties {
        if let Some(counterexample) = &property.counterexample {
            output::line(&format!("\n{} is violated:", style.red(property.name)));
            steps(counterexample);
        }
    }
    if let Some((said, counterexample)) = &report.panic {
        output::line(&format!("\n{}: {said}", style.red("a role's own assertion failed")));
        steps(counterexample);
    }
}

/// States, time and speed in one line.
pub(super) fn summary(report: &CheckReport) -> String {
    format!(
        "{} unique states, {} steps, depth {}, {:.1} s",
        grouped(report.unique_states),
        grouped(report.generated_states),
        report.depth,
        report.seconds,
    )
}

/// Whether a report is a pass, for those who only ask that.
pub(super) fn verdict_of(report: &CheckReport) -> Verdict {
    judged(report).0
}

/// A counterexample as numbered sentences.
fn steps(counterexample: &Counterexample) {
    for (number, step) in (1..).zip(&counterexample.steps) {
        output::line(&format!("{number:>4}. {step}"));
    }
}

/// What `--json` prints of wrong protocols.
#[derive(Debug, Serialize)]
struct MutantsDocument {
    schema: u32,
    command: &'static str,
    verdict: Verdict,
    seconds: f64,
    mutants: Vec<MutantRow>,
}

#[derive(Debug, Serialize)]
struct MutantRow {
    name: &'static str,
    killed_by: Option<&'static str>,
    expected: &'static str,
    scope: String,
    seconds: f64,
    steps: usize,
    counterexample: Vec<String>,
}

impl MutantRow {
    fn new(report: &MutantReport) -> Self {
        Self {
            name: report.name,
            killed_by: report.killed_by,
            expected: report.expected,
            scope: report.scope.clone(),
            seconds: report.seconds,
            steps: report.steps,
            counterexample: report
                .counterexample
                .as_ref()
                .map(|found| found.steps.clone())
                .unwrap_or_default(),
        }
    }
}
