//! `cargo xtask`: sets up what is missing on this machine, then runs the project's commands.
//!
//! Decides the order of steps and the exit codes. Leaves to others: what a machine is and has (`host`), what each
//! command needs (`need`), the container engine (`engine`), running and timing one command (`step`).

mod command;
mod engine;
mod host;
mod need;
mod step;

use std::process::ExitCode;

use command::{Request, Task};

fn main() -> ExitCode {
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(64);
        }
    };
    let outcome = match request.task {
        Task::Help => {
            eprintln!("{}", command::HELP);
            Ok(())
        }
        Task::Setup => command::setup(request.yes),
        Task::Peers => command::peers(request.yes),
        Task::Demo => command::demo(request.yes, &request.rest),
        Task::Test => command::test(request.yes),
        Task::Verify => command::verify(request.yes),
        Task::Fix => command::fix(request.yes),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}
