//! `truecut list`: the names of everything that has one.

use clap::{Args, ValueEnum};
use serde::Serialize;
use truecut::chaos::campaign::CAMPAIGNS;
use truecut::chaos::{FAULTS, PLANS};
use truecut::verdict::SCHEMA;
use truecut_model::Assumption;
use truecut_mutants::Mutant;
use truecut_runtime::crash_point::{self, CrashPoint, Host};
use truecut_runtime::failure::exit;

use super::{Outcome, output};

/// Name the crash points, wrong protocols, properties, scopes, assumptions or faults
#[derive(Debug, Args)]
pub(super) struct List {
    /// What to list
    what: What,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Places at which a process can be made to kill itself
    CrashPoints,
    /// Wrong protocols: each must be found
    Mutants,
    /// What must hold
    Properties,
    /// Bounded worlds that `truecut check` explores
    Scopes,
    /// Hazards that `check --assume` switches on
    Assumptions,
    /// Campaigns of chaos runs
    Campaigns,
    /// Plans of chaos runs
    Plans,
    /// What a chaos run may do to a job, by the names that plans use; `assumptions` has those of the model
    Faults,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    what: String,
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    describe: String,
}

impl List {
    pub(super) fn run(&self) -> Outcome {
        let items = self.what.items();
        if self.json {
            let what =
                self.what.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            output::document(&Document { schema: SCHEMA, command: "list", what, items });
        } else {
            let rows: Vec<Vec<String>> =
                items.into_iter().map(|item| vec![item.name, item.describe]).collect();
            output::table(&rows);
        }
        Ok(exit::OK)
    }
}

impl What {
    fn items(self) -> Vec<Item> {
        let item = |name: &str, describe: &str| Item { name: name.to_owned(), describe: describe.to_owned() };
        match self {
            Self::CrashPoints => {
                let of = |point: &CrashPoint| {
                    let who = match point.host {
                        Host::Worker => "worker",
                        Host::Coordinator => "coordinator",
                    };
                    item(point.name, &format!("{who}: {}", place(point.name)))
                };
                crash_point::all().iter().map(of).collect()
            }
            Self::Mutants => {
                Mutant::all().iter().map(|mutant| item(mutant.name(), mutant.describe())).collect()
            }
            Self::Properties => truecut_model::properties()
                .iter()
                .map(|property| item(property.name, property.meaning))
                .collect(),
            Self::Scopes => {
                let searched = truecut_model::scopes().iter().map(|scope| item(&scope.name, scope.purpose));
                let deep = truecut_model::deep_scopes().iter();
                let walked = deep.map(|scope| item(&scope.name, &format!("for --walks: {}", scope.purpose)));
                searched.chain(walked).collect()
            }
            Self::Assumptions => Assumption::ALL
                .iter()
                .map(|assumption| item(assumption.name(), assumption.meaning()))
                .collect(),
            Self::Campaigns => {
                CAMPAIGNS.iter().map(|campaign| item(campaign.name, campaign.purpose)).collect()
            }
            Self::Plans => PLANS.iter().map(|plan| item(plan.name, plan.purpose)).collect(),
            Self::Faults => FAULTS.iter().map(|fault| item(fault.name, fault.meaning)).collect(),
        }
    }
}

/// Where a crash point is, in words.
fn place(name: &str) -> String {
    let (what, place) = name.split_once('.').unwrap_or((name, ""));
    let what = what.replace('_', " ");
    match place {
        "before" => format!("before {what} begins"),
        "after" => format!("after {what}"),
        "unanswered" => format!("{what} was started, no answer has come"),
        "answered" => format!("{what} was answered, the answer was not taken in"),
        _ => format!("{what} was received and not taken in"),
    }
}
