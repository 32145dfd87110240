//! Names of stored objects, and what they are names of.

use truecut_core::{Attempt, CheckpointId, CheckpointName, HeadVersion, LogName, Subtask};

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Head(HeadVersion),
    Checkpoint(CheckpointName),
    State(CheckpointName),
    /// A file of a layer of keyed state, which other checkpoints may share.
    Layer(CheckpointName),
    Log(CheckpointName),
}

pub(super) fn head(version: HeadVersion) -> String {
    format!("head-{}", version.get())
}

pub(super) fn checkpoint(name: CheckpointName) -> String {
    format!("checkpoint-{}-{}", name.attempt.get(), name.id.get())
}

pub(super) fn state(name: CheckpointName, subtask: Subtask) -> String {
    format!("state-{}-{}-{subtask}", name.attempt.get(), name.id.get())
}

pub(super) fn layer(name: CheckpointName, subtask: Subtask, number: u32) -> String {
    format!("layer-{}-{}-{subtask}-{number}", name.attempt.get(), name.id.get())
}

pub(super) fn log(log: LogName) -> String {
    format!("log-{}-{}-sink-{}", log.of.attempt.get(), log.of.id.get(), log.subtask)
}

/// Reads a name; `None` if it is of nothing that is kept here.
pub(super) fn parse(name: &str) -> Option<Named> {
    let (kind, rest) = name.split_once('-')?;
    match kind {
        "head" => Some(Named::Head(HeadVersion::new(rest.parse().ok()?))),
        "checkpoint" => Some(Named::Checkpoint(name_of(rest)?)),
        "state" => Some(Named::State(name_of(rest)?)),
        "layer" => Some(Named::Layer(name_of(rest)?)),
        "log" => Some(Named::Log(name_of(rest)?)),
        _ => None,
    }
}

fn name_of(text: &str) -> Option<CheckpointName> {
    let mut parts = text.splitn(3, '-');
    let attempt = Attempt::new(parts.next()?.parse().ok()?);
    let id = CheckpointId::new(parts.next()?.parse().ok()?);
    Some(CheckpointName { attempt, id })
}
