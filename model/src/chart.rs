//! What a sequence chart of a history consists of: lanes, and events in them. How it looks is for others to say.

use std::fmt;

use truecut_core::Subtask;

use crate::state::State;

/// Whose lane it is. Their order is that of a chart, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The checkpoint store.
    Store,
    /// The coordinator.
    Coordinator,
    /// A coordinator that was taken over from.
    Former,
    /// A machine's worker process.
    Machine(usize),
    /// A source, operator or sink.
    Subtask(Subtask),
    /// Kafka: input, output, transactions.
    Kafka,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store => f.write_str("store"),
            Self::Coordinator => f.write_str("coordinator"),
            Self::Former => f.write_str("coordinator before"),
            Self::Machine(place) => write!(f, "worker-{place}"),
            Self::Subtask(subtask) => subtask.fmt(f),
            Self::Kafka => f.write_str("kafka"),
        }
    }
}

/// Where an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// From one lane to another.
    Between(Lane, Lane),
    /// In these lanes; in none of them: in all.
    In(Vec<Lane>),
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A message, an element or a request arrives.
    Call,
    /// An answer arrives.
    Answer,
    /// What does not arrive, or somebody who is gone.
    Lost,
    /// What was sent by somebody who is gone arrives.
    Late,
    /// Somebody does something.
    Note,
    /// Something is done for good: a checkpoint completes, a transaction is committed.
    Done,
    /// Something is given up or undone: an abort, an expiry.
    Abort,
    /// A process is killed.
    Crash,
}

impl Look {
    /// Its name, for style sheets and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Answer => "answer",
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Note => "note",
            Self::Done => "done",
            Self::Abort => "abort",
            Self::Crash => "crash",
        }
    }
}

/// One row of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it is.
    pub place: Place,
    /// A few words.
    pub label: String,
    /// What kind of event it is.
    pub look: Look,
}

impl Event {
    pub(crate) fn between(from: Lane, to: Lane, look: Look, label: impl Into<String>) -> Self {
        Self { place: Place::Between(from, to), label: label.into(), look }
    }

    pub(crate) fn at(lane: Lane, look: Look, label: impl Into<String>) -> Self {
        Self { place: Place::In(vec![lane]), label: label.into(), look }
    }
}

impl State {
    /// Who is there, in the order of the lanes.
    pub fn lanes(&self) -> Vec<Lane> {
        lanes(self)
    }
}

/// Who is there in a state, in the order of the lanes.
pub(crate) fn lanes(state: &State) -> Vec<Lane> {
    let mut lanes = vec![Lane::Store, Lane::Kafka];
    if state.halted.is_none() {
        lanes.push(Lane::Coordinator);
    }
    if state.former.here {
        lanes.push(Lane::Former);
    }
    for (place, machine) in state.machines.iter().enumerate().filter(|(_, machine)| machine.head.alive) {
        lanes.push(Lane::Machine(place));
        lanes.extend(machine.running().iter().map(|(_, subtask)| Lane::Subtask(*subtask)));
    }
    lanes.sort();
    lanes.dedup();
    lanes
}
