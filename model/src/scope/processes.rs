//! Scopes of what befalls the processes, the coordinator, its store and the connections between them.

use std::borrow::Cow;

use crate::assumption::Assumption::{Crash, StoreFault};
use crate::assumption::Budget;
use crate::scope::Scope;
use crate::scope::basic::SMALL;

pub(super) const SCOPES: &[Scope] = &[Scope {
    name: Cow::Borrowed("store_fault"),
    purpose: "an operation of the checkpoint store fails, or its answer is lost and it lands at any later time; and a crash",
    budget: Budget::checkpoints(1).with(Crash, 1).with(StoreFault, 1),
    ..SMALL
}];
