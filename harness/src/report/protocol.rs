//! What processes did about checkpoints and transactions, from their traces: between the first barrier and the last
//! acknowledgement of a checkpoint, and from the first record of a transaction until its commit is confirmed.
//!
//! Traces carry the machine's clock and the history its own; attempts are in both. A trace that can't be read is left out:
//! judging traces is the validator's.

use std::collections::BTreeMap;
use std::path::Path;

use truecut_core::{Effect, Element, Input, Message, Op, Outcome, Report};
use truecut_runtime::trace::{self, BatchDigest, Reader, RoleId};

use crate::history::{Event, History};

/// A time from and to, ms since the run started.
pub(super) type Span = (u64, u64);

/// More bytes of traces than this are not read for a page, which is to be there soon.
const BYTES_MAX: u64 = 1 << 30;

/// What one process did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Doings {
    /// First barrier to last acknowledgement.
    pub(super) acknowledged: Vec<Span>,
    /// First barrier of a checkpoint of which a subtask here acknowledged nothing, to the last thing that it did.
    pub(super) unacknowledged: Vec<Span>,
    /// First record to the end of the flush.
    pub(super) open: Vec<Span>,
    /// Flushed, and not known to be committed.
    pub(super) pre_committed: Vec<Span>,
}

/// By process.
pub(super) type Doing = BTreeMap<u32, Doings>;

/// Reads the traces of a run. Empty if there are none, too many, or no attempt by which to tell the time.
pub(super) fn read(directory: &Path, history: &History) -> Doing {
    let mut readers: Vec<Reader> = Vec::new();
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        readers.extend(Reader::open(&entry.path()));
    }
    if bytes > BYTES_MAX {
        return Doing::new();
    }
    let (coordinators, others): (Vec<_>, Vec<_>) =
        readers.into_iter().partition(|reader| reader.header().role == RoleId::Coordinator);
    let Some(begin_us) = begin(coordinators, history) else { return Doing::new() };
    let mut by_process: BTreeMap<u32, Collected> = BTreeMap::new();
    for reader in others {
        if matches!(reader.header().role, RoleId::Subtask { .. }) {
            let process = u32::try_from(reader.header().instance >> 32).unwrap_or(0);
            by_process.entry(process).or_default().add(reader, begin_us);
        }
    }
    by_process.into_iter().map(|(process, collected)| (process, collected.conclude())).collect()
}

/// The machine's clock when the history began, in µs. An attempt is recorded by the coordinator before the harness hears of it, so
/// the latest guess is the best.
fn begin(coordinators: Vec<Reader>, history: &History) -> Option<u64> {
    let mut told = BTreeMap::new();
    for entry in &history.entries {
        if let Event::Attempt { attempt } = entry.event {
            told.entry(attempt).or_insert(entry.t_ms);
        }
    }
    let mut guesses = Vec::new();
    for frame in coordinators.into_iter().flatten().flatten() {
        if let trace::Event::Effect(Effect::Send { message: Message::Deploy(deployment), .. }) = frame.event
            && let Some(t_ms) = told.get(&deployment.attempt.get())
        {
            guesses.push(frame.monotonic_us.saturating_sub(t_ms * 1_000));
        }
    }
    guesses.into_iter().max()
}

/// What a process's traces have told so far.
#[derive(Debug, Default)]
struct Collected {
    /// First barrier and last acknowledgement, by attempt and checkpoint.
    checkpoints: BTreeMap<(u64, u64), (u64, Option<u64>)>,
    doings: Doings,
    last_ms: u64,
}

impl Collected {
    fn add(&mut self, reader: Reader, begin_us: u64) {
        let RoleId::Subtask { attempt, .. } = reader.header().role else { return };
        let mut sink = Sink::default();
        let mut last = 0;
        for frame in reader.flatten() {
            let t_ms = frame.monotonic_us.saturating_sub(begin_us) / 1_000;
            last = t_ms;
            if let Some((checkpoint, acknowledged)) = about_checkpoint(&frame.event) {
                let seen = self.checkpoints.entry((attempt.get(), checkpoint)).or_insert((t_ms, None));
                if acknowledged {
                    seen.1 = Some(t_ms);
                }
            }
            sink.take(&frame.event, t_ms, &mut self.doings);
        }
        sink.close(last, &mut self.doings);
        self.last_ms = self.last_ms.max(last);
    }

    fn conclude(mut self) -> Doings {
        for (begun, acknowledged) in self.checkpoints.into_values() {
            match acknowledged {
                Some(at) => self.doings.acknowledged.push((begun, at)),
                None => self.doings.unacknowledged.push((begun, self.last_ms.min(begun + UNHEARD_MS))),
            }
        }
        self.doings
    }
}

/// How far a checkpoint that is never acknowledged is drawn at most.
const UNHEARD_MS: u64 = 100;

/// The checkpoint that a barrier or an acknowledgement is of; whether it is an acknowledgement.
#[expect(clippy::wildcard_enum_match_arm, reason = "little of the alphabet is looked at")]
fn about_checkpoint(event: &trace::Event) -> Option<(u64, bool)> {
    match event {
        trace::Event::Input {
            input: Input::Element { element: Element::Barrier { checkpoint, .. }, .. },
            ..
        }
        | trace::Event::Effect(Effect::Emit(Element::Barrier { checkpoint, .. })) => {
            Some((checkpoint.get(), false))
        }
        trace::Event::Effect(Effect::Send {
            message: Message::FromSubtask { report: Report::Acknowledged { checkpoint, .. }, .. },
            ..
        }) => Some((checkpoint.get(), true)),
        _ => None,
    }
}

/// Transactions of one sink subtask.
#[derive(Debug, Default)]
struct Sink {
    /// First record, by slot.
    open: BTreeMap<u16, u64>,
    /// End of the flush, by slot.
    flushed: BTreeMap<u16, u64>,
}

impl Sink {
    #[expect(clippy::wildcard_enum_match_arm, reason = "little of the alphabet is looked at")]
    fn take(&mut self, event: &trace::Event, t_ms: u64, doings: &mut Doings) {
        match event {
            trace::Event::Effect(Effect::<BatchDigest, _>::Produce { slot, .. }) => {
                self.open.entry(slot.get()).or_insert(t_ms);
            }
            trace::Event::Input {
                input: Input::Done { op: Op::Flush(slot), outcome: Outcome::Flushed },
                ..
            } => {
                if let Some(from) = self.open.remove(&slot.get()) {
                    doings.open.push((from, t_ms));
                    self.flushed.insert(slot.get(), t_ms);
                }
            }
            trace::Event::Input {
                input: Input::Done { op: Op::Commit(id), outcome: Outcome::Answer(0) },
                ..
            } => {
                if let Some(from) = self.flushed.remove(&id.slot.get()) {
                    doings.pre_committed.push((from, t_ms));
                }
            }
            _ => {}
        }
    }

    fn close(self, last_ms: u64, doings: &mut Doings) {
        doings.open.extend(self.open.into_values().map(|from| (from, last_ms)));
        doings.pre_committed.extend(self.flushed.into_values().map(|from| (from, last_ms)));
    }
}

#[cfg(test)]
mod tests {
    use truecut_core::{Attempt, Slot, TransactionalId};

    use super::*;

    fn done(op: Op, outcome: Outcome<truecut_runtime::store::StateHandle>) -> trace::Event {
        trace::Event::Input { input: Input::Done { op, outcome }, stamp: None }
    }

    #[test]
    fn a_transaction_is_open_until_flushed_and_pre_committed_until_its_commit_is_answered() {
        let slot = Slot::new(2);
        let id = TransactionalId { attempt: Attempt::new(1), subtask: 0, slot };
        let batch = BatchDigest { records: 1, crc: 0 };
        let produce = || trace::Event::Effect(Effect::Produce { slot, batch, keep: false });
        let (mut sink, mut doings) = (Sink::default(), Doings::default());
        let events = [
            (10, produce()),
            (20, produce()),
            (30, done(Op::Flush(slot), Outcome::Flushed)),
            // An answer that is no success leaves it pre-committed.
            (35, done(Op::Commit(id), Outcome::Unknown)),
            (40, done(Op::Commit(id), Outcome::Answer(0))),
            (50, produce()),
        ];
        for (t_ms, event) in events {
            sink.take(&event, t_ms, &mut doings);
        }
        sink.close(60, &mut doings);
        assert_eq!((doings.open, doings.pre_committed), (vec![(10, 30), (50, 60)], vec![(30, 40)]));
    }
}
