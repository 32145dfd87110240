//! Data channels between subtasks: first in, first out. Control connections are queues of the machine at their end
//! (`process.rs`).
//!
//! A crash of the receiver loses what is in flight. What a dead sender had in flight stays: the receiver may take any
//! prefix of it before its attempt is cancelled.

use std::collections::VecDeque;

use truecut_core::{Attempt, Element, Subtask};

use crate::cell::Cell;
use crate::lineage::Record;

/// A channel from a source subtask to an operator subtask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) attempt: Attempt,
    pub(crate) from: Subtask,
    pub(crate) to: Subtask,
    /// The receiver's worker took it.
    pub(crate) accepted: bool,
    /// It broke; nothing that is sent from then on arrives.
    pub(crate) broken: bool,
    /// The sender knows that it broke, and the receiver.
    pub(crate) known_to: (bool, bool),
}

impl Link {
    /// Whether the receiver can take from it.
    pub(crate) fn delivers(&self) -> bool {
        self.accepted && !self.known_to.1
    }
}

/// What is in flight in a channel.
pub(crate) type Queue = VecDeque<Element<Record>>;

/// All channels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    /// Invariant: in the order of (attempt, receiver, sender).
    links: Cell<Vec<Link>>,
    /// Of each link, which are asked first: how many there are is known from nowhere else.
    queues: Vec<Cell<Queue>>,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self { links: Cell::new(Vec::new()), queues: Vec::new() }
    }

    /// A network of these parts, with a queue for each link.
    pub(crate) fn of(links: Cell<Vec<Link>>, queue: impl FnMut(usize) -> Cell<Queue>) -> Self {
        let queues = (0..links.shared().len()).map(queue).collect();
        Self { links, queues }
    }

    /// The parts, for a table: not a read of a step.
    pub(crate) fn stored(&self) -> (&Cell<Vec<Link>>, &[Cell<Queue>]) {
        (&self.links, &self.queues)
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    /// What is in flight in the channel at this place.
    pub(crate) fn queue(&self, place: usize) -> &Queue {
        &self.queues[place]
    }

    pub(crate) fn open(&mut self, attempt: Attempt, from: Subtask, to: Subtask, accepted: bool) {
        let after = |link: &Link| (link.attempt, link.to, link.from) > (attempt, to, from);
        let place = self.links.iter().position(after).unwrap_or(self.links.len());
        self.links
            .edit()
            .insert(place, Link { attempt, from, to, accepted, broken: false, known_to: (false, false) });
        self.queues.insert(place, Cell::new(Queue::new()));
    }

    /// The place of a channel, if it is still there.
    pub(crate) fn place(&self, attempt: Attempt, from: Subtask, to: Subtask) -> Option<usize> {
        self.links.iter().position(|link| (link.attempt, link.from, link.to) == (attempt, from, to))
    }

    /// The receiver takes a channel, if it is still there.
    pub(crate) fn accept(&mut self, attempt: Attempt, from: Subtask, to: Subtask) {
        if let Some(place) = self.place(attempt, from, to) {
            self.links.edit()[place].accepted = true;
        }
    }

    /// Sends an element, if the channel is still there.
    pub(crate) fn send(&mut self, attempt: Attempt, from: Subtask, to: Subtask, element: Element<Record>) {
        if let Some(place) = self.place(attempt, from, to)
            && !self.links[place].broken
        {
            self.queues[place].edit().push_back(element);
        }
    }

    /// A channel breaks: what is in flight may still be taken.
    pub(crate) fn cut(&mut self, place: usize) {
        self.links.edit()[place].broken = true;
    }

    /// One end of a broken channel learns it.
    pub(crate) fn learn_broken(&mut self, place: usize, sender: bool) {
        let link = &mut self.links.edit()[place];
        if sender {
            link.known_to.0 = true;
        } else {
            link.known_to.1 = true;
            self.queues[place].edit().clear();
        }
    }

    pub(crate) fn take(&mut self, place: usize) -> Option<Element<Record>> {
        self.queues[place].edit().pop_front()
    }

    /// Drops channels to a subtask that is gone.
    pub(crate) fn close(&mut self, attempt: Attempt, to: Subtask) {
        self.drop_if(|link| (link.attempt, link.to) == (attempt, to));
    }

    /// Drops one channel.
    pub(crate) fn refuse(&mut self, attempt: Attempt, from: Subtask, to: Subtask) {
        self.drop_if(|link| (link.attempt, link.from, link.to) == (attempt, from, to));
    }

    fn drop_if(&mut self, dropped: impl Fn(&Link) -> bool) {
        for place in (0..self.links.len()).rev() {
            if dropped(&self.links[place]) {
                self.links.edit().remove(place);
                self.queues.remove(place);
            }
        }
    }

    /// Takes fingerprints of what changed.
    pub(crate) fn seal(&mut self) {
        self.links.seal();
        self.queues.iter_mut().for_each(Cell::seal);
    }
}
