//! One step: a command that runs with a line before it and its time after it.
//!
//! Decides how progress looks and what a failed step means for the exit code. What is run is the caller's.

use std::fmt;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Why a task ended without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A step ran and failed. Holds what it was.
    Step(String),
    /// The machine lacks something that could not be set up. Holds what, and what to do.
    Environment(String),
}

impl Failure {
    /// 1 for a failed step; 3 for a machine that lacks something.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Step(_) => ExitCode::from(1),
            Failure::Environment(_) => ExitCode::from(3),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Step(what) | Failure::Environment(what) => f.write_str(what),
        }
    }
}

/// Runs `command` to its end, says what it is and how long it took.
///
/// # Errors
/// [`Failure::Step`] when it cannot be started or ends with another status than 0.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Failure> {
    eprintln!("==> {what}");
    let started = Instant::now();
    let status = command.status().map_err(|e| {
        Failure::Step(format!("{what}: `{}` could not be started: {e}", command.get_program().display()))
    })?;
    let seconds = started.elapsed().as_secs_f64();
    if status.success() {
        eprintln!("    {what}: done in {seconds:.1} s");
        return Ok(());
    }
    Err(Failure::Step(format!("{what}: failed after {seconds:.1} s ({status})")))
}

/// The cargo that runs this program.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
