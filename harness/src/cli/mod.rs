//! The command line: which commands there are, and how each one ends. What a command does is in its own file.

mod analyze;
mod bench;
mod campaign;
mod chaos;
mod check;
mod clean;
mod demo;
mod doctor;
mod explore;
mod from_model;
mod judged;
mod junit;
mod list;
mod output;
mod replay;
mod report;
mod run;
mod show;
mod time;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use truecut::failure::Failure;
use truecut::verdict::Exit;

const EXAMPLES: &str = "\
Examples:
  truecut demo                                 the model checked, a job killed, a report to look at
  truecut check --scope pr                     every property, exhaustively, in a bounded world
  truecut check --mutants                      every wrong protocol must be found
  truecut check --mutant skip_alignment --save found   how one fails: in sentences, as a chart, to run again
  truecut explore --scope smoke                walk through the model in the browser
  truecut chaos --kafka container --seed 7     kill -9 a real job on real Kafka, compare its output
  truecut chaos --mutant skip_alignment        the same with a wrong protocol: must end violated
  truecut run job.toml                         move a topic to another one, exactly once
  truecut chaos --plan zombies                 faults by a plan: one that has a name, or a file
  truecut chaos --campaign points              a kill at every crash point, over many runs
  truecut chaos --from found/NAME.json         a counterexample of the model, on real Kafka
  truecut replay truecut-runs/RUN              carry out the plan of a run again
  truecut bench throughput --vs raw            how fast, beside the Kafka client's own limit
  truecut analyze truecut-runs/RUN             judge a run again, from its files alone
";

const EXIT_CODES: &str = "\
Exit codes: 0 holds or done, 1 violated, 2 unknown, 3 environment not usable, 4 job failed, 64 usage,
65 bad data (job file, checkpoint, run directory), 70 internal, 130 interrupted.";

/// A consistent cut you can prove: check, run and kill the checkpoint protocol that makes Kafka jobs exactly-once.
#[derive(Debug, Parser)]
#[command(name = "truecut", version, before_help = EXAMPLES, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Check(check::Check),
    Explore(explore::Explore),
    Chaos(chaos::Chaos),
    Run(run::Run),
    Bench(bench::Bench),
    Replay(replay::Replay),
    Analyze(analyze::Analyze),
    Report(report::Report),
    List(list::List),
    Doctor(doctor::Doctor),
    Clean(clean::Clean),
}

/// What a command came to: an exit code, or why it could not do its work.
type Outcome = Result<u8, Failure>;

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A help text that can't be printed has no reader.
            drop(error.print());
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { Exit::Usage.into() };
        }
    };
    let (name, json, outcome) = match cli.command {
        Command::Demo(demo) => ("demo", false, demo.run()),
        Command::Check(check) => ("check", check.json, check.run()),
        Command::Explore(explore) => ("explore", false, explore.run()),
        Command::Chaos(chaos) => ("chaos", chaos.json, chaos.run()),
        Command::Run(run) => ("run", run.json, run.run()),
        Command::Bench(bench) => ("bench", bench.json(), bench.run()),
        Command::Replay(replay) => ("replay", replay.json, replay.run()),
        Command::Analyze(analyze) => ("analyze", analyze.json, analyze.run()),
        Command::Report(report) => ("report", false, report.run()),
        Command::List(list) => ("list", list.json, list.run()),
        Command::Doctor(doctor) => ("doctor", doctor.json, doctor.run()),
        Command::Clean(clean) => ("clean", clean.json, clean.run()),
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| {
        if json {
            output::document(&output::Failed::new(name, &failure));
        }
        output::error(&failure.message);
        failure.exit.code()
    }))
}

/// Runs a command's future on this thread, with helpers for I/O; children of the program are started from this thread, so
/// that they live as long as it does. Ctrl-C and SIGTERM end it: what it holds is dropped, and takes away what it started.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = work => result,
            signal = interrupted() => Err(signal),
        }
    });
    runtime.shutdown_background();
    result
}

/// A tokio runtime.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|error| Failure::environment(format!("can't start threads: {error}")))
}

async fn interrupted() -> Failure {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return Failure::internal("SIGTERM can't be listened to");
    };
    let name = tokio::select! {
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
    };
    Failure::interrupted(format!("ended by {name}; what was started was taken away again"))
}
