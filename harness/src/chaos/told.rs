//! What the subject tells the oracle, out of its traces: heads of the store, checkpoints, commits that were asked for, what was restored and read.
//! It only translates: each fact is taken as it stands in a frame, and what follows from it is the oracle's affair. The times
//! are those of the machine's monotonic clock, which is one for all processes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use truecut_core::{
    Checkpoint as Written, Committable, Deployment, Effect, Head as StoreHead, HeadVersion, Input, Message,
    NextOffset, Op, Order, Outcome, Partition, Report, Request, Slot, Snapshot, Subtask,
};
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::{BatchDigest, Event, Frame, Header, Reader, RoleId};

use super::kafka_log::StateChange;
use super::replay;
use crate::failure::Failure;
use crate::oracle::journal::{Checkpoint, Commit, Head, Journal, Listed, Name, Read, Restore, Step};

/// Reads the traces of a run. `states` tell which producer ids Kafka gave to which transactional id.
///
/// # Errors
/// The directory can't be read. A trace that can't is a gap in the journal.
pub(super) fn journal(directory: &Path, states: &[StateChange]) -> Result<Journal, Failure> {
    let mut telling = Telling::default();
    for (reader, path) in (0..).zip(replay::list(directory)?) {
        let mut trace = match Reader::open(&path) {
            Ok(trace) => trace,
            Err(error) => {
                telling.journal.gap.get_or_insert(error.to_string());
                continue;
            }
        };
        let header = trace.header().clone();
        let mut coordinator = Coordinating::default();
        for frame in &mut trace {
            match frame {
                Ok(frame) => telling.frame(&header, reader, &frame, &mut coordinator),
                Err(error) => {
                    telling.journal.gap.get_or_insert(error.to_string());
                    break;
                }
            }
        }
    }
    Ok(telling.finish(states))
}

#[derive(Default)]
struct Telling {
    journal: Journal,
    checkpoints: BTreeMap<Name, Checkpoint>,
    commits: HashMap<(i64, i16), Commit>,
    restores: BTreeMap<(u64, Name), Restore>,
    /// Told to one worker or more.
    triggered: BTreeSet<Name>,
}

/// What one coordinator is at.
#[derive(Default)]
struct Coordinating {
    /// The head that it is swapping in.
    swapping: Option<(HeadVersion, StoreHead)>,
    /// Acknowledgements that came, by attempt, checkpoint and subtask.
    acknowledged: BTreeSet<(u64, u64, Subtask)>,
}

impl Telling {
    fn frame(&mut self, header: &Header, reader: u32, frame: &Frame, coordinator: &mut Coordinating) {
        match (header.role, &frame.event) {
            (RoleId::Coordinator, Event::Input { input, .. }) => {
                self.journal.told = true;
                self.coordinator_takes(frame, input, coordinator);
            }
            (RoleId::Coordinator, Event::Effect(effect)) => self.coordinator_does(effect, coordinator),
            (RoleId::Subtask { attempt, .. }, event) => {
                self.subtask(reader, attempt.get(), frame.monotonic_us, event)
            }
            (RoleId::Coordinator, Event::End) | (RoleId::Worker(_), _) => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few inputs tell anything of checkpoints")]
    fn coordinator_takes(
        &mut self,
        frame: &Frame,
        input: &Input<BatchDigest, StateHandle>,
        coordinator: &mut Coordinating,
    ) {
        match input {
            Input::Done { op: Op::SwapHead, outcome: Outcome::Swapped } => {
                if let Some((version, head)) = coordinator.swapping.take() {
                    self.head(version, head, frame);
                }
            }
            Input::Done { op: Op::ReadHead, outcome: Outcome::Head { version, head: Some(head) } } => {
                self.head(*version, *head, frame);
            }
            Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) } => {
                self.checkpoint(checkpoint, None);
            }
            Input::Message {
                message:
                    Message::FromSubtask { attempt, subtask, report: Report::Acknowledged { checkpoint, .. } },
                ..
            } => {
                coordinator.acknowledged.insert((attempt.get(), checkpoint.get(), *subtask));
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few effects tell anything of checkpoints")]
    fn coordinator_does(
        &mut self,
        effect: &Effect<BatchDigest, StateHandle>,
        coordinator: &mut Coordinating,
    ) {
        match effect {
            Effect::Start { request: Request::SwapHead { expected, head }, .. } => {
                coordinator.swapping = Some((expected.next(), *head));
            }
            Effect::Start { request: Request::WriteCheckpoint(checkpoint), .. } => {
                let (attempt, id) = (checkpoint.name.attempt.get(), checkpoint.name.id.get());
                let missing =
                    |subtask: &&Subtask| !coordinator.acknowledged.contains(&(attempt, id, **subtask));
                let missing = checkpoint.snapshots.keys().filter(missing).map(ToString::to_string).collect();
                self.checkpoint(checkpoint, Some(missing));
            }
            Effect::Send { message: Message::Deploy(deployment), .. } => self.restore(deployment),
            Effect::Send {
                message: Message::ToSubtask { attempt, order: Order::Trigger { checkpoint, .. }, .. },
                ..
            } => {
                self.triggered.insert((attempt.get(), checkpoint.get()));
            }
            _ => {}
        }
    }

    fn head(&mut self, version: HeadVersion, head: StoreHead, frame: &Frame) {
        self.journal.heads.push(Head {
            version: version.get(),
            attempt: head.attempt.get(),
            latest: head.latest.map(|name| (name.attempt.get(), name.id.get())),
            known_us: frame.monotonic_us,
            known_ms: i64::try_from(frame.wall_us / 1_000).unwrap_or(i64::MAX),
        });
    }

    /// Who wrote a checkpoint tells more of it than who read it.
    fn checkpoint(&mut self, written: &Written<StateHandle>, unacknowledged: Option<Vec<String>>) {
        let name = (written.name.attempt.get(), written.name.id.get());
        let checkpoint = self.checkpoints.entry(name).or_insert_with(|| Checkpoint {
            name,
            offsets: offsets(written.snapshots.values()),
            listed: written.committables().map(listed).collect(),
            ..Checkpoint::default()
        });
        if let Some(unacknowledged) = unacknowledged {
            checkpoint.unacknowledged = unacknowledged;
        }
    }

    fn restore(&mut self, deployment: &Deployment<StateHandle>) {
        let attempt = deployment.attempt.get();
        let checkpoint = (deployment.restored.attempt.get(), deployment.restored.id.get());
        let restore = self.restores.entry((attempt, checkpoint)).or_insert_with(|| Restore {
            attempt,
            checkpoint,
            offsets: Vec::new(),
        });
        restore.offsets.extend(offsets(deployment.tasks.iter().map(|task| &task.restore)));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few frames tell anything of reading and committing")]
    fn subtask(&mut self, reader: u32, attempt: u64, at_us: u64, event: &Event) {
        let mut read = |partition: Partition, step| {
            let partition = i32::try_from(partition.get()).unwrap_or(i32::MAX);
            self.journal.reads.push(Read { reader, attempt, partition, step });
        };
        match event {
            Event::Input { input: Input::Fetched { partition, first, last, .. }, .. } => {
                read(*partition, Step::Records { first: first.get(), last: last.get() });
            }
            Event::Effect(Effect::Consume { offsets, .. }) => {
                offsets.iter().for_each(|(partition, next)| read(*partition, Step::Begin(next.get())));
            }
            Event::Effect(Effect::Send { message: Message::FromSubtask { report, .. }, .. }) => {
                let Report::Acknowledged { checkpoint, snapshot: Snapshot::Source(offsets) } = report else {
                    return;
                };
                let checkpoint = checkpoint.get();
                let step = |next: &NextOffset| Step::Snapshot { checkpoint, next: next.get() };
                offsets.iter().for_each(|(partition, next)| read(*partition, step(next)));
            }
            Event::Effect(Effect::Start { request: Request::Commit(committable), .. }) => {
                self.commit(committable, at_us);
            }
            Event::Input {
                input:
                    Input::Done { op: Op::InitProducer(slot), outcome: Outcome::Initialised { described, .. } },
                ..
            } => {
                let attempt = if *slot == Slot::RECOVERY { 0 } else { attempt };
                self.journal.attempt_of_producer.insert(described.producer.id, attempt);
            }
            _ => {}
        }
    }

    fn commit(&mut self, committable: &Committable, at_us: u64) {
        let listed = listed(committable);
        let rewritten = committable.id.is_recovery();
        let first = Commit { listed, rewritten, at_us };
        let commit = self.commits.entry((listed.producer_id, listed.producer_epoch)).or_insert(first);
        commit.at_us = commit.at_us.min(at_us);
    }

    fn finish(self, states: &[StateChange]) -> Journal {
        let Self { mut journal, mut checkpoints, commits, restores, triggered } = self;
        for name in triggered {
            if let Some(checkpoint) = checkpoints.get_mut(&name) {
                checkpoint.triggered = true;
            }
        }
        journal.heads.sort_by_key(|head| (head.version, head.known_us));
        journal.checkpoints = checkpoints.into_values().collect();
        journal.commits = commits.into_values().collect();
        journal.commits.sort_by_key(|commit| (commit.at_us, commit.listed));
        journal.restores = restores.into_values().collect();
        journal.attempt_of_producer.extend(states.iter().filter_map(attempt_of));
        journal
    }
}

fn offsets<'a>(snapshots: impl Iterator<Item = &'a Snapshot<StateHandle>>) -> Vec<(i32, i64)> {
    let mut found = Vec::new();
    for snapshot in snapshots {
        if let Snapshot::Source(offsets) = snapshot {
            let partition = |partition: &Partition| i32::try_from(partition.get()).unwrap_or(i32::MAX);
            found.extend(offsets.iter().map(|(at, next)| (partition(at), next.get())));
        }
    }
    found
}

fn listed(committable: &Committable) -> Listed {
    Listed {
        checkpoint: committable.checkpoint.get(),
        subtask: committable.id.subtask,
        producer_id: committable.producer.id,
        producer_epoch: committable.producer.epoch,
        records: committable.records,
    }
}

/// Producer id and attempt: the third part from the end of the transactional id. The job's prefix may be anything.
fn attempt_of(change: &StateChange) -> Option<(i64, u64)> {
    let attempt = change.transactional_id.rsplit('/').nth(2)?.parse().ok()?;
    Some((change.logged.as_ref()?.producer_id, attempt))
}

#[cfg(test)]
mod tests {
    use truecut_core::{Attempt, CheckpointId, CheckpointName, Token};

    use super::*;

    fn frame(sequence: u64) -> Frame {
        Frame { offset: 0, sequence, monotonic_us: sequence, wall_us: sequence * 1_000, event: Event::End }
    }

    #[test]
    fn a_head_is_told_once_it_is_swapped_and_with_the_time_at_which_that_was_known() {
        let name = CheckpointName { attempt: Attempt::new(1), id: CheckpointId::new(4) };
        let head = StoreHead {
            token: Token::new(1),
            attempt: Attempt::new(1),
            latest: Some(name),
            next: CheckpointId::new(5),
        };
        let swap = Request::SwapHead { expected: HeadVersion::new(6), head };
        let mut telling = Telling::default();
        let mut at = Coordinating::default();
        telling.coordinator_does(&Effect::Start { op: Op::SwapHead, request: swap }, &mut at);
        assert!(telling.journal.heads.is_empty());
        let done = Input::Done { op: Op::SwapHead, outcome: Outcome::Swapped };
        telling.coordinator_takes(&frame(2), &done, &mut at);
        let journal = telling.finish(&[]);
        assert_eq!(
            journal.heads,
            [Head { version: 7, attempt: 1, latest: Some((1, 4)), known_us: 2, known_ms: 2 }]
        );
    }

    #[test]
    fn a_producer_id_belongs_to_the_attempt_in_its_transactional_id() {
        let change = |id: &str| StateChange {
            partition: 0,
            offset: 0,
            transactional_id: id.to_owned(),
            logged: Some(super::super::kafka_log::Logged {
                producer_id: 77,
                producer_epoch: 0,
                previous_producer_id: -1,
                next_producer_id: -1,
                timeout_ms: 1,
                state: super::super::kafka_log::LoggedState::Empty,
                partitions: Vec::new(),
                updated_ms: 0,
                started_ms: -1,
                client_version: 0,
            }),
        };
        assert_eq!(attempt_of(&change("a/b/3/0/2")), Some((77, 3)));
        assert_eq!(attempt_of(&change("a")), None);
        assert_eq!(attempt_of(&StateChange { logged: None, ..change("a/3/0/2") }), None);
    }
}
