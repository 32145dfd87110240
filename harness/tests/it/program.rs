//! Calls the built program.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a call gave.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// The one document on standard output.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("not one document ({e}): {} / {}", self.out, self.err))
    }
}

/// The program, to be given arguments.
pub(crate) fn truecut() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_truecut"));
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// Calls the program in a directory and waits for its end.
pub(crate) fn call_in(directory: &Path, arguments: &[&str]) -> Answer {
    let output = truecut().args(arguments).current_dir(directory).output().expect("the program starts");
    answer(output)
}

/// Calls the program and waits for its end.
pub(crate) fn call(arguments: &[&str]) -> Answer {
    call_in(&std::env::temp_dir(), arguments)
}

pub(crate) fn answer(output: Output) -> Answer {
    let text = |bytes| String::from_utf8(bytes).expect("the program prints text");
    Answer { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}
