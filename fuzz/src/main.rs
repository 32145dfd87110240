//! `truecut-fuzz TARGET`: a random campaign, on any compiler.
#![expect(clippy::print_stdout, reason = "it reports to whoever runs it")]

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use truecut_fuzz::campaign::{self, Report};
use truecut_fuzz::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a fuzz target over its corpus and random mutations of it, until it ran so often or found something.
#[derive(Debug, Parser)]
struct Arguments {
    /// The target; without one, all are named.
    target: Option<String>,
    /// How often.
    #[arg(long, default_value_t = 1_000_000)]
    executions: u64,
    /// Determines all mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Puts the shortest input of each of so many outcomes into the corpus.
    #[arg(long, default_value_t = 0)]
    keep: usize,
    /// Runs over this file instead, once.
    #[arg(long)]
    input: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(name) = &arguments.target else {
        TARGETS.iter().for_each(|target| println!("{:12} {}", target.name, target.purpose));
        return ExitCode::SUCCESS;
    };
    let Some(target) = TARGETS.iter().find(|target| target.name == *name) else {
        eprintln!("truecut-fuzz: there is no target `{name}`; `truecut-fuzz` alone names all");
        return ExitCode::from(64);
    };
    match &arguments.input {
        Some(input) => once(target, input),
        None => run(target, &arguments),
    }
}

fn once(target: &Target, input: &Path) -> ExitCode {
    match fs::read(input) {
        Ok(bytes) => {
            println!("{:?}", (target.run)(&bytes));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("truecut-fuzz: can't read {}: {error}", input.display());
            ExitCode::from(3)
        }
    }
}

/// Inputs of a target lie here, one a file.
fn folder(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target.name)
}

fn run(target: &Target, &Arguments { executions, seed, keep, .. }: &Arguments) -> ExitCode {
    // There may be none yet.
    let mut seeds = campaign::corpus(&folder("corpus", target)).unwrap_or_default();
    seeds.extend((target.seeds)());
    let watched = std::io::stderr().is_terminal();
    let report = campaign::run(target.run, seeds, executions, seed, |executions, outcomes| {
        if watched {
            eprint!("\r{executions} executions, {outcomes} outcomes");
        }
    });
    if watched {
        eprintln!();
    }
    tell(target, seed, &report);
    let saved = match &report.finding {
        Some(finding) => save(&folder("findings", target), std::slice::from_ref(&finding.input)),
        None => save(&folder("corpus", target), &chosen(&report, keep)),
    };
    if let Err(error) = saved {
        eprintln!("truecut-fuzz: an input can't be saved: {error}");
        return ExitCode::from(3);
    }
    if report.finding.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn tell(target: &Target, seed: u64, report: &Report) {
    let seconds = report.time.as_secs_f64();
    println!(
        "{}: {} executions from seed {seed} in {seconds:.1} s, {} distinct outcomes",
        target.name,
        report.executions,
        report.outcomes.len()
    );
    let mut kinds: Vec<(&str, usize, u64)> = Vec::new();
    for (outcome, times) in &report.outcomes {
        match kinds.iter_mut().find(|(kind, ..)| *kind == outcome.kind) {
            Some((_, distinct, all)) => {
                *distinct += 1;
                *all += times;
            }
            None => kinds.push((outcome.kind, 1, *times)),
        }
    }
    for (kind, distinct, times) in kinds {
        println!("  {kind}: {times} executions, {distinct} distinct");
    }
    match &report.finding {
        None => println!("  no finding"),
        Some(finding) => {
            println!("  finding, at an input of {} bytes: {}", finding.input.len(), finding.said)
        }
    }
}

/// Inputs of so many outcomes, those of rare ones first.
fn chosen(report: &Report, keep: usize) -> Vec<Vec<u8>> {
    let mut outcomes: Vec<_> = report.outcomes.iter().collect();
    outcomes.sort_by_key(|(_, times)| **times);
    outcomes.into_iter().take(keep).filter_map(|(outcome, _)| report.inputs.get(outcome).cloned()).collect()
}

/// Saves inputs under names that tell their content.
fn save(folder: &Path, inputs: &[Vec<u8>]) -> std::io::Result<()> {
    for input in inputs {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(campaign::name(input)), input)?;
    }
    if !inputs.is_empty() {
        println!("  {} inputs in {}", inputs.len(), folder.display());
    }
    Ok(())
}
