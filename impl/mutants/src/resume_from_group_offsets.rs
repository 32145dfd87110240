//! The coordinator replaces the offsets of a checkpoint that it read by those that the consumer group committed.
//! The checkpoint is read a second time once the group's offsets are there.

use std::collections::BTreeMap;

use truecut_core::{
    Batch, CheckpointName, Effect, Input, Isolation, NextOffset, Op, Outcome, Partition, Position, Request,
    Snapshot, Timer,
};

use crate::interpose::{Interpose, Within, run};

/// What it is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ResumeFromGroupOffsets {
    /// The checkpoint was not read yet.
    #[default]
    Idle,
    /// The group is being asked.
    Asking(CheckpointName),
    /// The group answered, the checkpoint is being read again.
    Known(BTreeMap<Partition, NextOffset>),
}

impl ResumeFromGroupOffsets {
    fn ask<B, S>() -> Vec<Effect<B, S>> {
        let request =
            Request::ResolveStart { position: Position::Committed, isolation: Isolation::ReadCommitted };
        vec![Effect::Start { op: Op::ResolveStart, request }]
    }
}

impl Interpose for ResumeFromGroupOffsets {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match (std::mem::take(self), input) {
            (
                Self::Idle,
                Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) },
            ) => {
                *self = Self::Asking(checkpoint.name);
                Self::ask()
            }
            (
                Self::Asking(name),
                Input::Done { op: Op::ResolveStart, outcome: Outcome::Offsets(offsets) },
            ) => {
                *self = Self::Known(offsets);
                vec![Effect::Start { op: Op::ReadCheckpoint, request: Request::ReadCheckpoint(name) }]
            }
            (asking @ Self::Asking(_), Input::Done { op: Op::ResolveStart, .. }) => {
                *self = asking;
                vec![Effect::Arm(Timer::Retry(Op::ResolveStart))]
            }
            (asking @ Self::Asking(_), Input::Fired(Timer::Retry(Op::ResolveStart))) => {
                *self = asking;
                Self::ask()
            }
            (
                Self::Known(group),
                Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(mut checkpoint) },
            ) => {
                for snapshot in checkpoint.snapshots.values_mut() {
                    if let Snapshot::Source(offsets) = snapshot {
                        offsets.iter_mut().for_each(|(partition, next)| {
                            *next = group.get(partition).copied().unwrap_or(NextOffset::new(0))
                        });
                    }
                }
                run(role, Input::Done { op: Op::ReadCheckpoint, outcome: Outcome::Checkpoint(checkpoint) })
            }
            (before, input) => {
                *self = before;
                run(role, input)
            }
        }
    }
}
