//! Makes the state of an operator subtask durable, off the stream's thread.
//!
//! In the order in which it was captured, one capture after the other, however many checkpoints are under way: what is captured counts
//! on what was captured before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use truecut_core::{CheckpointName, Op, Outcome, Subtask};

use crate::exchange::ElementInbox;
use crate::state::{Capture, NotWritten, StateWriter};
use crate::store::{Checkpoints, StateHandle};
use crate::task::done;

/// What the stream's thread has to say.
#[derive(Debug)]
enum Said {
    Restored(StateHandle),
    Captured { op: Op, name: CheckpointName, capture: Capture },
}

/// Takes captures from the stream's thread.
#[derive(Debug)]
pub(super) struct Snapshots(Sender<Said>);

impl Snapshots {
    /// The state goes on from this one.
    pub(super) fn restored(&self, state: StateHandle) {
        drop(self.0.send(Said::Restored(state)));
    }

    /// Makes a capture durable, and answers the operation then.
    pub(super) fn captured(&self, op: Op, name: CheckpointName, capture: Capture) {
        drop(self.0.send(Said::Captured { op, name, capture }));
    }
}

/// The other end of it, for a thread of its own. It ends when the task does, with what was captured by then.
#[derive(Debug)]
pub struct SnapshotLane {
    subtask: Subtask,
    checkpoints: Checkpoints,
    inbox: Arc<ElementInbox>,
    said: Receiver<Said>,
}

impl SnapshotLane {
    pub(super) fn new(
        subtask: Subtask,
        checkpoints: Checkpoints,
        inbox: Arc<ElementInbox>,
    ) -> (Snapshots, Self) {
        let (sender, said) = channel();
        (Snapshots(sender), Self { subtask, checkpoints, inbox, said })
    }

    /// Runs until the task is gone.
    pub fn run(self) {
        let mut writer = StateWriter::new(self.checkpoints.clone(), self.subtask);
        for said in &self.said {
            match said {
                Said::Restored(state) => {
                    writer = StateWriter::restored(self.checkpoints.clone(), self.subtask, state);
                }
                Said::Captured { op, name, capture } => {
                    let outcome = self.outcome(name, writer.write(name, capture));
                    done(&self.inbox, self.subtask, op, outcome);
                }
            }
        }
    }

    fn outcome(
        &self,
        name: CheckpointName,
        written: Result<StateHandle, NotWritten>,
    ) -> Outcome<StateHandle> {
        let error = match written {
            Ok(state) => return Outcome::Snapshotted(state),
            Err(error) => error,
        };
        tracing::error!(subtask = %self.subtask, checkpoint = name.id.get(), %error, "can't store the state");
        match error {
            NotWritten::Unknown(_) => Outcome::Unknown,
            NotWritten::Failed(_) | NotWritten::OtherKind => Outcome::Failed { detail: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use truecut_core::{Attempt, CheckpointId, Input};

    use super::*;
    use crate::inbox::{Inbox, Received};
    use crate::state::{Changes, read_parts};
    use crate::store::testing::{Fate, Memory};

    const SUBTASK: Subtask = Subtask::operator(0);

    fn capture(key: u8) -> Capture {
        let mut changes = Changes::default();
        changes.put(&[key], |out| out.push(key));
        Capture::Changes(changes)
    }

    /// Captures, for checkpoints 1, 2 and on, all before anything is stored: what is answered, in order.
    fn answers(
        checkpoints: &Checkpoints,
        captures: impl IntoIterator<Item = Capture>,
    ) -> Vec<(u64, Outcome<StateHandle>)> {
        let inbox = Arc::new(Inbox::new(1));
        let (snapshots, lane) = SnapshotLane::new(SUBTASK, checkpoints.clone(), Arc::clone(&inbox));
        for (id, capture) in (1..).map(CheckpointId::new).zip(captures) {
            snapshots.captured(Op::Snapshot(id), CheckpointName { attempt: Attempt::new(1), id }, capture);
        }
        drop(snapshots);
        lane.run();
        let mut answers = Vec::new();
        while let Received::Control(SUBTASK, stepped) = inbox.try_take() {
            let Input::Done { op: Op::Snapshot(id), outcome } = stepped.input else { panic!("{stepped:?}") };
            answers.push((id.get(), outcome));
        }
        answers
    }

    fn keys(checkpoints: &Checkpoints, answer: &Outcome<StateHandle>) -> Vec<u8> {
        let Outcome::Snapshotted(state) = answer else { panic!("{answer:?}") };
        let mut keys = Vec::new();
        for part in read_parts(checkpoints, state) {
            keys.extend(part.unwrap().1.entries().unwrap().iter().map(|(key, _)| key[0]));
        }
        keys.sort_unstable();
        keys
    }

    #[test]
    fn captures_that_overlap_are_stored_and_answered_in_order() {
        let (_memory, checkpoints) = Memory::new();
        let answers = answers(&checkpoints, (1..=5).map(capture));
        assert!(answers.iter().map(|(id, _)| *id).eq(1..=5));
        for (id, answer) in &answers {
            assert!(keys(&checkpoints, answer).into_iter().map(u64::from).eq(1..=*id));
        }
    }

    #[test]
    fn a_capture_that_is_not_stored_is_in_the_next_one_although_that_was_captured_before() {
        for (fate, expected) in [(Fate::Lost, true), (Fate::Landed, true), (Fate::Refused, false)] {
            let (memory, checkpoints) = Memory::new();
            memory.fates([fate]);
            let answers = answers(&checkpoints, (1..=2).map(capture));
            assert_eq!(answers[0].1 == Outcome::Unknown, expected);
            assert_eq!(matches!(answers[0].1, Outcome::Failed { .. }), !expected);
            assert_eq!(keys(&checkpoints, &answers[1].1), [1, 2]);
        }
    }

    #[test]
    fn changes_after_a_whole_state_fail_with_a_remedy() {
        let (_memory, checkpoints) = Memory::new();
        let answers = answers(&checkpoints, [Capture::Whole(vec![1]), capture(1)]);
        let Outcome::Failed { detail } = &answers[1].1 else { panic!("{answers:?}") };
        assert!(detail.contains("or start fresh"), "{detail}");
    }
}
