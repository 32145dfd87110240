//! Named places at which a process can be made to kill or to pause itself, as a signal from outside would.
//!
//! Each operation of the core has three: `before` its start; `unanswered`, when it was started; `answered`, when the
//! answer is here and was not stepped. Other effects, messages among them, have two: `before` and `after`. A message has one more at
//! its receiver: `received`, before it is stepped. The list comes from the core's alphabets (`kind`). Always compiled; armed by
//! whoever started the process: with an argument, or with a line on standard input while it runs.

mod arms;
mod kind;

use std::sync::OnceLock;

use truecut_core::{Input, Kind, Message};

use crate::types::{In, Out};
pub use arms::{CrashAt, Strike, arm, listen};
pub use kind::Host;
use kind::{Shape, hosts, shape};

/// A crash point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrashPoint {
    /// The kind of process that has it.
    pub host: Host,
    /// `KIND.PLACE`.
    pub name: &'static str,
}

/// Every crash point there is, those of one host after the other's. A name may be there for both.
pub fn all() -> &'static [CrashPoint] {
    static ALL: OnceLock<Vec<CrashPoint>> = OnceLock::new();
    ALL.get_or_init(|| {
        let of = |host: Host| {
            let kinds = Kind::ALL.iter().filter(move |kind| hosts(**kind).contains(&host));
            kinds.flat_map(move |kind| {
                let point = move |place| {
                    let name: &'static str = Box::leak(format!("{}.{place}", kind.name()).into_boxed_str());
                    CrashPoint { host, name }
                };
                places(*kind, host).iter().copied().map(point)
            })
        };
        of(Host::Worker).chain(of(Host::Coordinator)).collect()
    })
}

fn places(kind: Kind, host: Host) -> &'static [&'static str] {
    match (shape(kind), host) {
        (Shape::Last, _) => &["before"],
        (Shape::Operation, _) => &["before", "unanswered", "answered"],
        (Shape::Effect, _)
        | (Shape::FromCoordinator, Host::Coordinator)
        | (Shape::FromWorker, Host::Worker) => &["before", "after"],
        (Shape::FromCoordinator, Host::Worker) | (Shape::FromWorker, Host::Coordinator) => &["received"],
        (Shape::Memory, _) => &[],
    }
}

/// What a message is called: the first part of its crash points' names.
#[must_use]
pub fn name_of_message<S>(message: &Message<S>) -> &'static str {
    message.kind().name()
}

/// Every name of a message.
pub fn message_names() -> impl Iterator<Item = &'static str> {
    let is_message = |kind: &&Kind| matches!(shape(**kind), Shape::FromCoordinator | Shape::FromWorker);
    Kind::ALL.iter().filter(is_message).map(|kind| kind.name())
}

/// An input is about to be stepped.
pub fn before_step(input: &In) {
    if !arms::is_armed() {
        return;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "other inputs follow no effect of another role")]
    match input {
        Input::Done { op, .. } => arms::reached(op.name(), "answered"),
        Input::Message { message, .. } => arms::reached(message.kind().name(), "received"),
        _ => {}
    }
}

/// The crash point of an effect: its name, and how the place behind it is called. `None` if none is armed.
#[must_use]
pub fn of_effect(effect: &Out) -> Option<(&'static str, &'static str)> {
    if !arms::is_armed() {
        return None;
    }
    let kind = kind::of_effect(effect)?;
    let behind = if shape(kind) == Shape::Operation { "unanswered" } else { "after" };
    Some((kind.name(), behind))
}

/// A place was reached. Does not return if it is the armed one at its ordinal, and the process is to die there.
pub fn reached(name: &str, place: &str) {
    arms::reached(name, place);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crash_point_can_be_armed_and_is_there_once() {
        let mut seen = std::collections::BTreeSet::new();
        for point in all() {
            assert!(format!("{}:2", point.name).parse::<CrashAt>().is_ok(), "{}", point.name);
            assert!(seen.insert((point.host, point.name)), "{}", point.name);
        }
        let names: Vec<_> = all().iter().map(|point| point.name).collect();
        for some in
            ["commit.unanswered", "acknowledge.after", "acknowledge.received", "cancel_barrier.before"]
        {
            assert!(names.contains(&some), "{some}");
        }
        assert!(!names.contains(&"produce.answered"));
    }
}
