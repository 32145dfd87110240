//! Wrong protocols: each must be found by the property that it is there for; those that are the same as the protocol must violate
//! nothing.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use truecut::counterexample::world::World;
use truecut::failure::Failure;
use truecut::verdict::{SCHEMA, Verdict};
use truecut_model::{CheckReport, Counterexample, MutantReport};
use truecut_mutants::{Expected, Mutant};

use super::super::junit::Case;
use super::pages::{self, Known};
use super::{Check, Watch, names, said, steps, told_where};
use crate::cli::Outcome;
use crate::cli::output::{self, Style};

/// A wrong protocol that is found has violated something: that is the verdict.
pub(super) fn one(check: &Check, mutant: Mutant) -> Outcome {
    let started = Instant::now();
    let mut watch = Watch::new();
    let report = check.limits().mutant(mutant, &mut watch);
    watch.end();
    let verdict = match (report.killed_by, report.complete) {
        (Some(_), _) => Verdict::Violated,
        (None, true) => Verdict::Holds,
        (None, false) => Verdict::Unknown,
    };
    let mut found = Found { killed: vec![report], ..Found::default() };
    let saved = found.save(check);
    let seconds = started.elapsed().as_secs_f64();
    let written = saved.and(check.junit(&format!("mutant {mutant}"), &[alone(&found.killed[0])], seconds));
    if check.json {
        output::document(&found.document(verdict, seconds));
        return Ok(said(verdict, written));
    }
    found.table();
    if let Some(counterexample) = &found.killed[0].counterexample {
        output::line(&format!("\n{}: {}\n", mutant.name(), mutant.describe()));
        steps(counterexample);
        told_where(&found.saved, &format!("truecut check --mutant {mutant}"));
    }
    Ok(said(verdict, written))
}

pub(super) fn every(check: &Check) -> Outcome {
    let started = Instant::now();
    let mut watch = Watch::new();
    let mut found = Found {
        killed: Mutant::all().iter().map(|mutant| check.limits().mutant(*mutant, &mut watch)).collect(),
        ..Found::default()
    };
    found.same.extend(
        Mutant::equivalents().iter().map(|mutant| (*mutant, check.limits().whole(*mutant, &mut watch))),
    );
    if check.pages.is_some() || check.kill_matrix.is_some() {
        found.write_pages(check, &mut watch)?;
    }
    watch.end();
    let saved = found.save(check);
    let (verdict, seconds) = (found.verdict(), started.elapsed().as_secs_f64());
    let written = saved.and(check.junit("mutants", &found.cases(), seconds));
    if check.json {
        output::document(&found.document(verdict, seconds));
    } else {
        found.tell(seconds);
    }
    Ok(said(verdict, written))
}

/// The case of one wrong protocol, as its verdict: found is violated.
fn alone(report: &MutantReport) -> Case {
    let name = report.expected.to_owned();
    match (&report.counterexample, report.complete) {
        (Some(found), _) => Case::failed(name, format!("{} is violated", report.expected), found.to_string()),
        (None, true) => Case::passed(name),
        (None, false) => Case::unknown(name, "the search was ended before every state was seen".to_owned()),
    }
}

/// What became of wrong protocols.
#[derive(Default)]
struct Found {
    /// Those that must be found.
    killed: Vec<MutantReport>,
    /// Those that are the same as the protocol.
    same: Vec<(Mutant, CheckReport)>,
    saved: Vec<PathBuf>,
    /// How many pages were written.
    pages: usize,
}

/// Whether such a one is, in its whole scope, what it is said to be; none if not all of it was seen.
fn is_same(report: &CheckReport) -> Option<bool> {
    let broken = report.panic.is_some() || !report.violated().is_empty();
    if broken { Some(false) } else { report.complete.then_some(true) }
}

impl Found {
    fn save(&mut self, check: &Check) -> Result<(), Failure> {
        for report in &self.killed {
            let world = World::of(&report.scope, Mutant::from_name(report.name));
            if let Some(counterexample) = &report.counterexample {
                self.saved.extend(check.saved(&world, counterexample)?);
            }
        }
        Ok(())
    }

    /// Searches the whole scope of every mutant, and writes what is known of each.
    fn write_pages(&mut self, check: &Check, watch: &mut Watch) -> Result<(), Failure> {
        let limits = check.limits();
        let whole: Vec<CheckReport> =
            Mutant::all().iter().map(|mutant| limits.whole(*mutant, watch)).collect();
        let killed = Mutant::all().iter().zip(&self.killed).zip(&whole);
        let killed = killed.map(|((mutant, kill), whole)| Known { mutant: *mutant, kill: Some(kill), whole });
        let same = self.same.iter().map(|(mutant, whole)| Known { mutant: *mutant, kill: None, whole });
        let known: Vec<Known<'_>> = killed.chain(same).collect();
        if let Some(directory) = &check.pages {
            self.pages = pages::write(directory, &known)?;
        }
        check.kill_matrix.iter().try_for_each(|file| pages::write_matrix(file, limits.threads, &known))
    }

    /// Holds if all are what they are said to be; unknown if only the time did not suffice.
    fn verdict(&self) -> Verdict {
        let killed = self.killed.iter().map(|report| match (report.killed_by, report.complete) {
            (Some(_), _) => Verdict::Holds,
            (None, true) => Verdict::Violated,
            (None, false) => Verdict::Unknown,
        });
        let same = self.same.iter().map(|(_, report)| match is_same(report) {
            Some(true) => Verdict::Holds,
            Some(false) => Verdict::Violated,
            None => Verdict::Unknown,
        });
        killed.chain(same).fold(Verdict::Holds, Verdict::and)
    }

    fn table(&self) {
        let style = Style::stdout();
        let killed = self.killed.iter().map(|report| {
            let found = match (report.killed_by, report.complete) {
                (Some(property), _) => style.green(property),
                (None, true) => style.red("not found"),
                (None, false) => style.yellow("unknown"),
            };
            let way = format!("{} steps, scope {}, {:.1} s", report.steps, report.scope, report.seconds);
            vec![report.name.to_owned(), found, style.dim(&way)]
        });
        let same = self.same.iter().map(|(mutant, report)| {
            let found = match is_same(report) {
                Some(true) => style.green("the same"),
                Some(false) => style.red("not the same"),
                None => style.yellow("unknown"),
            };
            let way = format!("all of scope {}, {:.1} s", report.scope, report.seconds);
            vec![mutant.name().to_owned(), found, style.dim(&way)]
        });
        output::table(&killed.chain(same).collect::<Vec<_>>());
    }

    fn tell(&self, seconds: f64) {
        self.table();
        let found = self.killed.iter().filter(|report| report.killed_by.is_some()).count();
        output::line(&format!(
            "\n{found} of {} wrong protocols were found, in {seconds:.1} s",
            self.killed.len()
        ));
        let same = self.same.iter().filter(|(_, report)| is_same(report) == Some(true)).count();
        output::line(&format!(
            "{same} of {} that are said to be the same as the protocol violate nothing",
            self.same.len()
        ));
        if self.pages > 0 {
            output::line(&format!("{} pages were written", self.pages));
        }
        if !self.saved.is_empty() {
            output::line(&format!("{} files were saved", self.saved.len()));
        }
    }

    fn cases(&self) -> Vec<Case> {
        let unknown = || "the search was ended before every state was seen".to_owned();
        let killed = self.killed.iter().map(|report| {
            let name = report.name.to_owned();
            match (report.killed_by, report.complete) {
                (Some(_), _) => Case::passed(name),
                (None, true) => {
                    let message = format!("{} does not find it", report.expected);
                    Case::failed(name, message, format!("all of scope {} was seen", report.scope))
                }
                (None, false) => Case::unknown(name, unknown()),
            }
        });
        let same = self.same.iter().map(|(mutant, report)| {
            let name = mutant.name().to_owned();
            match is_same(report) {
                Some(true) => Case::passed(name),
                Some(false) => {
                    let found =
                        report.properties.iter().find_map(|property| property.counterexample.as_ref());
                    let found = found.or(report.panic.as_ref().map(|(_, found)| found));
                    let told = found.map(Counterexample::to_string).unwrap_or_default();
                    Case::failed(name, "it is not the same as the protocol".to_owned(), told)
                }
                None => Case::unknown(name, unknown()),
            }
        });
        killed.chain(same).collect()
    }

    fn document(&self, verdict: Verdict, seconds: f64) -> Document {
        Document {
            schema: SCHEMA,
            command: "check",
            verdict,
            seconds,
            mutants: self.killed.iter().map(MutantRow::new).collect(),
            equivalent: self.same.iter().map(|(mutant, report)| SameRow::new(*mutant, report)).collect(),
            saved: names(&self.saved),
        }
    }
}

/// What `--json` prints of wrong protocols.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    verdict: Verdict,
    seconds: f64,
    mutants: Vec<MutantRow>,
    /// Those that nothing can tell from the protocol.
    equivalent: Vec<SameRow>,
    /// Files of counterexamples.
    saved: Vec<String>,
}

#[derive(Debug, Serialize)]
struct MutantRow {
    name: &'static str,
    killed_by: Option<&'static str>,
    expected: &'static str,
    scope: String,
    seconds: f64,
    /// Every reachable state was seen.
    complete: bool,
    steps: usize,
    counterexample: Vec<String>,
}

impl MutantRow {
    fn new(report: &MutantReport) -> Self {
        let told = |found: &Counterexample| found.sentences().map(str::to_owned).collect();
        Self {
            name: report.name,
            killed_by: report.killed_by,
            expected: report.expected,
            scope: report.scope.clone(),
            seconds: report.seconds,
            complete: report.complete,
            steps: report.steps,
            counterexample: report.counterexample.as_ref().map(told).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize)]
struct SameRow {
    name: &'static str,
    argument: &'static str,
    scope: String,
    seconds: f64,
    complete: bool,
    unique_states: u64,
    violates: Vec<&'static str>,
}

impl SameRow {
    fn new(mutant: Mutant, report: &CheckReport) -> Self {
        let argument = match mutant.info().expected {
            Expected::Equivalent { argument, .. } => argument,
            Expected::Killed { .. } => "",
        };
        Self {
            name: mutant.name(),
            argument,
            scope: report.scope.clone(),
            seconds: report.seconds,
            complete: report.complete,
            unique_states: report.unique_states,
            violates: report.violated(),
        }
    }
}
