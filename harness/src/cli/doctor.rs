//! `truecut doctor`: is this machine able to do it?

use clap::Args;
use serde::Serialize;
use truecut::verdict::{Exit, SCHEMA};
use truecut_cluster::{Check, Status, doctor};
use truecut_runtime::failure::exit;

use super::output::{self, Style};
use super::{Outcome, block_on};

/// Look whether this machine can run chaos, and what to do if not
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    usable: bool,
    checks: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    status: &'a str,
    detail: &'a str,
    remedy: Option<&'a str>,
}

impl Doctor {
    pub(super) fn run(&self) -> Outcome {
        let checks = block_on(async { Ok(doctor().await) })?;
        let usable = checks.iter().all(|check| check.status != Status::Fail);
        if self.json {
            let checks = checks.iter().map(row).collect();
            output::document(&Document { schema: SCHEMA, command: "doctor", usable, checks });
        } else {
            tell(&checks, usable);
        }
        Ok(if usable { exit::OK } else { Exit::Environment.code() })
    }
}

fn row(check: &Check) -> Row<'_> {
    Row {
        name: check.name,
        status: name(check.status),
        detail: &check.detail,
        remedy: check.remedy.as_deref(),
    }
}

fn name(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warn => "warn",
        Status::Fail => "fail",
    }
}

fn tell(checks: &[Check], usable: bool) {
    let style = Style::stdout();
    let painted = |status| match status {
        Status::Ok => style.green(name(status)),
        Status::Warn => style.yellow(name(status)),
        Status::Fail => style.red(name(status)),
    };
    let row = |check: &Check| vec![painted(check.status), check.name.to_owned(), check.detail.clone()];
    output::table(&checks.iter().map(row).collect::<Vec<_>>());
    for check in checks {
        if let Some(remedy) = &check.remedy {
            output::line(&format!("\n{}: {remedy}", check.name));
        }
    }
    let end = if usable {
        "this machine can run truecut on Kafka"
    } else {
        "this machine can't run truecut on Kafka yet"
    };
    output::line(&format!("\n{end}"));
}
