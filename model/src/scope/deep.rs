//! Scopes for random walks: more partitions, subtasks, workers and faults than any search could exhaust.

use std::borrow::Cow;

use truecut_core::{CommitBy, TransactionProtocol};

use crate::assumption::Assumption::{
    ChannelBreak, Crash, EarlyLanding, Expiry, IdExpiry, LateInit, LateMarker, LostAnswer, LostNotification,
    Overlapping, StoreFault, Takeover, TaskFailure, TransactionTimeout, ZombieWorker,
};
use crate::assumption::Budget;
use crate::scope::Scope;
use crate::scope::basic::SMALL;

/// Keys that meet in one operator from several partitions, and some that don't.
const INPUT: &[&[u8]] = &[&[0, 1, 2, 3, 0, 1], &[0, 0, 1, 2, 3, 3], &[2, 1, 0, 3, 2, 1], &[3, 3, 2, 0, 1, 1]];

pub(super) const SCOPES: &[Scope] = &[
    DEEP,
    Scope {
        name: Cow::Borrowed("deep_timeouts"),
        purpose: "the same, and Kafka times transactions out: a loss is never silent",
        budget: DEEP.budget.with(TransactionTimeout, 2),
        except: Cow::Borrowed(&["no_loss"]),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_faults"),
        purpose: "the same with overlapping checkpoints, broken channels, failing tasks, lost notifications",
        budget: DEEP
            .budget
            .with(Overlapping, 1)
            .with(ChannelBreak, 2)
            .with(TaskFailure, 2)
            .with(LostNotification, 3),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_takeover"),
        purpose: "the same with a store that fails, zombies, and coordinators that take over from each other",
        budget: DEEP.budget.with(StoreFault, 3).with(Takeover, 2).with(ZombieWorker, 2),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_v2"),
        purpose: "the same by transaction protocol V2, and ends are learnt late",
        protocol: TransactionProtocol::V2,
        budget: DEEP.budget.with(LateMarker, 1),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_log"),
        purpose: "the same with the sink that commits by log, where Kafka times out, forgets, and is late: nothing is lost",
        commit_by: CommitBy::Log,
        budget: DEEP
            .budget
            .with(TransactionTimeout, 3)
            .with(LateInit, 2)
            .with(LateMarker, 1)
            .with(IdExpiry, 1),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_everything"),
        purpose: "the sink that commits by log, and all that may happen without a loss at once",
        commit_by: CommitBy::Log,
        budget: DEEP
            .budget
            .with(TransactionTimeout, 2)
            .with(LateInit, 1)
            .with(LateMarker, 1)
            .with(IdExpiry, 1)
            .with(StoreFault, 2)
            .with(Takeover, 1)
            .with(ZombieWorker, 1)
            .with(Overlapping, 1)
            .with(ChannelBreak, 1)
            .with(TaskFailure, 1)
            .with(LostNotification, 2),
        ..DEEP
    },
];

const DEEP: Scope = Scope {
    name: Cow::Borrowed("deep"),
    purpose: "three workers, four partitions, six checkpoints, four crashes, expiries and lost answers",
    input: INPUT,
    sources: 3,
    operators: 2,
    workers: 3,
    slots: 2,
    outputs: 3,
    credit: 3,
    tolerable_failures: 1,
    max_restarts: 100,
    budget: Budget::checkpoints(6).with(Crash, 4).with(Expiry, 2).with(LostAnswer, 3).with(EarlyLanding, 1),
    ..SMALL
};
