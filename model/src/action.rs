//! Every step of the job and of its adversary.

use truecut_core::{Attempt, CheckpointId, Committable, Op, Partition, Slot, Subtask, TransactionalId};

use crate::late::KafkaStep;

/// One step. Machines are named by their place, channels by theirs in the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The coordinator takes the next message of a machine.
    TakeReport(usize),
    /// The coordinator learns that a machine's worker is gone; a new one registers.
    LoseWorker(usize),
    /// An operation of the coordinator lands.
    LandCoordinator(Op),
    /// The coordinator takes the answer to an operation.
    AnswerCoordinator(Op),
    /// The coordinator is asked to end the job.
    Stop,
    /// A machine takes the next messages of the coordinator.
    TakeOrder(usize),
    /// A source subtask is given the next record of a partition.
    Fetch(usize, Attempt, Subtask, Partition),
    /// An operator subtask takes the next element of a channel.
    Take(usize),
    /// What a producer has on its way reaches Kafka.
    LandRecords(usize, Attempt, Subtask, Slot),
    /// An operation of a subtask lands.
    Land(usize, Attempt, Subtask, Op),
    /// A subtask takes the answer to an operation.
    Answer(usize, Attempt, Subtask, Op),
    /// The interval is over: a checkpoint is triggered.
    Trigger,
    /// A checkpoint takes too long.
    Expire(CheckpointId),
    /// A machine's worker is killed; this many records of each of its producers still reach Kafka.
    Crash(usize, usize),
    /// Kafka aborts an open transaction.
    TimeOut(TransactionalId),
    /// The answer to an operation is lost, or the request if it has not landed.
    LoseAnswer(usize, Attempt, Subtask, Op),
    /// A commit request of a dead sender lands.
    LandOrphan(Committable),
    /// Kafka does something by itself, or hears late of something.
    Kafka(KafkaStep),
}

impl Action {
    /// Whether it is a step that the job waits for: neither a fault, nor a trigger, nor a request of a dead sender.
    pub(crate) fn is_progress(&self) -> bool {
        match self {
            Self::TakeReport(_)
            | Self::LoseWorker(_)
            | Self::LandCoordinator(_)
            | Self::AnswerCoordinator(_)
            | Self::Stop
            | Self::TakeOrder(_)
            | Self::Fetch(..)
            | Self::Take(_)
            | Self::LandRecords(..)
            | Self::Land(..)
            | Self::Answer(..) => true,
            Self::Kafka(step) => step.is_progress(),
            Self::Trigger
            | Self::Expire(_)
            | Self::Crash(..)
            | Self::TimeOut(_)
            | Self::LoseAnswer(..)
            | Self::LandOrphan(_) => false,
        }
    }
}
