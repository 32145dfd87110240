//! What was sent and not yet received, lane by lane, and whether what is received fits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use truecut_core::{
    Attempt, Channel, CheckpointId, Effect, Element, Encode, Input, Message, Peer, Subtask, Vertex,
};

use super::digest::BatchDigest;
use super::frame::{Event, Frame};
use super::header::{Construction, Header, RoleId};
use crate::store::StateHandle;

/// Place of a trace among those that are checked.
pub(super) type Place = usize;

/// Something sent: to whom, and a hash of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    to: To,
    content: u64,
    /// When, by the clock of the machine.
    at_us: u64,
    /// Its number on its lane, from 1.
    number: u64,
    /// How many may still receive it.
    receivers: u16,
}

/// Where a sender's messages go, each in the order in which they were sent; a killed process cuts off the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    /// To this peer; if it is a subtask, to that of this attempt.
    Peer(Peer, Option<Attempt>),
    Downstream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Peer(Peer),
    Downstream,
}

/// Records that a source emitted before a barrier, and how many of them arrived before it.
#[derive(Clone, Copy, Debug)]
struct Cut {
    emitted: u64,
    arrived: u64,
    awaited: u16,
}

/// What the control connections of a run did to messages on purpose, beyond what TCP does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Some were taken out of their connection.
    pub loses: bool,
    /// Some came twice.
    pub repeats: bool,
}

/// All lanes between the traces.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    delivery: Delivery,
    sent: HashMap<(Place, u64), Sent>,
    /// How many were sent, by lane.
    numbers: HashMap<(Place, Lane), u64>,
    /// Latest sequence received and how many were, by sender, receiver, and whether it is a data channel.
    received: HashMap<(Place, Place, bool), (u64, u64)>,
    emitted: HashMap<Place, u64>,
    arrived: HashMap<(Place, Channel), u64>,
    cuts: HashMap<(Place, Option<CheckpointId>), Cut>,
    encoded: Vec<u8>,
}

impl Lanes {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self { delivery, ..Self::default() }
    }

    /// Notes what a frame sends.
    pub(super) fn send(&mut self, from: Place, header: &Header, frame: &Frame) {
        let Event::Effect(effect) = &frame.event else { return };
        let at_us = frame.monotonic_us;
        let sent = match effect {
            Effect::Send { to, message } => {
                let attempt = match message {
                    Message::ToSubtask { attempt, .. } => Some(*attempt),
                    Message::Deploy(_)
                    | Message::Cancel(_)
                    | Message::Heartbeat { .. }
                    | Message::Pulse
                    | Message::FromSubtask { .. } => None,
                };
                // What a coordinator sends to a worker goes one way, whichever subtask it is for.
                let attempt = attempt.filter(|_| matches!(to, Peer::Subtask(_)));
                let number = self.number(from, Lane::Peer(*to, attempt));
                Sent { to: To::Peer(*to), content: self.hash(message), at_us, number, receivers: 1 }
            }
            Effect::Emit(Element::Batch(batch)) => {
                *self.emitted.entry(from).or_default() += batch.records;
                return;
            }
            Effect::Emit(element) => {
                let receivers = receivers(header);
                if is_source(header) {
                    self.cut(from, element, receivers);
                }
                let number = self.number(from, Lane::Downstream);
                Sent { to: To::Downstream, content: self.hash(element), at_us, number, receivers }
            }
            Effect::Process(_)
            | Effect::Produce { .. }
            | Effect::Hold(_)
            | Effect::Release(_)
            | Effect::Consume { .. }
            | Effect::CloseProducer(_)
            | Effect::Mark { .. }
            | Effect::Start { .. }
            | Effect::Arm(_)
            | Effect::Disarm(_)
            | Effect::Launch(_)
            | Effect::Stop(_)
            | Effect::Accept { .. }
            | Effect::Refuse { .. }
            | Effect::Disconnect(_)
            | Effect::Halt(_) => return,
        };
        self.sent.insert((from, frame.sequence), sent);
    }

    /// Counts records that came on a channel.
    pub(super) fn count(&mut self, at: Place, input: &Input<BatchDigest, StateHandle>) {
        if let Input::Element { channel, element: Element::Batch(batch) } = input {
            *self.arrived.entry((at, *channel)).or_default() += batch.records;
        }
    }

    /// Checks that what is received was sent so. The error says what is wrong.
    pub(super) fn receive(
        &mut self,
        (from, sender): (Place, &Header),
        sequence: u64,
        (at, receiver): (Place, &Header),
        (now_us, input): (u64, &Input<BatchDigest, StateHandle>),
    ) -> Result<(), String> {
        match input {
            Input::Message { from: peer_of, message } => {
                let content = self.hash(message);
                came_from(*peer_of, sender, receiver)?;
                let to = peer(receiver, message)?;
                // A hop within a process goes through no connection.
                let by = if matches!(to, Peer::Subtask(_)) || matches!(peer_of, Peer::Subtask(_)) {
                    Delivery::default()
                } else {
                    self.delivery
                };
                let number = self.take((from, sequence), now_us, (To::Peer(to), by.repeats), content)?;
                self.in_order((from, at, false), sequence, number, by)
            }
            Input::Element { element: Element::Batch(_), .. } => Ok(()), // split and drained on the way: see `cut`
            Input::Element { channel, element } => {
                let content = self.hash(element);
                connected(sender, receiver, *channel)?;
                let number = self.take((from, sequence), now_us, (To::Downstream, false), content)?;
                self.in_order((from, at, true), sequence, number, Delivery::default())?;
                self.arrive(from, at, *channel, element)
            }
            Input::Begin
            | Input::Fetched { .. }
            | Input::EndOfPartition(_)
            | Input::FetchFailed { .. }
            | Input::LaunchFailed { .. }
            | Input::CoordinatorLost
            | Input::Done { .. }
            | Input::Fired(_)
            | Input::WorkerJoined { .. }
            | Input::WorkerLost(_)
            | Input::ChannelOffered { .. }
            | Input::ChannelBroken { .. }
            | Input::TaskFailed { .. }
            | Input::StopRequested => Err("a stamp on something that nobody sends".into()),
        }
    }

    fn number(&mut self, from: Place, lane: Lane) -> u64 {
        let number = self.numbers.entry((from, lane)).or_default();
        *number += 1;
        *number
    }

    /// Takes what was sent there, unless it may come again. Gives its number on its lane.
    fn take(
        &mut self,
        place: (Place, u64),
        now_us: u64,
        (to, again): (To, bool),
        content: u64,
    ) -> Result<u64, String> {
        let Entry::Occupied(mut entry) = self.sent.entry(place) else {
            return Err("nothing was sent there, or it was received already".into());
        };
        let sent = entry.get_mut();
        if sent.to != to {
            return Err(format!("it was sent to {:?}, not to {to:?}", sent.to));
        }
        if sent.content != content {
            return Err("something else was sent there".into());
        }
        // All processes of a run are on one machine, whose clock never goes back.
        if now_us < sent.at_us {
            return Err("it was received before it was sent".into());
        }
        let number = sent.number;
        sent.receivers -= u16::from(!again);
        if sent.receivers == 0 {
            entry.remove();
        }
        Ok(number)
    }

    /// Checks that everything that was sent before it on its lane was received before it, once.
    fn in_order(
        &mut self,
        lane: (Place, Place, bool),
        sequence: u64,
        number: u64,
        by: Delivery,
    ) -> Result<(), String> {
        let (before, count) = self.received.get(&lane).copied().unwrap_or_default();
        if by.repeats && before >= sequence {
            return Ok(());
        }
        self.received.insert(lane, (sequence, number));
        if before >= sequence {
            return Err(format!("frame {before} of that sender was received before it"));
        }
        if number != count + 1 && !by.loses {
            let missing = number.saturating_sub(count + 1);
            return Err(format!("{missing} that were sent before it on the same way were not received"));
        }
        Ok(())
    }

    /// Notes how many records a source emitted before a barrier or its end.
    fn cut(&mut self, from: Place, element: &Element<BatchDigest>, awaited: u16) {
        if let Some(key) = cut_of(element) {
            let emitted = self.emitted.get(&from).copied().unwrap_or_default();
            self.cuts.insert((from, key), Cut { emitted, arrived: 0, awaited });
        }
    }

    /// Counts what arrived before a barrier: together the receivers must have all that the source emitted before it.
    fn arrive(
        &mut self,
        from: Place,
        at: Place,
        channel: Channel,
        element: &Element<BatchDigest>,
    ) -> Result<(), String> {
        let Some(key) = cut_of(element) else { return Ok(()) };
        let Entry::Occupied(mut entry) = self.cuts.entry((from, key)) else { return Ok(()) };
        let cut = entry.get_mut();
        cut.arrived += self.arrived.get(&(at, channel)).copied().unwrap_or_default();
        cut.awaited -= 1;
        if cut.awaited > 0 {
            return Ok(());
        }
        let Cut { emitted, arrived, .. } = entry.remove();
        if emitted == arrived {
            return Ok(());
        }
        Err(format!(
            "{emitted} records were emitted before it and {arrived} arrived before it, at all receivers together"
        ))
    }

    fn hash(&mut self, content: &impl Encode) -> u64 {
        self.encoded.clear();
        content.encode(&mut self.encoded);
        let length = u64::try_from(self.encoded.len()).expect("a length fits");
        length << 32 | u64::from(crc32c::crc32c(&self.encoded))
    }
}

/// The cut that an element makes through the records of its channel: a barrier's, or `None` for the end.
fn cut_of(element: &Element<BatchDigest>) -> Option<Option<CheckpointId>> {
    match element {
        Element::Barrier { checkpoint, .. } => Some(Some(*checkpoint)),
        Element::End => Some(None),
        Element::Batch(_) | Element::Cancel { .. } => None,
    }
}

/// Whether what a subtask emits is what it was given, record by record.
fn is_source(header: &Header) -> bool {
    matches!(header.role, RoleId::Subtask { subtask: Subtask { vertex: Vertex::Source, .. }, .. })
}

/// How many receive what a subtask emits.
fn receivers(header: &Header) -> u16 {
    match (&header.construction, header.role) {
        (
            Construction::Subtask { job, .. },
            RoleId::Subtask { subtask: Subtask { vertex: Vertex::Source, index }, .. },
        ) => u16::try_from(job.outputs_of_source(index).len()).expect("as many as operators"),
        (Construction::Subtask { .. } | Construction::Coordinator { .. } | Construction::Worker, _) => 1,
    }
}

/// As whom the receiver of a message was addressed.
fn peer(receiver: &Header, message: &Message<StateHandle>) -> Result<Peer, String> {
    match receiver.role {
        RoleId::Coordinator => Ok(Peer::Coordinator),
        RoleId::Worker(worker) => Ok(match message {
            Message::FromSubtask { .. } => Peer::Coordinator, // passed on by the worker of the subtask
            Message::Deploy(_)
            | Message::Cancel(_)
            | Message::Heartbeat { .. }
            | Message::ToSubtask { .. }
            | Message::Pulse => Peer::Worker(worker),
        }),
        RoleId::Subtask { attempt, subtask } => match message {
            Message::ToSubtask { attempt: meant, subtask: to, .. } if (*meant, *to) == (attempt, subtask) => {
                Ok(Peer::Subtask(subtask))
            }
            Message::Deploy(_)
            | Message::Cancel(_)
            | Message::Heartbeat { .. }
            | Message::ToSubtask { .. }
            | Message::Pulse
            | Message::FromSubtask { .. } => Err("a message that was not for this subtask".into()),
        },
    }
}

/// Whether a data channel leads from one to the other.
fn connected(sender: &Header, receiver: &Header, channel: Channel) -> Result<(), String> {
    let (RoleId::Subtask { attempt: of, subtask: from }, RoleId::Subtask { attempt, subtask: to }) =
        (sender.role, receiver.role)
    else {
        return Err("an element between roles that have no data channel".into());
    };
    let Construction::Subtask { job, .. } = &receiver.construction else {
        return Err("its trace does not say what it is made of".into());
    };
    let leads = match (from.vertex, to.vertex) {
        (Vertex::Source, Vertex::Operator) => {
            job.outputs_of_source(from.index).contains(&to.index)
                && channel == job.channel_of_source(from.index)
        }
        (Vertex::Operator, Vertex::Sink) => channel == 0 && from.index == to.index,
        _ => false,
    };
    if leads && of == attempt { Ok(()) } else { Err("no data channel leads from there to here".into()) }
}

/// Whether the receiver took the message for one of its true sender.
fn came_from(peer: Peer, sender: &Header, receiver: &Header) -> Result<(), String> {
    let fits = match (peer, sender.role) {
        _ if matches!(receiver.role, RoleId::Subtask { .. }) => matches!(sender.role, RoleId::Worker(_)),
        (Peer::Coordinator, RoleId::Coordinator) => true,
        (Peer::Worker(worker), RoleId::Worker(sender)) => worker == sender,
        (Peer::Subtask(subtask), RoleId::Subtask { subtask: sender, .. }) => subtask == sender,
        (Peer::Coordinator | Peer::Worker(_) | Peer::Subtask(_), _) => false,
    };
    if fits { Ok(()) } else { Err(format!("it was taken for a message of {peer:?}")) }
}
