//! What is kept in the checkpoint store besides the head: checkpoints, operator state, logs. What is read was written so, and
//! before a head names a checkpoint its data is there.

use std::collections::{BTreeMap, HashMap, HashSet};

use truecut_core::{Checkpoint, CheckpointName, Encode, LogName, Op, Outcome};
use truecut_runtime::store::StateHandle;

use super::{Answered, Asked, Impossible, Trace};

/// What was written under a name.
#[derive(Clone, Copy, Debug)]
struct Written {
    digest: u64,
    /// It was answered so.
    certain: bool,
    /// It certainly was not done.
    failed: bool,
}

/// The data of checkpoints.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    written: BTreeMap<(u64, u64), Vec<Written>>,
    /// What was discarded for certain, and when: counted in events.
    gone: HashMap<CheckpointName, u64>,
    named: HashSet<CheckpointName>,
    states: HashSet<StateHandle>,
    logs: HashSet<LogName>,
    under_way: HashMap<(Trace, Op), (Asked, u64)>,
    now: u64,
}

impl Checkpoints {
    pub(super) fn started(&mut self, trace: Trace, op: Op, asked: &Asked) -> Result<(), Impossible> {
        self.now += 1;
        let now = self.now;
        let mut named = Ok(());
        match asked {
            Asked::WriteCheckpoint(checkpoint) => {
                let new = Written { digest: digest(checkpoint), certain: false, failed: false };
                self.written.entry(key(checkpoint.name)).or_default().push(new);
            }
            Asked::SwapHead { head, .. } => {
                if let Some(name) = head.latest.filter(|name| self.named.insert(*name)) {
                    named = self.names(name);
                }
                return named;
            }
            Asked::Upload { log, .. } => {
                self.logs.insert(*log);
                return Ok(());
            }
            Asked::ReadCheckpoint(_)
            | Asked::Discard(_)
            | Asked::DiscardBelow(_)
            | Asked::Restore(_)
            | Asked::Rewrite { .. } => {}
            Asked::ReadHead
            | Asked::ResolveStart { .. }
            | Asked::ListTransactions(_)
            | Asked::Fence { .. }
            | Asked::CommitOffsets(_)
            | Asked::Snapshot(_)
            | Asked::InitProducer { .. }
            | Asked::OpenProducer(_)
            | Asked::Flush(_)
            | Asked::ReadMarker(_)
            | Asked::Commit(_)
            | Asked::Describe(_) => return Ok(()),
        }
        self.under_way.insert((trace, op), (asked.clone(), now));
        named
    }

    pub(super) fn over(&mut self, trace: Trace) {
        self.under_way.retain(|(of, _), _| *of != trace);
    }

    pub(super) fn answered(&mut self, trace: Trace, op: Op, answered: &Answered) -> Result<(), Impossible> {
        self.now += 1;
        if let (Op::Snapshot(_), Outcome::Snapshotted(handle)) = (op, answered) {
            self.states.insert(handle.clone());
        }
        let Some((asked, since)) = self.under_way.remove(&(trace, op)) else { return Ok(()) };
        match (asked, answered) {
            (Asked::WriteCheckpoint(checkpoint), Outcome::Written | Outcome::Failed { .. }) => {
                let done = *answered == Outcome::Written;
                self.wrote(&checkpoint, done);
                Ok(())
            }
            (Asked::ReadCheckpoint(name), Outcome::Checkpoint(checkpoint)) => {
                self.read(name, checkpoint, since)
            }
            (Asked::Discard(name), Outcome::Written) => {
                self.discard(name);
                Ok(())
            }
            (Asked::DiscardBelow(id), Outcome::Written) => {
                let below: Vec<CheckpointName> =
                    self.written.range(..(id.get(), 0)).map(|(key, _)| of(*key)).collect();
                below.into_iter().for_each(|name| self.discard(name));
                Ok(())
            }
            (Asked::Restore(Some(handle)), Outcome::Restored) if !self.states.contains(&handle) => {
                let what = format!("the state {handle} was restored");
                Err(Impossible::new(what, "only a state that was captured"))
            }
            (Asked::Rewrite { log, .. }, Outcome::Flushed) if !self.logs.contains(&log) => {
                let what = format!("the log of checkpoint {} was written again", log.of);
                Err(Impossible::new(what, "only a log that was uploaded"))
            }
            _ => Ok(()),
        }
    }

    /// A head is to name a checkpoint for the first time.
    fn names(&self, name: CheckpointName) -> Result<(), Impossible> {
        let written = self.written.get(&key(name));
        if written.is_some_and(|all| all.iter().any(|one| one.certain)) {
            return Ok(());
        }
        let what = format!("a head names checkpoint {name}");
        Err(Impossible::new(what, "only a checkpoint whose data is known to be durable"))
    }

    fn wrote(&mut self, checkpoint: &Checkpoint<StateHandle>, done: bool) {
        let digest = digest(checkpoint);
        let all = self.written.entry(key(checkpoint.name)).or_default();
        for one in all.iter_mut().filter(|one| one.digest == digest) {
            one.certain |= done;
            one.failed |= !done;
        }
    }

    fn read(
        &self,
        name: CheckpointName,
        checkpoint: &Checkpoint<StateHandle>,
        since: u64,
    ) -> Result<(), Impossible> {
        let what = || format!("checkpoint {name} was read");
        if self.gone.get(&name).is_some_and(|gone| *gone < since) {
            return Err(Impossible::new(what(), "none of that name: it was discarded before"));
        }
        let digest = digest(checkpoint);
        let fits = |one: &Written| one.digest == digest && (one.certain || !one.failed);
        let written = self.written.get(&key(name));
        if checkpoint.name == name && written.is_some_and(|all| all.iter().any(fits)) {
            return Ok(());
        }
        let allowed =
            if written.is_some() { "it as it was written" } else { "none of that name: nobody wrote it" };
        Err(Impossible::new(what(), allowed))
    }

    /// What was certainly there when it was discarded is gone.
    fn discard(&mut self, name: CheckpointName) {
        let certain = |all: &Vec<Written>| all.iter().any(|one| one.certain);
        if self.written.get(&key(name)).is_some_and(certain) {
            self.gone.insert(name, self.now);
            self.written.remove(&key(name));
        }
    }
}

fn key(name: CheckpointName) -> (u64, u64) {
    (name.id.get(), name.attempt.get())
}

fn of((id, attempt): (u64, u64)) -> CheckpointName {
    CheckpointName { attempt: truecut_core::Attempt::new(attempt), id: truecut_core::CheckpointId::new(id) }
}

fn digest(checkpoint: &Checkpoint<StateHandle>) -> u64 {
    let mut bytes = Vec::new();
    checkpoint.encode(&mut bytes);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    length << 32 | u64::from(crc32c::crc32c(&bytes))
}
