//! Entry of coordinator and worker processes: the same program, started again with a hidden argument.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use truecut_mutants::Mutant;

use truecut_core::Token;

use crate::config::JobConfig;
use crate::coordinator::{self, CoordinatorOptions};
use crate::crash_point;
use crate::driver::Hosting;
use crate::event::{End, Event};
use crate::failure::{ProcessError, exit};
use crate::program::Functions;
use crate::worker::{self, WorkerOptions};

/// The hidden argument of a coordinator process.
pub const COORDINATOR: &str = "__coordinator";
/// The hidden argument of a worker process.
pub const WORKER: &str = "__worker";

/// What a coordinator process is started with, as JSON in one argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoordinatorArguments {
    /// The job.
    pub config: JobConfig,
    /// Tells it from every other coordinator.
    pub token: u64,
    /// Leave the completed checkpoints behind.
    pub fresh: bool,
    /// Go on after a lost transaction.
    pub accept_loss: bool,
    /// `POINT:ORDINAL` at which it kills itself.
    pub crash_at: Option<String>,
    /// What all processes of a job are told.
    pub common: Common,
}

/// What a worker process is started with, as JSON in one argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkerArguments {
    /// Where the coordinator listens.
    pub coordinator: String,
    /// Slots to offer.
    pub slots: u16,
    /// `POINT:ORDINAL` at which it kills itself.
    pub crash_at: Option<String>,
    /// What all processes of a job are told.
    pub common: Common,
}

/// What all processes of a job are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Common {
    /// Where it logs to.
    pub log: PathBuf,
    /// Directory of the traces, if any are wanted.
    pub traces: Option<PathBuf>,
    /// Name of the wrong protocol to run, if one is.
    pub mutant: Option<String>,
}

/// Runs this process as a coordinator or worker, if its arguments say so. A program's `main` calls it first.
#[must_use]
pub fn entry(functions: &Functions) -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let kind = arguments.next()?;
    let is_worker = kind == WORKER;
    if !is_worker && kind != COORDINATOR {
        return None;
    }
    let code = run(is_worker, arguments.next(), functions).unwrap_or_else(|error| {
        tracing::error!(%error, "this process can't go on");
        if is_worker {
            complain(&error);
        } else {
            coordinator::emit(&Event::Ended {
                end: End::Failed,
                message: error.to_string(),
                exit_code: error.exit_code(),
            });
        }
        error.exit_code()
    });
    Some(ExitCode::from(code))
}

#[expect(clippy::print_stderr, reason = "the last word of a process to the person who started the job")]
fn complain(error: &ProcessError) {
    eprintln!("truecut worker: {error}");
}

fn internal(detail: &dyn std::fmt::Display) -> ProcessError {
    ProcessError::Internal { detail: format!("hidden argument: {detail}") }
}

fn arm(crash_at: Option<String>) -> Result<(), ProcessError> {
    if let Some(at) = crash_at {
        crash_point::arm(at.parse().map_err(|error: String| internal(&error))?);
    }
    Ok(())
}

fn run(is_worker: bool, argument: Option<OsString>, functions: &Functions) -> Result<u8, ProcessError> {
    let text = argument.and_then(|text| text.into_string().ok()).ok_or_else(|| internal(&"missing"))?;
    die_with_parent()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("truecut").build();
    let runtime = runtime.map_err(|error| ProcessError::environment("start threads", &error))?;
    let code = if is_worker {
        let arguments: WorkerArguments = serde_json::from_str(&text).map_err(|error| internal(&error))?;
        let hosting = begin(&arguments.common)?;
        arm(arguments.crash_at)?;
        std::thread::spawn(listen_to_starter);
        let options = WorkerOptions { coordinator: arguments.coordinator, slots: arguments.slots, hosting };
        runtime.block_on(worker::run(options, functions)).map(|()| exit::OK)
    } else {
        let arguments: CoordinatorArguments =
            serde_json::from_str(&text).map_err(|error| internal(&error))?;
        let hosting = begin(&arguments.common)?;
        arm(arguments.crash_at)?;
        let CoordinatorArguments { config, token, fresh, accept_loss, .. } = arguments;
        let token = Token::new(token);
        runtime.block_on(coordinator::run(CoordinatorOptions { config, token, fresh, accept_loss, hosting }))
    };
    std::mem::forget(runtime); // threads that still use it end with the process, in a moment
    code
}

/// Whoever started a worker may arm crash points while it runs, a line each. The end of standard input means nothing.
fn listen_to_starter() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        crash_point::listen(&line);
    }
}

/// Opens the log and makes any panic the end of the process: a role that broke an invariant must not run on.
fn begin(common: &Common) -> Result<Hosting, ProcessError> {
    let log = std::fs::File::options().create(true).append(true).open(&common.log);
    let log = log.map_err(|error| {
        ProcessError::environment(&format!("write the log {}", common.log.display()), &error)
    })?;
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRUECUT_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(Arc::new(log)).init();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(panic = %info, "a panic ends this process");
        hook(info);
        std::process::exit(exit::INTERNAL.into());
    }));
    let unknown = |name: &String| ProcessError::Internal { detail: format!("there is no mutant `{name}`") };
    let mutant = common
        .mutant
        .as_ref()
        .map(|name| Mutant::from_name(name).ok_or_else(|| unknown(name)))
        .transpose()?;
    Ok(Hosting { traces: common.traces.clone().map(Arc::new), mutant })
}

/// A process whose supervisor was killed must not live on.
fn die_with_parent() -> Result<(), ProcessError> {
    let parent = nix::unistd::getppid();
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .map_err(|error| ProcessError::environment("tie this process to its parent", &error))?;
    if nix::unistd::getppid() == parent {
        Ok(())
    } else {
        Err(ProcessError::Environment { detail: "the supervisor is gone".into() })
    }
}
