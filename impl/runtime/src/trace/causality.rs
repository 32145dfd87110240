//! Checks all traces of a run against each other: everything received was sent, by that sender, once and in order.
//!
//! Frames are visited in causal order: a reception after what it received, without looking at any clock; that the clock agrees is
//! checked besides, as all processes of a run are on one machine. Each frame is read once; what is kept is what was sent and not yet received.

use std::collections::HashMap;
use std::fmt;
use std::iter::Peekable;
use std::path::PathBuf;

use truecut_core::{Element, Input};

use super::digest::BatchDigest;
use super::error::TraceError;
use super::frame::{Event, Frame, Stamp};
use super::header::{Header, RoleId};
use super::lanes::{Delivery, Lanes, Place};
use super::reader::Reader;
use crate::store::StateHandle;

/// Violations that are told one by one; more are only counted.
const TOLD_MAX: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causality {
    /// Traces that were read.
    pub traces: u64,
    /// Frames that were read.
    pub events: u64,
    /// Receptions that were checked.
    pub received: u64,
    /// Messages and control elements that do not say where they were sent, and so could not be checked.
    pub unstamped: u64,
    /// How many violations there are.
    pub violations: u64,
    /// The first of them.
    pub first: Vec<Violation>,
}

/// A reception that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who received it.
    pub receiver: RoleId,
    /// The receiver's trace.
    pub receiver_path: PathBuf,
    /// The receiver's frame.
    pub receiver_sequence: u64,
    /// Who sent it, as the receiver recorded.
    pub sender: Stamp,
    /// The sender's trace, if there is one.
    pub sender_path: Option<PathBuf>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamp { role, sequence, .. } = self.sender;
        write!(
            f,
            "{} received in frame {} ({}) ",
            self.receiver,
            self.receiver_sequence,
            self.receiver_path.display()
        )?;
        write!(f, "what {role} sent in frame {sequence} (")?;
        match &self.sender_path {
            Some(path) => write!(f, "{}", path.display())?,
            None => f.write_str("no trace")?,
        }
        write!(f, "): {}", self.what)
    }
}

/// Checks the traces of a run.
///
/// # Errors
/// A trace can't be read, is damaged, or has the role and instance of another one.
pub fn causality(paths: &[PathBuf]) -> Result<Causality, TraceError> {
    in_causal_order(paths, Delivery::default(), |_, _| {})
}

/// Checks the traces of a run, whose control connections did this to messages, and visits their frames in causal order.
///
/// # Errors
/// A trace can't be read, is damaged, or has the role and instance of another one.
pub fn in_causal_order(
    paths: &[PathBuf],
    delivery: Delivery,
    visit: impl FnMut(&Header, &Frame),
) -> Result<Causality, TraceError> {
    let mut check = Check::open(paths, delivery, visit)?;
    for place in 0..check.traces.len() {
        check.advance(place)?;
    }
    Ok(check.found)
}

struct Trace {
    header: Header,
    path: PathBuf,
    frames: Peekable<Reader>,
    /// Sequence of the last frame that was visited.
    visited: u64,
    /// It waits for another trace.
    waiting: bool,
}

struct Check<V> {
    traces: Vec<Trace>,
    places: HashMap<(RoleId, u64), Place>,
    lanes: Lanes,
    visit: V,
    found: Causality,
}

impl<V: FnMut(&Header, &Frame)> Check<V> {
    fn open(paths: &[PathBuf], delivery: Delivery, visit: V) -> Result<Self, TraceError> {
        let mut traces = Vec::new();
        let mut places = HashMap::new();
        for path in paths {
            let reader = Reader::open(path)?;
            let header = reader.header().clone();
            if let Some(other) = places.insert((header.role, header.instance), traces.len()) {
                let other: &Trace = &traces[other];
                return Err(
                    reader.invalid(0, format!("{} is also a trace of {}", other.path.display(), header.role))
                );
            }
            traces.push(Trace {
                header,
                path: path.clone(),
                frames: reader.peekable(),
                visited: 0,
                waiting: false,
            });
        }
        let found =
            Causality { traces: u64::try_from(traces.len()).expect("a count fits"), ..Causality::default() };
        Ok(Self { traces, places, lanes: Lanes::new(delivery), visit, found })
    }

    /// Visits a trace to its end, and of others what it depends on.
    fn advance(&mut self, place: Place) -> Result<(), TraceError> {
        let mut stack = vec![(place, u64::MAX)];
        while let Some((place, until)) = stack.last().copied() {
            if self.traces[place].visited >= until {
                self.leave(&mut stack);
                continue;
            }
            match self.needs(place) {
                Some((other, sequence)) => {
                    self.traces[place].waiting = true;
                    stack.push((other, sequence));
                }
                None => {
                    if !self.visit_next(place)? {
                        self.leave(&mut stack);
                    }
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self, stack: &mut Vec<(Place, u64)>) {
        stack.pop();
        if let Some((below, _)) = stack.last() {
            self.traces[*below].waiting = false;
        }
    }

    /// The trace, and how far in it, that must be visited before the next frame of this one.
    fn needs(&mut self, place: Place) -> Option<(Place, u64)> {
        let Some(Ok(Frame { event: Event::Input { stamp: Some(stamp), .. }, .. })) =
            self.traces[place].frames.peek()
        else {
            return None;
        };
        let sequence = stamp.sequence;
        let other = *self.places.get(&(stamp.role, stamp.instance))?;
        let sender = &mut self.traces[other];
        // A sender that waits for us, or has no more frames, can't be waited for: the reception is a violation.
        let can_be =
            other != place && !sender.waiting && sender.visited < sequence && sender.frames.peek().is_some();
        can_be.then_some((other, sequence))
    }

    /// Visits the next frame. Returns whether there was one.
    fn visit_next(&mut self, place: Place) -> Result<bool, TraceError> {
        let Some(frame) = self.traces[place].frames.next().transpose()? else { return Ok(false) };
        self.found.events += 1;
        self.traces[place].visited = frame.sequence;
        if let Event::Input { input, stamp } = &frame.event {
            self.lanes.count(place, input);
            match stamp {
                Some(stamp) => self.receive(place, &frame, input, *stamp),
                None if is_sent(input) => self.found.unstamped += 1,
                None => {}
            }
        }
        self.lanes.send(place, &self.traces[place].header, &frame);
        (self.visit)(&self.traces[place].header, &frame);
        Ok(true)
    }

    fn receive(
        &mut self,
        place: Place,
        frame: &Frame,
        input: &Input<BatchDigest, StateHandle>,
        stamp: Stamp,
    ) {
        self.found.received += 1;
        let receiver = &self.traces[place];
        let sender = self.places.get(&(stamp.role, stamp.instance)).copied();
        let received = match sender {
            None => Err("there is no trace of its sender".into()),
            Some(from) if from == place || self.traces[from].visited < stamp.sequence => {
                Err("the sender's trace has no such frame before it, in any order".into())
            }
            Some(from) => {
                let sent = (from, &self.traces[from].header);
                let received = (frame.monotonic_us, input);
                self.lanes.receive(sent, stamp.sequence, (place, &receiver.header), received)
            }
        };
        let Err(what) = received else { return };
        self.found.violations += 1;
        if self.found.first.len() < TOLD_MAX {
            self.found.first.push(Violation {
                receiver: receiver.header.role,
                receiver_path: receiver.path.clone(),
                receiver_sequence: frame.sequence,
                sender: stamp,
                sender_path: sender.map(|sender| self.traces[sender].path.clone()),
                what,
            });
        }
    }
}

/// Whether an input was sent by another role, so that it should say where.
fn is_sent(input: &Input<BatchDigest, StateHandle>) -> bool {
    match input {
        Input::Message { .. } => true,
        Input::Element { element, .. } => !matches!(element, Element::Batch(_)),
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
        | Input::StopRequested => false,
    }
}
