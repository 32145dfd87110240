//! Is what the world answered in a recorded run possible in the modelled world?
//!
//! The core is replayed elsewhere, and that everything received was sent is checked elsewhere. Here stand the others: Kafka, the
//! checkpoint store, the input. Each intent (an operation that was started) and each answer is looked at in the order of the one
//! clock of the machine on which all processes ran: an intent is stamped before it is performed, an answer after it came. What
//! lies between them may have happened at any moment in between; what was never answered, at any later moment or never.
//!
//! Leaves to others: what an answer means (the core), what Kafka does (the model, whose very steps are taken here).

mod account;
mod checkpoints;
mod frontier;
mod head;
mod input;
mod markers;
mod seen;
mod transactions;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};
use truecut_core::{Op, Outcome, Request, Slot};
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::{Delivery, Event, Frame, Header, RoleId};

pub use account::AccountFound;

use account::Account;
use checkpoints::Checkpoints;
use head::HeadRegister;
use input::InputLog;
use markers::Markers;
use seen::{Seen, Seens, What};
use transactions::Transactions;

use crate::chaos::kafka_log::KafkaLog;

/// Rejections that are told; more are only counted.
const TOLD_MAX: usize = 10;

/// Number of a trace among those of a run.
type Trace = u32;
type Asked = Request<StateHandle>;
type Answered = Outcome<StateHandle>;

/// What must be known of a run to judge its world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Requests may have reached Kafka once more after they were answered: a broker was paused, or connections broke.
    pub repeats: bool,
    /// Transactional ids may have changed their coordinator: there were several brokers.
    pub moves: bool,
    /// Wall clocks jumped: nothing is said by comparing them, and Kafka may think a transaction's time over at any moment.
    pub clocks_jump: bool,
    /// What was done to messages between coordinator and workers.
    pub delivery: Delivery,
    /// The input was written without transactions and is not compacted: its offsets have no gaps.
    pub dense_input: bool,
    /// Processes that ended in good order: their traces do not break off.
    pub ended_well: BTreeSet<u64>,
    /// Kafka's own account of the run, as far as it was kept.
    pub kafka_log: KafkaLog,
    /// Transactions that were open when the run was over, by name; `None` if nobody asked.
    pub left_open: Option<Vec<String>>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldFound {
    /// Intents that were looked at.
    pub intents: u64,
    /// Answers that were looked at.
    pub answers: u64,
    /// Intents without an answer, or whose answer says nothing: each has landed, has not, or lands later.
    pub unanswered: u64,
    /// Transactional ids.
    pub transactional_ids: u64,
    /// Most states that one of them may have been in at a time.
    pub most_states: u64,
    /// What was compared of Kafka's own account; `None` if none was kept: then the order of what Kafka did is only inferred from
    /// its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountFound>,
    /// How many answers were impossible.
    pub rejected: u64,
    /// The first of them, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<String>,
    /// What could not be looked at, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

/// An answer that the modelled world can't give.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Impossible {
    what: String,
    allowed: String,
}

impl Impossible {
    fn new(what: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { what: what.into(), allowed: allowed.into() }
    }
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; the modelled world allows {}", self.what, self.allowed)
    }
}

/// Whose trace it is, for a person.
struct Name {
    role: RoleId,
    process: u64,
    /// Time of its last frame.
    last_us: u64,
    /// It ended in good order.
    finished: bool,
}

/// The world of a run, as its traces tell of it.
#[derive(Default)]
pub struct World {
    circumstances: Circumstances,
    names: Vec<Name>,
    places: HashMap<(RoleId, u64), Trace>,
    seens: Seens,
    input: InputLog,
    /// What the wall clock is ahead of the machine's clock.
    wall_us: Option<i64>,
    found: WorldFound,
}

impl World {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(circumstances: Circumstances) -> Self {
        let input = InputLog::new(circumstances.dense_input);
        Self { circumstances, input, ..Self::default() }
    }

    /// Takes in a frame. Those of one trace come in their order; the order of traces does not matter.
    pub fn visit(&mut self, header: &Header, frame: &Frame) {
        let trace = self.place(header);
        let name = &mut self.names[index(trace)];
        if frame.monotonic_us < name.last_us {
            let went_back =
                Impossible::new("its clock went back", "only frames that were written in their order");
            self.reject(trace, frame.sequence, &went_back);
        } else {
            name.last_us = frame.monotonic_us;
        }
        if let Err(impossible) = self.input.visit(trace, &frame.event) {
            self.reject(trace, frame.sequence, &impossible);
        }
        self.seens.visit(trace, header, frame);
        self.names[index(trace)].finished = frame.event == Event::End;
        let ahead = i64::try_from(frame.wall_us).unwrap_or(i64::MAX)
            - i64::try_from(frame.monotonic_us).unwrap_or(i64::MAX);
        self.wall_us.get_or_insert(ahead);
    }

    /// Judges what was seen.
    #[must_use]
    pub fn conclude(mut self) -> WorldFound {
        let ends: Vec<u64> = self.names.iter().map(|name| name.last_us).collect();
        let (seens, prefix) = std::mem::take(&mut self.seens).in_order(&ends);
        let mut parts = Parts {
            transactions: Transactions::new(prefix.clone(), &self.circumstances),
            head: HeadRegister::default(),
            checkpoints: Checkpoints::default(),
            markers: Markers::default(),
            account: Account::default(),
        };
        for seen in &seens {
            match &seen.what {
                What::Start(..) => self.found.intents += 1,
                What::Done(..) => self.found.answers += 1,
                What::Records(_) | What::Mark(..) | What::Over => {}
            }
            for impossible in parts.take(seen, self.processes()) {
                self.reject(seen.trace, seen.sequence, &impossible);
            }
        }
        if let Some(names) = self.circumstances.left_open.take() {
            for impossible in parts.transactions.left_open(&names) {
                self.tell(format!("at the end of the run: {impossible}"));
            }
        }
        self.compare(&parts.account, &prefix.unwrap_or_default());
        self.look_for_ends();
        parts.transactions.report(&mut self.found);
        if !self.names.iter().any(|name| name.role == RoleId::Coordinator) {
            self.found.gaps.push("there is no coordinator's trace: nothing is known of the store".to_owned());
        }
        self.found
    }

    fn compare(&mut self, account: &Account, prefix: &str) {
        let log = std::mem::take(&mut self.circumstances.kafka_log);
        if log == KafkaLog::default() {
            return;
        }
        let wall_us = self.wall_us.filter(|_| !self.circumstances.clocks_jump);
        let (found, rejections) = account.compare(&log, prefix, wall_us);
        self.found.account = Some(found);
        rejections.into_iter().for_each(|rejection| self.tell(rejection));
    }

    /// A trace breaks off only where its process was killed.
    fn look_for_ends(&mut self) {
        let broken = |name: &&Name| !name.finished && self.circumstances.ended_well.contains(&name.process);
        let told = |name: &Name| {
            let Name { role, process, .. } = name;
            format!(
                "{role} (process {process}): its trace breaks off, though its process ended in good order"
            )
        };
        let told: Vec<String> = self.names.iter().filter(broken).map(told).collect();
        told.into_iter().for_each(|text| self.tell(text));
    }

    fn processes(&self) -> impl Fn(Trace) -> u64 + '_ {
        |trace| self.names[index(trace)].process
    }

    fn place(&mut self, header: &Header) -> Trace {
        let names = &mut self.names;
        *self.places.entry((header.role, header.instance)).or_insert_with(|| {
            names.push(Name {
                role: header.role,
                process: header.instance >> 32,
                last_us: 0,
                finished: false,
            });
            Trace::try_from(names.len() - 1).expect("few traces")
        })
    }

    fn reject(&mut self, trace: Trace, sequence: u64, impossible: &Impossible) {
        let Name { role, process, .. } = &self.names[index(trace)];
        self.tell(format!("{role} (process {process}), frame {sequence}: {impossible}"));
    }

    fn tell(&mut self, text: String) {
        self.found.rejected += 1;
        if self.found.rejections.len() < TOLD_MAX {
            self.found.rejections.push(text);
        }
    }
}

/// The parts of the world.
struct Parts {
    transactions: Transactions,
    head: HeadRegister,
    checkpoints: Checkpoints,
    markers: Markers,
    account: Account,
}

impl Parts {
    /// Takes the next thing that was seen to every part that it concerns.
    fn take(&mut self, seen: &Seen, process: impl Fn(Trace) -> u64) -> Vec<Impossible> {
        let Seen { at_us, trace, .. } = *seen;
        let mut all = Vec::new();
        match &seen.what {
            What::Start(op, asked) => {
                self.transactions.started(trace, at_us, *op, asked);
                self.head.started(trace, asked);
                all.extend(self.checkpoints.started(trace, *op, asked).err());
                self.markers.started(trace, asked);
                self.account.started(trace, at_us, *op, asked);
            }
            What::Done(op, answered) => {
                all.extend(self.transactions.answered(trace, at_us, *op, answered).err());
                all.extend(self.head.answered(trace, *op, answered, process).err());
                all.extend(self.checkpoints.answered(trace, *op, answered).err());
                all.extend(self.markers.answered(trace, *op, answered).err());
                self.account.answered(trace, *op, answered);
            }
            What::Records(slot) => {
                self.transactions.records(trace, at_us, *slot);
                self.account.written(trace, at_us, *slot);
            }
            What::Mark(slot, marker) => {
                self.account.written(trace, at_us, *slot);
                self.transactions.records(trace, at_us, *slot);
                self.markers.marked(trace, *slot, *marker);
            }
            What::Over => {
                self.transactions.over(trace);
                self.head.over(trace);
                self.checkpoints.over(trace);
            }
        }
        all
    }
}

fn index(trace: Trace) -> usize {
    usize::try_from(trace).expect("a word")
}

/// Whether an operation concerns Kafka's transactions, the store or what is kept there.
fn is_of_the_world(op: Op) -> bool {
    match op {
        Op::ResolveStart | Op::CommitOffsets => false,
        Op::ReadHead
        | Op::SwapHead
        | Op::ReadCheckpoint
        | Op::WriteCheckpoint(_)
        | Op::Discard(_)
        | Op::DiscardBelow(_)
        | Op::ListTransactions
        | Op::Fence(_)
        | Op::Restore
        | Op::Snapshot(_)
        | Op::InitProducer(_)
        | Op::Flush(_)
        | Op::Upload(_)
        | Op::ReadMarker
        | Op::Rewrite(_)
        | Op::Commit(_)
        | Op::Describe(_) => true,
    }
}

/// The generation that a slot's producer was told.
type Slots<T> = HashMap<(Trace, Slot), T>;

#[cfg(test)]
pub(crate) mod tests;
