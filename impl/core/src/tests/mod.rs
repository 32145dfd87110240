//! Scripts of the protocol: inputs in, effects out, as text. The seed's example comes first; then each role alone.
//!
//! A script is a list of statements, one input each, separated by `;`. `read.rs` says what can be written, `text.rs` how
//! effects look. States are reached by inputs only.

mod cluster;
mod coordinator;
mod coordinator_ends;
mod coordinator_failures;
mod coordinator_store;
mod coordinator_takeover;
mod delivery;
mod delivery_world;
mod operator;
mod read;
mod seed_example;
mod sink;
mod sink_commits;
mod sink_log;
mod source;
mod text;
mod worker;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use expect_test::Expect;

use crate::{
    Attempt, Batch, CheckpointId, CheckpointName, CommitBy, Effect, Exchange, Guarantee, Input, Isolation,
    Job, NextOffset, Partition, Role, Settings, StartPosition,
};

/// Records as words: `A0 B0`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Words(String);

impl Batch for Words {
    fn records(&self) -> u64 {
        self.0.split_whitespace().map(|_| 1).sum()
    }
}

type In = Input<Words, String>;
type Out = Effect<Words, String>;

/// Steps a role.
fn step(role: &mut impl Role<Words, String>, input: In) -> Vec<Out> {
    let mut out = Vec::new();
    role.step(input, &mut out);
    out
}

/// Runs a script: each statement, then the effects of its input.
fn run(role: &mut impl Role<Words, String>, script: &str, read: impl Fn(&str) -> In) -> String {
    let mut text = String::new();
    for statement in statements(script) {
        text += &alloc::format!("{statement}\n");
        for effect in step(role, read(statement)) {
            text += &alloc::format!("    {}\n", text::effect(&effect));
        }
    }
    text
}

fn statements(script: &str) -> impl Iterator<Item = &str> {
    script.split(';').map(str::trim).filter(|statement| !statement.is_empty())
}

/// Checks the whole run of a script.
#[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(role: &mut impl Role<Words, String>, script: &str, expected: Expect) {
    expected.assert_eq(&run(role, script, read::input));
}

/// The seed's job: two partitions, a source for each, one operator with its sink.
fn job() -> Job {
    Job {
        topic: "example".into(),
        partitions: 2,
        sources: 2,
        operators: 1,
        exchange: Exchange::Key,
        guarantee: Guarantee::ExactlyOnce,
        commit_by: CommitBy::Resume,
        prefix: "job".into(),
        start: StartPosition::Earliest,
        isolation: Isolation::ReadCommitted,
        bounded: true,
        transaction_timeout_ms: 60_000,
        accept_loss: false,
        settings: Settings::default(),
    }
}

fn name(attempt: u64, id: u64) -> CheckpointName {
    CheckpointName { attempt: Attempt::new(attempt), id: CheckpointId::new(id) }
}

/// Next offsets of partitions from 0 on.
fn offsets(next: &[i64]) -> BTreeMap<Partition, NextOffset> {
    (0..).map(Partition::new).zip(next.iter().copied().map(NextOffset::new)).collect()
}
