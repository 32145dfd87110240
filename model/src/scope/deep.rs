//! Scopes for random walks: more partitions, subtasks, workers and faults than any search could exhaust.

use std::borrow::Cow;

use truecut_core::CommitBy;

use crate::assumption::Assumption::{
    Crash, EarlyLanding, Expiry, LostAnswer, StoreFault, Takeover, TransactionTimeout, ZombieWorker,
};
use crate::assumption::Budget;
use crate::scope::Scope;
use crate::scope::basic::SMALL;

/// Keys that meet in one operator from several partitions, and some that don't.
const INPUT: &[&[u8]] = &[&[0, 1, 2, 3, 0, 1], &[0, 0, 1, 2, 3, 3], &[2, 1, 0, 3, 2, 1], &[3, 3, 2, 0, 1, 1]];

pub(super) const SCOPES: &[Scope] = &[
    Scope {
        purpose: "three workers, four partitions, six checkpoints, four crashes, expiries and lost answers",
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_timeouts"),
        purpose: "the same, and Kafka times transactions out: a loss is never silent",
        budget: DEEP.budget.with(TransactionTimeout, 2),
        except: Cow::Borrowed(&["no_loss"]),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_takeover"),
        purpose: "the same with a store that fails, zombies, and coordinators that take over from each other",
        budget: DEEP.budget.with(StoreFault, 3).with(Takeover, 2).with(ZombieWorker, 2),
        ..DEEP
    },
    Scope {
        name: Cow::Borrowed("deep_log"),
        purpose: "the same with the sink that commits by log: nothing is lost",
        commit_by: CommitBy::Log,
        budget: DEEP.budget.with(TransactionTimeout, 3),
        ..DEEP
    },
];

const DEEP: Scope = Scope {
    name: Cow::Borrowed("deep"),
    input: INPUT,
    sources: 3,
    operators: 2,
    workers: 3,
    slots: 2,
    outputs: 3,
    credit: 3,
    tolerable_failures: 1,
    budget: Budget::checkpoints(6).with(Crash, 4).with(Expiry, 2).with(LostAnswer, 3).with(EarlyLanding, 1),
    ..SMALL
};
