//! The commands: what each runs, in which order.
//!
//! Decides the arguments given to cargo; what the machine needs before is `need`'s.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::need;
use crate::step::{self, Failure, cargo};

/// What `cargo xtask` without arguments, or with `help`, prints.
pub(crate) const HELP: &str = "\
cargo xtask demo      check the model, then kill a real job on real Kafka, and show the report
cargo xtask test      set up what is missing, then run every test, those on containers included
cargo xtask verify    format, lints and docs are looked at, then test; writes nothing into the sources
cargo xtask fix       format the sources and apply the lints' suggestions
cargo xtask setup     only set up what is missing
cargo xtask peers     build Flink and Kafka Streams, which `truecut bench` compares with (much is downloaded once)

--yes   install missing Debian packages without asking (CI never asks)

Exit codes: 0 done, 1 a step failed, 3 this machine lacks something, 64 usage.";

/// Which command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Setup,
    Peers,
    Demo,
    Test,
    Verify,
    Fix,
}

/// One call of `cargo xtask`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) task: Task,
    /// System packages may be installed without asking.
    pub(crate) yes: bool,
    /// What `demo` hands on to `truecut demo`.
    pub(crate) rest: Vec<String>,
}

impl Request {
    /// Reads the arguments; the error is the text to print.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut task, mut yes, mut rest) = (None, false, Vec::new());
        for argument in arguments {
            let named = match argument.as_str() {
                "--yes" | "-y" => {
                    yes = true;
                    continue;
                }
                "help" | "--help" | "-h" => Some(Task::Help),
                "setup" => Some(Task::Setup),
                "peers" => Some(Task::Peers),
                "demo" => Some(Task::Demo),
                "test" => Some(Task::Test),
                "verify" => Some(Task::Verify),
                "fix" => Some(Task::Fix),
                _ => None,
            };
            match (&task, named) {
                (None, Some(named)) => task = Some(named),
                (Some(Task::Demo), _) => rest.push(argument),
                (None | Some(_), _) => return Err(format!("xtask: what is `{argument}`?\n\n{HELP}")),
            }
        }
        Ok(Self { task: task.unwrap_or(Task::Help), yes, rest })
    }
}

/// Sets up everything that any command needs.
pub(crate) fn setup(yes: bool) -> Result<(), Failure> {
    need::toolchain(yes)?;
    need::containers(yes)
}

/// Builds the program and becomes `truecut demo`.
pub(crate) fn demo(yes: bool, rest: &[String]) -> Result<(), Failure> {
    need::toolchain(yes)?;
    need::some_kafka(yes)?;
    // The whole workspace decides on features of dependencies, so that demo and test build the same ones.
    step::run("build truecut", &mut cargo(["build", "--workspace", "--locked", "--bin", "truecut"]))?;
    let error = built("truecut")?.arg("demo").args(rest).exec();
    Err(Failure::Step(format!("truecut demo could not be started: {error}")))
}

/// Builds the peers of the benchmarks that are Java programs; their tests run with it.
pub(crate) fn peers(yes: bool) -> Result<(), Failure> {
    need::java_builds(yes)?;
    for peer in ["flink", "kafka-streams"] {
        let project =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers").join(peer).join("pom.xml");
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "--file"]).arg(project).arg("package");
        step::run(&format!("build the peer {peer}"), &mut maven)?;
    }
    Ok(())
}

/// Every test of the workspace, those on containers included; none may be skipped.
pub(crate) fn test(yes: bool) -> Result<(), Failure> {
    let started = Instant::now();
    setup(yes)?;
    step::run("build the tests", &mut cargo(["test", "--workspace", "--locked", "--no-run"]))?;
    step::run("have a Kafka image", built("truecut-cluster")?.arg("image"))?;
    step::run(
        "run the tests",
        cargo(["test", "--workspace", "--locked"]).env("TRUECUT_TEST_KAFKA", "container"),
    )?;
    eprintln!("==> all tests passed, {:.0} s in all", started.elapsed().as_secs_f64());
    Ok(())
}

/// A program of the workspace that was just built: it lies beside this one.
fn built(name: &str) -> Result<Command, Failure> {
    let me = std::env::current_exe()
        .map_err(|e| Failure::Step(format!("where this program lies is unknown: {e}")))?;
    Ok(Command::new(me.with_file_name(name)))
}

/// What CI demands: format, lints, docs, tests. Writes nothing into the sources.
pub(crate) fn verify(yes: bool) -> Result<(), Failure> {
    step::run("look at the format", &mut cargo(["fmt", "--all", "--check"]))?;
    need::toolchain(yes)?;
    step::run(
        "look for lints",
        &mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    )?;
    step::run(
        "build the docs",
        cargo(["doc", "--workspace", "--locked", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    )?;
    test(yes)
}

/// Formats, and applies what clippy suggests.
pub(crate) fn fix(yes: bool) -> Result<(), Failure> {
    need::toolchain(yes)?;
    step::run(
        "apply what clippy suggests",
        &mut cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--fix",
            "--allow-dirty",
            "--allow-staged",
        ]),
    )?;
    step::run("format", &mut cargo(["fmt", "--all"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, String> {
        Request::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn yes_may_stand_anywhere() {
        let wanted = Request { task: Task::Test, yes: true, rest: Vec::new() };
        assert_eq!(parse("test --yes"), Ok(wanted));
        assert_eq!(parse("--yes test").map(|r| (r.task, r.yes)), Ok((Task::Test, true)));
    }

    #[test]
    fn only_demo_hands_arguments_on() {
        let request = parse("demo --seed 7 --kafka process");
        assert_eq!(
            request.map(|r| r.rest),
            Ok(["--seed", "7", "--kafka", "process"].map(str::to_owned).to_vec())
        );
        assert!(parse("test --seed 7").is_err());
        assert!(parse("tset").is_err());
        assert_eq!(parse("peers --yes").map(|r| r.task), Ok(Task::Peers));
    }

    #[test]
    fn nothing_asked_is_help() {
        assert_eq!(parse("").map(|r| r.task), Ok(Task::Help));
    }
}
