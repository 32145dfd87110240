//! Replays a trace: the core over the recorded inputs must give the recorded effects, one by one and no others.
//!
//! It also checks what the recorded shell must keep to: an answer to each operation once, no timer that is not armed,
//! nothing from a held channel.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use truecut_core::{Channel, Effect, Input, Op, Role, Timer};

use super::digest::BatchDigest;
use super::error::TraceError;
use super::frame::{Event, Frame};
use super::header::Header;
use super::reader::Reader;
use crate::store::StateHandle;

type In = Input<BatchDigest, StateHandle>;
type Out = Effect<BatchDigest, StateHandle>;

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Frames that were read.
    pub events: u64,
    /// Sequence of the last of them.
    pub last_sequence: u64,
    /// The role ended in good order; otherwise its process was killed, and the last step may be incomplete.
    pub finished: bool,
    /// Operations that were started and not answered: each has landed, has not landed, or lands later.
    pub unanswered: Vec<Op>,
    /// Where the core and the trace part, if they do. Nothing after it is compared.
    pub divergence: Option<Divergence>,
}

/// A place where the trace is no behaviour of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The trace.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The frame.
    pub sequence: u64,
    /// What the core says must be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, sequence, expected, found } = self;
        let path = path.display();
        write!(f, "{path}, frame {sequence} at byte {offset}: expected {expected}, found {found}")
    }
}

/// Replays a trace over the role that `build` makes of its header.
///
/// # Errors
/// The trace is damaged. A trace that is whole and no behaviour of the core is no error but a divergence.
pub fn replay<R: Role<BatchDigest, StateHandle>>(
    mut reader: Reader,
    build: impl FnOnce(&Header) -> R,
) -> Result<Replayed, TraceError> {
    let mut replay = Replay::new(build(reader.header()));
    let mut events = 0;
    let mut divergence = None;
    while let Some(frame) = reader.next().transpose()? {
        events += 1;
        if let Err((expected, found)) = replay.frame(&frame.event) {
            let Frame { offset, sequence, .. } = frame;
            divergence = Some(Divergence { path: reader.path().into(), offset, sequence, expected, found });
            break;
        }
    }
    Ok(Replayed {
        events,
        last_sequence: reader.last_sequence(),
        finished: reader.is_finished(),
        unanswered: replay.shell.unanswered(),
        divergence,
    })
}

/// Expected and found.
type Mismatch = (String, String);

struct Replay<R> {
    role: R,
    begun: bool,
    /// Effects of the last step that the trace has not shown yet.
    expected: VecDeque<Out>,
    effects: Vec<Out>,
    shell: Shell,
}

impl<R: Role<BatchDigest, StateHandle>> Replay<R> {
    fn new(role: R) -> Self {
        Self { role, begun: false, expected: VecDeque::new(), effects: Vec::new(), shell: Shell::default() }
    }

    fn frame(&mut self, event: &Event) -> Result<(), Mismatch> {
        match event {
            Event::Effect(found) => match self.expected.pop_front() {
                Some(expected) if expected == *found => {
                    self.shell.effect(found);
                    Ok(())
                }
                Some(expected) => Err((format!("{expected:?}"), format!("{found:?}"))),
                None => Err(("an input, as the step has no more effects".into(), format!("{found:?}"))),
            },
            Event::Input { input, .. } => self.input(input),
            Event::End => self.no_more_effects(|| "the end of the trace".into()),
        }
    }

    fn input(&mut self, input: &In) -> Result<(), Mismatch> {
        let found = || format!("{input:?}");
        self.no_more_effects(found)?;
        if (*input == Input::Begin) == self.begun {
            let expected = if self.begun { "no second Begin" } else { "Begin, which comes first" };
            return Err((expected.into(), found()));
        }
        self.begun = true;
        self.shell.input(input).map_err(|expected| (expected, found()))?;
        let step = AssertUnwindSafe(|| self.role.step(input.clone(), &mut self.effects));
        if let Err(panic) = catch_unwind(step) {
            return Err((format!("an input that the role can take ({})", text(&*panic)), found()));
        }
        self.expected.extend(self.effects.drain(..));
        Ok(())
    }

    fn no_more_effects(&self, found: impl Fn() -> String) -> Result<(), Mismatch> {
        match self.expected.front() {
            Some(missing) => Err((format!("{missing:?}"), found())),
            None => Ok(()),
        }
    }
}

/// What the recorded shell was asked for, and so may answer.
#[derive(Default)]
struct Shell {
    started: BTreeMap<Op, u32>,
    armed: BTreeSet<Timer>,
    held: BTreeSet<Channel>,
}

impl Shell {
    fn effect(&mut self, effect: &Out) {
        match effect {
            Effect::Start { op, .. } => *self.started.entry(*op).or_default() += 1,
            Effect::Arm(timer) => drop(self.armed.insert(*timer)),
            Effect::Disarm(timer) => drop(self.armed.remove(timer)),
            Effect::Hold(channel) => drop(self.held.insert(*channel)),
            Effect::Release(channel) => drop(self.held.remove(channel)),
            Effect::Emit(_)
            | Effect::Process(_)
            | Effect::Produce { .. }
            | Effect::Consume { .. }
            | Effect::CloseProducer(_)
            | Effect::Mark { .. }
            | Effect::Send { .. }
            | Effect::Launch(_)
            | Effect::Stop(_)
            | Effect::Accept { .. }
            | Effect::Refuse { .. }
            | Effect::Disconnect(_)
            | Effect::Halt(_) => {}
        }
    }

    /// Checks an input; what was expected in its place if it can't be.
    fn input(&mut self, input: &In) -> Result<(), String> {
        match input {
            Input::Done { op, .. } => {
                let started = self.started.get_mut(op).filter(|started| **started > 0);
                *started.ok_or("an answer to an operation that is under way")? -= 1;
            }
            Input::Fired(timer) if !self.armed.remove(timer) => return Err("a timer that is armed".into()),
            Input::Element { channel, .. } if self.held.contains(channel) => {
                return Err("nothing from a held channel".into());
            }
            Input::Begin
            | Input::Element { .. }
            | Input::Fetched { .. }
            | Input::EndOfPartition(_)
            | Input::FetchFailed { .. }
            | Input::LaunchFailed { .. }
            | Input::CoordinatorLost
            | Input::Message { .. }
            | Input::Fired(_)
            | Input::WorkerJoined { .. }
            | Input::WorkerLost(_)
            | Input::ChannelOffered { .. }
            | Input::ChannelBroken { .. }
            | Input::TaskFailed { .. }
            | Input::StopRequested => {}
        }
        Ok(())
    }

    fn unanswered(&self) -> Vec<Op> {
        self.started.iter().filter(|(_, count)| **count > 0).map(|(op, _)| *op).collect()
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into())
}
