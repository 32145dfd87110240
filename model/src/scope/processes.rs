//! Scopes of what befalls the processes, the coordinator, its store and the connections between them.

use std::borrow::Cow;

use crate::assumption::Assumption::{
    ChannelBreak, Crash, LostNotification, Overlapping, StoreFault, Takeover, TaskFailure, ZombieOutlives,
    ZombieWorker,
};
use crate::assumption::Budget;
use crate::scope::Scope;
use crate::scope::basic::SMALL;

pub(super) const SCOPES: &[Scope] = &[
    Scope {
        name: Cow::Borrowed("store_fault"),
        purpose: "an operation of the checkpoint store fails, or its answer is lost and it lands at any later time; and a crash",
        budget: Budget::checkpoints(1).with(Crash, 1).with(StoreFault, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("zombie_worker"),
        purpose: "a worker is given up for lost although it lives, and goes on until it learns that",
        budget: Budget::checkpoints(1).with(ZombieWorker, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("zombie_outlives"),
        purpose: "a worker is given up for lost although it lives, perhaps for longer than the job",
        budget: Budget::checkpoints(1).with(ZombieWorker, 1).with(ZombieOutlives, 1),
        except: Cow::Borrowed(&["no_stuck_transaction"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("takeover"),
        purpose: "another coordinator takes over from one that died or is only thought dead",
        budget: Budget::checkpoints(1).with(Takeover, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("overlapping"),
        purpose: "two checkpoints under way at once, an interval that passes at any time, and a crash",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2).with(Crash, 1).with(Overlapping, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("lost_notification"),
        purpose: "a subtask is not told that a checkpoint is complete, and a crash",
        budget: Budget::checkpoints(1).with(Crash, 1).with(LostNotification, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("channel_break"),
        purpose: "a data channel breaks although both its ends live",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 2,
        except: Cow::Borrowed(&["order_per_key"]),
        budget: Budget::checkpoints(1).with(ChannelBreak, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("task_failure"),
        purpose: "the job's code fails, or subtasks can't be started, on two workers",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 2,
        except: Cow::Borrowed(&["order_per_key"]),
        budget: Budget::checkpoints(1).with(TaskFailure, 1),
        ..SMALL
    },
];
