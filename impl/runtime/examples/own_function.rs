//! A program with a function of its own: `cargo run --example own_function -- JOB.toml`, where the job file says
//! `operator = { function = "shout", exchange = "key-by" }`.
//!
//! The same program is started again for the coordinator and for each worker, which is why `entry` comes first.

use std::path::PathBuf;
use std::process::ExitCode;

use truecut_runtime::batch::{ANY_PARTITION, RecordBatch, RecordRef};
use truecut_runtime::config::JobConfig;
use truecut_runtime::failure::{ProcessError, exit};
use truecut_runtime::function::{FunctionError, Keyed, KeyedFunction};
use truecut_runtime::process;
use truecut_runtime::program::Functions;
use truecut_runtime::supervise::{self, JobOptions};

/// Writes each value in capitals, with the number of times that its key was seen.
#[derive(Debug, Default)]
struct Shout;

impl KeyedFunction for Shout {
    type Value = u64;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        seen: &mut u64,
        out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        *seen += 1;
        let text = std::str::from_utf8(record.value.unwrap_or_default())?;
        let value = format!("{} ({seen})", text.to_uppercase());
        out.push(RecordRef { value: Some(value.as_bytes()), partition: ANY_PARTITION, ..record });
        Ok(())
    }

    fn encode(seen: &u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&seen.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<u64, FunctionError> {
        Ok(u64::from_le_bytes(bytes.try_into()?))
    }
}

#[expect(clippy::print_stderr, reason = "a program for a terminal")]
fn main() -> ExitCode {
    let functions = Functions::default().with("shout", || Box::new(Keyed::new(Shout)));
    if let Some(code) = process::entry(&functions) {
        return code;
    }
    match run() {
        Ok(ended) => {
            eprintln!("{}", ended.message);
            ExitCode::from(ended.exit_code)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program for a terminal")]
fn run() -> Result<supervise::Ended, ProcessError> {
    let usage = || ProcessError::BadData {
        detail: format!("usage: own_function JOB.toml (exit code {})", exit::USAGE),
    };
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or_else(usage)?);
    let config = JobConfig::read(&path)?;
    let logs = supervise::default_logs(&config);
    let traces = std::env::var_os("TRUECUT_TRACES").map(PathBuf::from);
    let coordinator_environment = Vec::new();
    let options = JobOptions {
        config,
        fresh: false,
        accept_loss: false,
        logs,
        traces,
        mutant: None,
        coordinator_environment,
    };
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| ProcessError::environment("start threads", &error))?;
    runtime.block_on(supervise::run(&options, |event| eprintln!("{event:?}")))
}
