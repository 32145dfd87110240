//! The input gate of a task: what was sent to it, in order per channel, with the holds that its roles asked for.
//!
//! Decides only which of several waiting things is taken next: control first, then the channels in turn, held ones not
//! at all. What is held and when is the core's word.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use truecut_core::{Channel, Subtask};

use crate::credit::CreditReturn;

/// What a task takes.
#[derive(Debug)]
pub enum Received<C, T> {
    /// For one of the task's roles, past all channels.
    Control(Subtask, C),
    /// From a channel.
    Item(Channel, T),
    /// Nothing is waiting.
    Idle,
    /// The task is to end.
    Closed,
}

#[derive(Debug)]
struct Lane<T> {
    items: VecDeque<T>,
    held: bool,
    credit: Option<CreditReturn>,
}

#[derive(Debug)]
struct State<C, T> {
    control: VecDeque<(Subtask, C)>,
    lanes: Vec<Lane<T>>,
    /// All lanes are held together: the chained role takes nothing.
    all_held: bool,
    /// The lane to look at first. Invariant: below the number of lanes.
    turn: usize,
    closed: bool,
}

/// The input gate.
#[derive(Debug)]
pub struct Inbox<C, T> {
    state: Mutex<State<C, T>>,
    arrived: Condvar,
}

impl<C, T> Inbox<C, T> {
    /// A gate with this many channels, none of them held.
    #[must_use]
    pub fn new(channels: u16) -> Self {
        let lanes =
            (0..channels).map(|_| Lane { items: VecDeque::new(), held: false, credit: None }).collect();
        let state = State { control: VecDeque::new(), lanes, all_held: false, turn: 0, closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Connects a channel: credit for what is taken from it goes there.
    pub fn connect(&self, channel: Channel, credit: CreditReturn) {
        self.lock().lanes[usize::from(channel)].credit = Some(credit);
    }

    /// Sends past all channels.
    pub fn push_control(&self, to: Subtask, control: C) {
        self.lock().control.push_back((to, control));
        self.arrived.notify_one();
    }

    /// Sends on a channel. Its sender used a credit for it, so that the queue is bounded.
    pub fn push(&self, channel: Channel, item: T) {
        self.lock().lanes[usize::from(channel)].items.push_back(item);
        self.arrived.notify_one();
    }

    /// Holds a channel, or releases it.
    pub fn hold(&self, channel: Channel, held: bool) {
        self.lock().lanes[usize::from(channel)].held = held;
    }

    /// Holds all channels together, or releases them to their own holds.
    pub fn hold_all(&self, held: bool) {
        self.lock().all_held = held;
    }

    /// Ends the task that takes from here.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Takes what is waiting.
    pub fn try_take(&self) -> Received<C, T> {
        Self::next(&mut self.lock()).unwrap_or(Received::Idle)
    }

    /// Waits for something to take.
    pub fn take(&self) -> Received<C, T> {
        let mut state = self.lock();
        loop {
            if let Some(received) = Self::next(&mut state) {
                return received;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next(state: &mut State<C, T>) -> Option<Received<C, T>> {
        if state.closed {
            return Some(Received::Closed);
        }
        if let Some((to, control)) = state.control.pop_front() {
            return Some(Received::Control(to, control));
        }
        if state.all_held {
            return None;
        }
        let lanes = state.lanes.len();
        for place in (0..lanes).map(|step| (state.turn + step) % lanes) {
            let lane = &mut state.lanes[place];
            if lane.held {
                continue;
            }
            if let Some(item) = lane.items.pop_front() {
                if let Some(credit) = &lane.credit {
                    credit.give(1);
                }
                state.turn = (place + 1) % lanes;
                let channel = Channel::try_from(place).expect("channels are numbered by u16");
                return Some(Received::Item(channel, item));
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State<C, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all that is waiting, as text.
    fn drain(inbox: &Inbox<&'static str, &'static str>) -> String {
        let mut taken = Vec::new();
        loop {
            match inbox.try_take() {
                Received::Control(_, control) => taken.push(control.to_owned()),
                Received::Item(channel, item) => taken.push(format!("{channel}:{item}")),
                Received::Idle => return taken.join(" "),
                Received::Closed => return "closed".into(),
            }
        }
    }

    #[test]
    fn control_goes_first_and_channels_take_turns_in_order() {
        let inbox = Inbox::new(2);
        for item in ["a", "b"] {
            inbox.push(0, item);
            inbox.push(1, item);
        }
        inbox.push_control(Subtask::operator(0), "stop");
        assert_eq!(drain(&inbox), "stop 0:a 1:a 0:b 1:b");
    }

    #[test]
    fn a_held_channel_waits_and_its_neighbour_does_not() {
        let inbox = Inbox::new(2);
        inbox.hold(0, true);
        inbox.push(0, "a");
        inbox.push(1, "b");
        assert_eq!(drain(&inbox), "1:b");
        inbox.hold_all(true);
        inbox.hold(0, false);
        assert_eq!(drain(&inbox), "");
        inbox.hold_all(false);
        assert_eq!(drain(&inbox), "0:a");
    }

    #[test]
    fn credit_goes_back_when_an_item_is_taken_and_not_before() {
        let (sender, mut credit) = tokio::sync::mpsc::unbounded_channel();
        let inbox: Inbox<&str, &str> = Inbox::new(1);
        inbox.connect(0, CreditReturn::Remote(sender));
        inbox.push(0, "a");
        assert!(credit.try_recv().is_err());
        assert_eq!(drain(&inbox), "0:a");
        assert_eq!(credit.try_recv(), Ok(1));
    }

    #[test]
    fn a_closed_gate_gives_nothing_more() {
        let inbox = Inbox::new(1);
        inbox.push(0, "a");
        inbox.close();
        assert_eq!(drain(&inbox), "closed");
    }
}
