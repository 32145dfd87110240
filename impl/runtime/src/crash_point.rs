//! Named places at which a process can be made to kill itself, as `kill -9` would.
//!
//! Each operation of the core has three: `before` its start; `unanswered`, when it was started; `answered`, when the
//! answer is here and was not stepped. Messages and barriers have two: `before` and `after` they are sent. Orders have one:
//! `received`. Always compiled, armed by an argument.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use truecut_core::{Effect, Element, Input, Message, Order, Peer, Report};

use crate::types::{In, Out};

/// Crash points that a worker has only if its sinks commit by log. Those of a recovery are reached once Kafka aborted a transaction.
pub const LOG: &[&str] = &[
    "upload.before",
    "upload.unanswered",
    "upload.answered",
    "read_marker.before",
    "read_marker.unanswered",
    "read_marker.answered",
    "rewrite.before",
    "rewrite.unanswered",
    "rewrite.answered",
];

/// Every crash point of a worker, however its sinks commit.
pub const ALL: &[&str] = &[
    "restore.before",
    "restore.unanswered",
    "restore.answered",
    "snapshot.before",
    "snapshot.unanswered",
    "snapshot.answered",
    "init_producer.before",
    "init_producer.unanswered",
    "init_producer.answered",
    "flush.before",
    "flush.unanswered",
    "flush.answered",
    "commit.before",
    "commit.unanswered",
    "commit.answered",
    "describe.before",
    "describe.unanswered",
    "describe.answered",
    "commit_offsets.before",
    "commit_offsets.unanswered",
    "commit_offsets.answered",
    "consume.before",
    "consume.after",
    "ready.before",
    "ready.after",
    "acknowledge.before",
    "acknowledge.after",
    "barrier.before",
    "barrier.after",
    "produce.before",
    "produce.after",
    "launch.before",
    "launch.after",
    "trigger.received",
    "completed.received",
];

/// Every crash point of a coordinator. A message is sent to one worker at a time, so that a kill may fall between two.
pub const COORDINATOR: &[&str] = &[
    "read_head.before",
    "read_head.unanswered",
    "read_head.answered",
    "swap_head.before",
    "swap_head.unanswered",
    "swap_head.answered",
    "read_checkpoint.before",
    "read_checkpoint.unanswered",
    "read_checkpoint.answered",
    "write_checkpoint.before",
    "write_checkpoint.unanswered",
    "write_checkpoint.answered",
    "list_transactions.before",
    "list_transactions.unanswered",
    "list_transactions.answered",
    "fence.before",
    "fence.unanswered",
    "fence.answered",
    "deploy.before",
    "deploy.after",
    "trigger.before",
    "trigger.after",
    "completed.before",
    "completed.after",
];

/// A crash point and the visit at which it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashAt {
    /// One of [`ALL`], [`LOG`] or [`COORDINATOR`].
    pub point: String,
    /// 1 is the first visit.
    pub ordinal: u32,
}

impl std::str::FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, ordinal) = text.split_once(':').unwrap_or((text, "1"));
        if ![ALL, LOG, COORDINATOR].iter().any(|points| points.contains(&point)) {
            return Err(format!("there is no crash point `{point}`; `truecut list crash-points` names them"));
        }
        let ordinal = ordinal.parse().ok().filter(|ordinal| *ordinal > 0);
        let ordinal =
            ordinal.ok_or_else(|| format!("`{text}`: write POINT:ORDINAL, the first visit is 1"))?;
        Ok(Self { point: point.into(), ordinal })
    }
}

impl std::fmt::Display for CrashAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.point, self.ordinal)
    }
}

static ARMED: Mutex<Option<CrashAt>> = Mutex::new(None);
static IS_ARMED: AtomicBool = AtomicBool::new(false);

/// Arms a crash point of this process.
pub fn arm(at: CrashAt) {
    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    IS_ARMED.store(true, Ordering::Release);
}

/// An input is about to be stepped.
pub fn before_step(input: &In) {
    if !IS_ARMED.load(Ordering::Acquire) {
        return;
    }
    match input {
        Input::Done { op, .. } => reached(op.name(), "answered"),
        Input::Message { message: Message::ToSubtask { order, .. }, .. } => match order {
            Order::Trigger { .. } => reached("trigger", "received"),
            Order::Completed(_) => reached("completed", "received"),
            Order::Aborted(_) => {}
        },
        _ => {}
    }
}

/// The crash point of an effect: its name, and how the place behind it is called.
#[must_use]
pub fn of_effect(effect: &Out) -> Option<(&'static str, &'static str)> {
    if !IS_ARMED.load(Ordering::Acquire) {
        return None;
    }
    match effect {
        Effect::Start { op, .. } => Some((op.name(), "unanswered")),
        Effect::Consume { .. } => Some(("consume", "after")),
        Effect::Emit(Element::Barrier { .. }) => Some(("barrier", "after")),
        Effect::Produce { .. } => Some(("produce", "after")),
        Effect::Launch(_) => Some(("launch", "after")),
        Effect::Send { message: Message::FromSubtask { report, .. }, .. } => match report {
            Report::Ready => Some(("ready", "after")),
            Report::Acknowledged { .. } => Some(("acknowledge", "after")),
            _ => None,
        },
        Effect::Send { to: Peer::Worker(_), message } => match message {
            Message::Deploy(_) => Some(("deploy", "after")),
            Message::ToSubtask { order: Order::Trigger { .. }, .. } => Some(("trigger", "after")),
            Message::ToSubtask { order: Order::Completed(_), .. } => Some(("completed", "after")),
            _ => None,
        },
        _ => None,
    }
}

/// A place was reached. Does not return if it is the armed one at its ordinal.
pub fn reached(name: &str, place: &str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(at) = armed.as_mut() else { return };
    if at.point.split_once('.') != Some((name, place)) {
        return;
    }
    at.ordinal -= 1;
    if at.ordinal == 0 {
        tracing::warn!(name, place, "crash point reached");
        loop {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_is_written_as_name_and_ordinal() {
        let at: CrashAt = "commit.unanswered:3".parse().unwrap();
        assert_eq!(at, CrashAt { point: "commit.unanswered".into(), ordinal: 3 });
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!("flush.before".parse::<CrashAt>().unwrap().ordinal, 1);
        assert_eq!("rewrite.unanswered".parse::<CrashAt>().unwrap().point, "rewrite.unanswered");
        assert_eq!("swap_head.answered:2".parse::<CrashAt>().unwrap().point, "swap_head.answered");
        for wrong in ["flush", "flush.after:1", "flush.before:0", "flush.before:x"] {
            assert!(wrong.parse::<CrashAt>().is_err(), "{wrong}");
        }
    }
}
