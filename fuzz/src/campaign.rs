//! Random campaigns on any compiler: inputs are mutated, those that bring a new outcome are kept and mutated further.
//!
//! There is no coverage to go by, as libFuzzer has; outcomes stand for it.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::mutator::mutate;
use crate::outcome::Outcome;

/// Inputs that are kept for mutation, at most.
const KEPT: usize = 10_000;

/// What a campaign came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How often the target ran.
    pub executions: u64,
    /// How long that took.
    pub time: Duration,
    /// How often each outcome came.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The shortest input that was met for each outcome.
    pub inputs: BTreeMap<Outcome, Vec<u8>>,
    /// The input at which it ended early, and what was said.
    pub finding: Option<Finding>,
}

/// An input that shows a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The bytes.
    pub input: Vec<u8>,
    /// What was said.
    pub said: String,
}

/// Runs `target` over the seeds, then over mutations, until it ran so often or finds something.
pub fn run(
    target: impl Fn(&[u8]) -> Outcome,
    seeds: Vec<Vec<u8>>,
    executions: u64,
    seed: u64,
    mut progress: impl FnMut(u64, usize),
) -> Report {
    let began = Instant::now();
    let mut report = Report {
        executions: 0,
        time: Duration::ZERO,
        outcomes: BTreeMap::new(),
        inputs: BTreeMap::new(),
        finding: None,
    };
    let mut dice = Dice::new(seed);
    let mut kept: Vec<Vec<u8>> = vec![Vec::new()];
    let mut seeds = seeds.into_iter();
    while report.executions < executions && report.finding.is_none() {
        let input = seeds.next().unwrap_or_else(|| next(&mut dice, &kept));
        if report.execute(&target, &input) && kept.len() < KEPT {
            kept.push(input);
        }
        if report.executions.is_multiple_of(1 << 16) {
            progress(report.executions, report.outcomes.len());
        }
    }
    report.time = began.elapsed();
    report
}

fn next(dice: &mut Dice, kept: &[Vec<u8>]) -> Vec<u8> {
    // Half of the time one of the latest: what is new has not been looked into.
    let newest = kept.len().min(16);
    let place =
        if dice.one_in(2) { dice.below(kept.len()) } else { kept.len() - newest + dice.below(newest) };
    let mut input = kept[place].clone();
    let other = dice.below(kept.len());
    mutate(dice, &mut input, &kept[other]);
    input
}

impl Report {
    /// Runs the target once; whether the outcome is new.
    fn execute(&mut self, target: impl Fn(&[u8]) -> Outcome, input: &[u8]) -> bool {
        self.executions += 1;
        match caught(target, input) {
            Ok(outcome) => {
                *self.outcomes.entry(outcome).or_default() += 1;
                match self.inputs.get_mut(&outcome) {
                    Some(shortest) if input.len() < shortest.len() => {
                        *shortest = input.to_vec();
                        false
                    }
                    Some(_) => false,
                    None => {
                        self.inputs.insert(outcome, input.to_vec());
                        true
                    }
                }
            }
            Err(said) => {
                self.finding = Some(Finding { input: input.to_vec(), said });
                false
            }
        }
    }
}

/// What came of one execution; the error is what a panic said.
///
/// # Errors
/// The target panicked.
pub fn caught(target: impl Fn(&[u8]) -> Outcome, input: &[u8]) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
    })
}

/// The inputs in a folder, in the order of their names.
///
/// # Errors
/// It can't be read.
pub fn corpus(folder: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let entries: Result<Vec<_>, _> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = entries?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// The name of an input's file.
#[must_use]
pub fn name(input: &[u8]) -> String {
    let length = input.len();
    format!("{:08x}-{length}", crc32c::crc32c(input))
}
