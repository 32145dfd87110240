//! Data channels between subtasks: first in, first out. Control connections are queues of the machine at their end
//! (`process.rs`).
//!
//! A crash of the receiver loses what is in flight. What a dead sender had in flight stays: the receiver may take any
//! prefix of it before its attempt is cancelled.

use std::collections::VecDeque;

use truecut_core::{Attempt, Element, Subtask};

use crate::lineage::Record;

/// A channel from a source subtask to an operator subtask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) attempt: Attempt,
    pub(crate) from: Subtask,
    pub(crate) to: Subtask,
    /// The receiver's worker took it.
    pub(crate) accepted: bool,
    pub(crate) queue: VecDeque<Element<Record>>,
}

/// All channels. Invariant: in the order of (attempt, receiver, sender).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    links: Vec<Link>,
}

impl Network {
    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    pub(crate) fn open(&mut self, attempt: Attempt, from: Subtask, to: Subtask, accepted: bool) {
        self.links.push(Link { attempt, from, to, accepted, queue: VecDeque::new() });
        self.links.sort_by_key(|link| (link.attempt, link.to, link.from));
    }

    /// The channel, if it is still there.
    pub(crate) fn link(&mut self, attempt: Attempt, from: Subtask, to: Subtask) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| (link.attempt, link.from, link.to) == (attempt, from, to))
    }

    pub(crate) fn take(&mut self, place: usize) -> Option<Element<Record>> {
        self.links[place].queue.pop_front()
    }

    /// Drops channels to a subtask that is gone.
    pub(crate) fn close(&mut self, attempt: Attempt, to: Subtask) {
        self.links.retain(|link| (link.attempt, link.to) != (attempt, to));
    }

    /// Drops one channel.
    pub(crate) fn refuse(&mut self, attempt: Attempt, from: Subtask, to: Subtask) {
        self.links.retain(|link| (link.attempt, link.from, link.to) != (attempt, from, to));
    }
}
