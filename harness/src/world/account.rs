//! Kafka's own account of the run against the intents: each state that a transaction coordinator wrote down of an id is reached by a
//! step of the model that somebody asked for, or by a timeout; each batch was produced by somebody, each commit marker asked for; and
//! what was answered with success is there.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use truecut_core::{Described, Op, Outcome, Producer, Slot, TransactionState, TransactionalId};
use truecut_model::OneId;

use super::{Answered, Asked, Slots, Trace};
use crate::chaos::kafka_log::{KafkaLog, LoggedState, OutputLog, StateChange, What};

/// The broker's clock and ours may be read so far apart.
const CLOCK_SLACK_MS: i64 = 200;

/// A generation of a transactional id.
type Generation = (TransactionalId, Producer);

/// What was compared of Kafka's own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFound {
    /// States of transactional ids that their coordinators wrote down.
    pub state_changes: u64,
    /// Batches of the output.
    pub batches: u64,
    /// Markers of the output.
    pub markers: u64,
}

/// What was asked for, and what was answered with success.
#[derive(Debug, Default)]
pub(super) struct Account {
    generations: Slots<Generation>,
    calls: HashMap<(Trace, Op), Generation>,
    /// When it was first asked, in microseconds of the machine's clock.
    inits: HashMap<TransactionalId, u64>,
    records: HashMap<Generation, u64>,
    commits: HashMap<Generation, u64>,
    /// Generations whose records are not flushed.
    begun: Slots<Generation>,
    /// What was answered with success: what Kafka must have written down of which generation.
    told: HashSet<(Generation, Told)>,
}

/// What Kafka told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Told {
    Initialised,
    Flushed,
    Committed,
}

impl Told {
    /// Whether a state that was written down says so. `epochs`: by how much its epoch is higher.
    fn is_in(self, state: TransactionState, epochs: i16) -> bool {
        match self {
            Self::Initialised => state == TransactionState::Empty && epochs == 0,
            Self::Flushed => state == TransactionState::Ongoing && epochs == 0,
            // From EndTxn version 5 on the end bumps the epoch.
            Self::Committed => state == TransactionState::PrepareCommit && (epochs == 0 || epochs == 1),
        }
    }
}

impl Account {
    pub(super) fn started(&mut self, trace: Trace, at_us: u64, op: Op, asked: &Asked) {
        match asked {
            Asked::InitProducer { id, .. } | Asked::Fence { id, .. } => {
                self.inits.entry(*id).or_insert(at_us);
                self.calls.insert((trace, op), (*id, Producer::NONE));
            }
            Asked::Commit(committable) => {
                let generation = (committable.id, committable.producer);
                self.commits.entry(generation).or_insert(at_us);
                self.calls.insert((trace, op), generation);
            }
            Asked::Rewrite { slot, .. } => self.written(trace, at_us, *slot),
            Asked::ReadHead
            | Asked::SwapHead { .. }
            | Asked::ReadCheckpoint(_)
            | Asked::WriteCheckpoint(_)
            | Asked::Discard(_)
            | Asked::DiscardBelow(_)
            | Asked::ResolveStart { .. }
            | Asked::ListTransactions(_)
            | Asked::CommitOffsets(_)
            | Asked::Restore(_)
            | Asked::Snapshot(_)
            | Asked::OpenProducer(_)
            | Asked::Flush(_)
            | Asked::Upload { .. }
            | Asked::ReadMarker(_)
            | Asked::Describe(_) => {}
        }
    }

    pub(super) fn written(&mut self, trace: Trace, at_us: u64, slot: Slot) {
        if let Some(generation) = self.generations.get(&(trace, slot)) {
            self.records.entry(*generation).or_insert(at_us);
            self.begun.insert((trace, slot), *generation);
        }
    }

    pub(super) fn answered(&mut self, trace: Trace, op: Op, answered: &Answered) {
        if let Op::Flush(slot) = op
            && let Some(generation) = self.begun.remove(&(trace, slot))
            && *answered == Outcome::Flushed
        {
            self.told.insert((generation, Told::Flushed));
        }
        let Some((id, producer)) = self.calls.remove(&(trace, op)) else { return };
        match (op, answered) {
            (Op::InitProducer(slot), Outcome::Initialised { described, .. }) => {
                let generation = (id, described.producer);
                self.generations.insert((trace, slot), generation);
                if described.state == TransactionState::Empty {
                    self.told.insert((generation, Told::Initialised));
                }
            }
            (Op::Commit(_), Outcome::Answer(0)) => _ = self.told.insert(((id, producer), Told::Committed)),
            _ => {}
        }
    }

    /// Compares. `wall_us`: what the wall clock was ahead of the machine's clock. Gives what was compared, and what can't be.
    pub(super) fn compare(
        &self,
        log: &KafkaLog,
        prefix: &str,
        wall_us: Option<i64>,
    ) -> (AccountFound, Vec<String>) {
        let mut found = AccountFound::default();
        let mut rejections = Vec::new();
        if let Some(states) = &log.states {
            found.state_changes = u64::try_from(states.len()).unwrap_or(u64::MAX);
            self.states(states, prefix, wall_us, &mut rejections);
        }
        if let Some(output) = &log.output {
            self.output(output, &mut found, &mut rejections);
        }
        (found, rejections)
    }

    fn states(
        &self,
        states: &[StateChange],
        prefix: &str,
        wall_us: Option<i64>,
        rejections: &mut Vec<String>,
    ) {
        let mut paths: HashMap<&str, Option<Path>> = HashMap::new();
        let mut written = HashSet::new();
        for change in states {
            let Some(id) = TransactionalId::parse(prefix, &change.transactional_id) else { continue };
            let path = paths.entry(&change.transactional_id).or_insert_with(|| Some(Path::new(id)));
            let Some(at) = path else { continue }; // what comes after the first rejection is not followed
            match at.follow(change, self, wall_us) {
                Ok(state) => _ = written.insert(state),
                Err(why) => {
                    let StateChange { partition, offset, transactional_id, .. } = change;
                    rejections.push(format!(
                        "Kafka's __transaction_state, partition {partition}, offset {offset}: {transactional_id} {why}"
                    ));
                    *path = None;
                }
            }
        }
        if paths.values().any(Option::is_none) {
            return;
        }
        let is_written = |((id, producer), told): &(Generation, Told)| {
            (0..=1).any(|epochs| {
                let at = Producer { epoch: producer.epoch + epochs, ..*producer };
                let states =
                    [TransactionState::Empty, TransactionState::Ongoing, TransactionState::PrepareCommit];
                let says_so = |state: &TransactionState| told.is_in(*state, epochs);
                states.into_iter().filter(says_so).any(|state| written.contains(&((*id, at), state)))
            })
        };
        let mut missing: Vec<_> = self.told.iter().filter(|told| !is_written(told)).collect();
        missing.sort();
        rejections.extend(missing.into_iter().map(|((id, producer), told)| {
            let (id, Producer { id: producer_id, epoch }) = (id.render(prefix), producer);
            format!(
                "{id}, producer id {producer_id}, epoch {epoch}: the answer was {told:?}; Kafka's __transaction_state knows of no such thing"
            )
        }));
    }

    fn output(&self, output: &OutputLog, found: &mut AccountFound, rejections: &mut Vec<String>) {
        let written: HashSet<Producer> = self.records.keys().map(|(_, producer)| *producer).collect();
        let commits: HashSet<i64> = self.commits.keys().map(|(_, producer)| producer.id).collect();
        for batch in &output.batches {
            let producer = batch.producer.map(|of| Producer { id: of.producer_id, epoch: of.producer_epoch });
            let why = match (batch.what, producer) {
                (What::Records, Some(producer)) if written.contains(&producer) && batch.transactional => None,
                (What::Records, _) => Some("records that no trace has produced"),
                (What::Commit, Some(producer)) if commits.contains(&producer.id) => None,
                (What::Commit, _) => Some("a commit that no trace has asked for"),
                (What::Abort | What::Other, _) => None,
            };
            match batch.what {
                What::Records => found.batches += 1,
                What::Commit | What::Abort | What::Other => found.markers += 1,
            }
            if let Some(why) = why {
                let by = producer.map_or_else(
                    || "no producer".to_owned(),
                    |of| format!("producer id {}, epoch {}", of.id, of.epoch),
                );
                rejections.push(format!(
                    "Kafka's output, partition {}, offset {}: {why} ({by})",
                    batch.partition, batch.base_offset
                ));
            }
        }
    }
}

/// The way that one id has gone.
struct Path {
    id: TransactionalId,
    modelled: OneId,
    producer_id: Option<i64>,
}

impl Path {
    fn new(id: TransactionalId) -> Self {
        Self { id, modelled: OneId::default(), producer_id: None }
    }

    /// Goes to the next state. Gives it with its generation.
    fn follow(
        &mut self,
        change: &StateChange,
        account: &Account,
        wall_us: Option<i64>,
    ) -> Result<(Generation, TransactionState), String> {
        let Some(logged) = &change.logged else { return Err("was forgotten within the run".to_owned()) };
        let Some(state) = state(logged.state) else {
            return Err(format!("is in a state that the model does not have ({:?})", logged.state));
        };
        let real = *self.producer_id.get_or_insert(logged.producer_id);
        if real != logged.producer_id {
            return Err(format!("has producer id {} and had {real}", logged.producer_id));
        }
        let wanted =
            Described { state, producer: Producer { id: OneId::PRODUCER_ID, epoch: logged.producer_epoch } };
        let before = self.modelled.describe().ok();
        let current = before.map_or(-1, |described| described.producer.epoch);
        let generation = (self.id, Producer { id: real, epoch: current });
        let modelled = Producer { id: OneId::PRODUCER_ID, epoch: current };
        let by = |asked: Option<&u64>| {
            asked.is_some_and(|at_us| {
                let Some(wall_us) = wall_us else { return true };
                let at_ms = (i64::try_from(*at_us).unwrap_or(i64::MAX).saturating_add(wall_us)) / 1_000;
                at_ms <= logged.updated_ms + CLOCK_SLACK_MS
            })
        };
        let timed_out = wall_us.is_none()
            || logged.updated_ms + CLOCK_SLACK_MS >= logged.started_ms + i64::from(logged.timeout_ms);
        let steps = [
            (true, Step::Markers),
            (by(account.records.get(&generation)), Step::Partition),
            (by(account.commits.get(&generation)), Step::Commit(4)),
            (by(account.commits.get(&generation)), Step::Commit(5)),
            (by(account.inits.get(&self.id)), Step::Init),
            (timed_out && logged.started_ms >= 0, Step::Timeout),
        ];
        for (_, step) in steps.into_iter().filter(|(asked_for, _)| *asked_for) {
            let next = step.of(&self.modelled, modelled);
            // Another partition of an open transaction changes nothing else.
            let changes = next != self.modelled || step == Step::Partition;
            if changes && next.describe() == Ok(wanted) {
                self.modelled = next;
                return Ok(((self.id, Producer { id: real, epoch: logged.producer_epoch }), state));
            }
        }
        let was = before.map_or_else(
            || "was not known".to_owned(),
            |was| format!("was {} of epoch {}", was.state.name(), was.producer.epoch),
        );
        Err(format!(
            "{was} and became {} of epoch {}, which nothing that was asked for explains, nor a timeout",
            state.name(),
            logged.producer_epoch
        ))
    }
}

/// How an id comes to its next state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Markers,
    Partition,
    /// EndTxn in this version.
    Commit(i16),
    Init,
    Timeout,
}

impl Step {
    /// The state after it. One that is refused changes nothing.
    fn of(self, before: &OneId, producer: Producer) -> OneId {
        let mut next = before.clone();
        match self {
            Self::Markers => _ = next.write_markers(),
            Self::Partition => _ = next.add_partition(producer),
            Self::Commit(version) => _ = next.commit(producer, version),
            Self::Init => _ = next.init_producer_id(),
            Self::Timeout => _ = next.timeout(),
        }
        next
    }
}

fn state(logged: LoggedState) -> Option<TransactionState> {
    match logged {
        LoggedState::Empty => Some(TransactionState::Empty),
        LoggedState::Ongoing => Some(TransactionState::Ongoing),
        LoggedState::PrepareCommit => Some(TransactionState::PrepareCommit),
        LoggedState::PrepareAbort => Some(TransactionState::PrepareAbort),
        LoggedState::CompleteCommit => Some(TransactionState::CompleteCommit),
        LoggedState::CompleteAbort => Some(TransactionState::CompleteAbort),
        LoggedState::Dead | LoggedState::PrepareEpochFence | LoggedState::Other(_) => None,
    }
}
