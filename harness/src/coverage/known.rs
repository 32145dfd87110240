//! Shapes that real runs visit and no search reaches, where the reason is known: left out by the model on purpose, or a gap that has a
//! name. Each shape is written out, so that another outcome of the same guard is not excused with it; one that the model has come
//! to reach fails a test.

/// What is known of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The model leaves it out on purpose, for this reason.
    LeftOut(&'static str),
    /// Nothing stands for it in the model: this is missing.
    Gap(&'static str),
}

use Standing::{Gap, LeftOut};

const RETAINED: Standing =
    Gap("scopes keep one completed checkpoint, chaos jobs two: nothing is old enough to be deleted");
const LOST_TRIGGER: Standing = Gap(
    "no scope loses a trigger, so that no source hears of the end of a checkpoint first; only a proxy drops one message of a connection",
);
const COORDINATOR_UNHEARD: Standing = Gap(
    "no scope loses an answer to a request of the coordinator to Kafka: listing and fencing are always heard",
);
const REFUSED_STATE: Standing = Gap(
    "no scope refuses a subtask's part of a checkpoint (only the coordinator's store fails): no decline comes while its checkpoint is under way",
);
const HOP: Standing = LeftOut("a hop within a process is one step of the model: nothing is on its way there");

const OFFSETS: Standing =
    LeftOut("offset commits are answered at once in the model, and well: nobody reads them but tools");

const KNOWN: &[(&str, Standing)] = &[
    ("coordinator: done fence unknown -> arm retry", COORDINATOR_UNHEARD),
    ("coordinator: done list_transactions unknown -> arm retry", COORDINATOR_UNHEARD),
    ("source: done commit_offsets unknown ->", OFFSETS),
    ("source: done commit_offsets answer done -> commit_offsets", OFFSETS),
    (
        "coordinator: done discard written ->",
        LeftOut("the core ignores every answer to a discard; the model gives only bad ones"),
    ),
    ("coordinator: done swap_head swapped -> completed", RETAINED),
    ("coordinator: done swap_head swapped -> completed, list_transactions", RETAINED),
    ("coordinator: done swap_head swapped -> arm expiry, completed, trigger", RETAINED),
    ("coordinator: done swap_head swapped -> arm expiry, completed, list_transactions, trigger", RETAINED),
    (
        "coordinator: done write_checkpoint written ->",
        LeftOut(
            "a restart comes at once in the model: the claim waits for the write, and goes on where it is answered",
        ),
    ),
    (
        "coordinator: fired heartbeat -> arm heartbeat",
        LeftOut(
            "heartbeats are sent in the model where one can heal something: not while no worker is there",
        ),
    ),
    (
        "coordinator: fired interval ->",
        LeftOut(
            "the interval goes on after the last checkpoint, and is ignored; the model does not let it fire",
        ),
    ),
    (
        "coordinator: fired retry ->",
        LeftOut("retries come at once in the model: never after another listing was begun"),
    ),
    (
        "coordinator: worker_joined -> arm silence, deploy",
        LeftOut(
            "a new incarnation registers in the model where the old one is given up: never after the checkpoint was read",
        ),
    ),
    (
        "coordinator: worker_lost ->",
        LeftOut(
            "the connection of a worker that was given up ends; in the model it leads to nobody from then on",
        ),
    ),
    (
        "worker: channel_broken ->",
        LeftOut(
            "channels of an attempt that this worker has stopped break; the model takes them away with the attempt",
        ),
    ),
    ("worker: message acknowledge ->", HOP),
    ("worker: message at_end ->", HOP),
    ("worker: message decline ->", HOP),
    ("worker: message drained ->", HOP),
    ("worker: message failed kafka ->", HOP),
    ("worker: message failed task ->", HOP),
    ("worker: message ready ->", HOP),
    ("operator: done snapshot failed -> decline", REFUSED_STATE),
    ("coordinator: message decline -> aborted, disarm expiry, discard", REFUSED_STATE),
    ("coordinator: message decline -> aborted, arm expiry, disarm expiry, discard, trigger", REFUSED_STATE),
    (
        "coordinator: message decline -> aborted, arm restart, cancel, disarm expiry, disarm interval, discard",
        REFUSED_STATE,
    ),
    ("source: message trigger ->", Gap("no scope repeats a message; only a proxy does that to a connection")),
    ("source: message aborted -> cancel_barrier", LOST_TRIGGER),
    ("operator: element cancel_barrier ->", LOST_TRIGGER),
    ("operator: element cancel_barrier -> cancel_barrier, decline, release", LOST_TRIGGER),
    ("operator: element cancel_barrier -> cancel_barrier, decline", LOST_TRIGGER),
    (
        "sink: done commit answer retry -> arm retry",
        LeftOut(
            "that a commit was surely not done is less than the unknown answer that the model gives, which is followed by the same",
        ),
    ),
];

/// What is known of a shape that no world of the model reaches.
pub(super) fn standing(shape: &str) -> Option<Standing> {
    KNOWN.iter().find(|(known, _)| *known == shape).map(|(_, standing)| *standing)
}

/// All shapes of the list.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(shape, _)| *shape)
}
