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
    /// The store refuses an operation of the coordinator: it is not done.
    RefuseStore(Op),
    /// The answer of the store to an operation is lost: it was not done, and may be at any later time.
    LoseStore(Op),
    /// A request to the store, or of a coordinator that is gone, lands when nobody waits for it any more.
    LandStray(usize),
    /// A machine's worker lives and is given up for lost; a new one registers elsewhere.
    GiveUp(usize),
    /// A worker without a coordinator learns that and ends; so many records of each of its producers still reach Kafka.
    Vanish(usize, usize),
    /// Another coordinator begins, with workers of its own.
    TakeOver,
    /// An operation of the coordinator that was taken over from lands.
    LandFormer(Op),
    /// The coordinator that was taken over from takes the answer to an operation.
    AnswerFormer(Op),
    /// A data channel between two workers breaks.
    BreakChannel(usize),
    /// The sender at a broken channel learns that, or the receiver.
    LearnBroken(usize, bool),
    /// A subtask fails.
    FailTask(usize, Attempt, Subtask),
    /// The subtasks of an attempt can't be started on a machine.
    FailLaunch(usize, Attempt),
    /// The next message to a machine is a notification, and is lost.
    LoseNotification(usize),
    /// The coordinator tells every worker that it lives, and what is complete.
    Heartbeat,
    /// A commit request of a dead sender lands.
    LandOrphan(Committable),
    /// Kafka does something by itself, or hears late of something.
    Kafka(KafkaStep),
}

impl Action {
    /// Whether it is a step that the job waits for: neither a fault, nor a trigger, nor a request of a dead sender.
    pub fn is_progress(&self) -> bool {
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
            | Self::Answer(..)
            | Self::LearnBroken(..)
            | Self::Heartbeat => true,
            Self::Kafka(step) => step.is_progress(),
            Self::Trigger
            | Self::Expire(_)
            | Self::Crash(..)
            | Self::TimeOut(_)
            | Self::LoseAnswer(..)
            | Self::RefuseStore(_)
            | Self::BreakChannel(_)
            | Self::FailTask(..)
            | Self::FailLaunch(..)
            | Self::LoseNotification(_)
            | Self::GiveUp(_)
            | Self::Vanish(..)
            | Self::TakeOver
            | Self::LandFormer(_)
            | Self::AnswerFormer(_)
            | Self::LoseStore(_)
            | Self::LandStray(_)
            | Self::LandOrphan(_) => false,
        }
    }

    /// The machine whose process or mail it is a step of, if it is one that a state names directly.
    pub(crate) fn machine(&self) -> Option<usize> {
        match self {
            Self::TakeReport(place)
            | Self::LoseWorker(place)
            | Self::TakeOrder(place)
            | Self::Fetch(place, ..)
            | Self::LandRecords(place, ..)
            | Self::Land(place, ..)
            | Self::Answer(place, ..)
            | Self::Crash(place, _)
            | Self::LoseAnswer(place, ..)
            | Self::GiveUp(place)
            | Self::FailTask(place, ..)
            | Self::FailLaunch(place, _)
            | Self::LoseNotification(place)
            | Self::Vanish(place, _) => Some(*place),
            Self::LandCoordinator(_)
            | Self::AnswerCoordinator(_)
            | Self::Stop
            | Self::Take(_)
            | Self::BreakChannel(_)
            | Self::LearnBroken(..)
            | Self::Heartbeat
            | Self::Trigger
            | Self::Expire(_)
            | Self::TimeOut(_)
            | Self::RefuseStore(_)
            | Self::LoseStore(_)
            | Self::LandStray(_)
            | Self::TakeOver
            | Self::LandFormer(_)
            | Self::AnswerFormer(_)
            | Self::Kafka(_)
            | Self::LandOrphan(_) => None,
        }
    }
}
