//! Scopes of what befalls the processes, the coordinator, its store and the connections between them.

use std::borrow::Cow;

use crate::assumption::Assumption::{Crash, StoreFault, Takeover, ZombieOutlives, ZombieWorker};
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
];
