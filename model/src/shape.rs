//! Shapes of steps: what a role's step is like when identities, offsets and numbers are left out. Two runs that visit the same shapes
//! have had the same kinds of input at the same roles, and the guards of the protocol decided alike.
//!
//! A shape is a role, the kind of its input with what decides (of an answer: which operation, and what was answered), and the *set* of
//! kinds of effects that followed: an empty set is an input that was ignored. How often an effect followed does not count, so that a job
//! with more subtasks has no other shapes. Steps of the model and of recorded runs are read by the same matches, none with a wildcard:
//! a new input or effect does not compile until it has a shape.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use truecut_core::{Batch, Fate};
use truecut_core::{
    Described, Effect, Element, Halt, Input, Meaning, Message, Order, Outcome, Reason, Report, Role, Timer,
    TransactionState, meaning,
};
use truecut_mutants::{Mutated, Place};

/// Words that name something, as far as it is decisive; unused ones are empty.
type Words = [&'static str; 4];

/// The shape of a step. As text: `ROLE: INPUT -> EFFECT, EFFECT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepShape {
    role: Place,
    input: Words,
    effects: BTreeSet<[&'static str; 2]>,
}

impl StepShape {
    /// Takes a step with a role, and reads its shape.
    pub fn of_step<B: Batch + Clone, S: Clone>(
        role: &mut Mutated<B, S>,
        input: Input<B, S>,
        effects: &mut Vec<Effect<B, S>>,
    ) -> Self {
        let (place, words) = (Place::of(role.role()), of_input(&input));
        let begin = effects.len();
        role.step(input, effects);
        Self { role: place, input: words, effects: effects[begin..].iter().map(of_effect).collect() }
    }

    /// Whose step it is.
    pub fn role(&self) -> Place {
        self.role
    }
}

impl fmt::Display for StepShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ->", self.role.name(), spaced(&self.input))?;
        for (place, effect) in self.effects.iter().enumerate() {
            write!(f, "{}{}", if place == 0 { " " } else { ", " }, spaced(effect))?;
        }
        Ok(())
    }
}

fn spaced(words: &[&'static str]) -> String {
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Shapes that a search collects, by all of its threads.
#[derive(Clone, Debug, Default)]
pub struct Shapes(Arc<Mutex<BTreeSet<StepShape>>>);

impl Shapes {
    /// One more.
    pub(crate) fn add(&self, shape: StepShape) {
        let mut shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !shapes.contains(&shape) {
            shapes.insert(shape);
        }
    }

    /// What was collected so far.
    pub fn collected(&self) -> BTreeSet<StepShape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn of_input<B, S>(input: &Input<B, S>) -> Words {
    match input {
        Input::Begin => ["begin", "", "", ""],
        Input::Element { element, .. } => match element {
            Element::Batch(_) => ["element", "batch", "", ""],
            Element::Barrier { last: false, .. } => ["element", "barrier", "", ""],
            Element::Barrier { last: true, .. } => ["element", "barrier", "last", ""],
            Element::Cancel { .. } => ["element", "cancel_barrier", "", ""],
            Element::End => ["element", "end", "", ""],
        },
        Input::Fetched { .. } => ["fetched", "", "", ""],
        Input::EndOfPartition(_) => ["end_of_partition", "", "", ""],
        Input::FetchFailed { code, .. } => ["fetch_failed", of_code(*code), "", ""],
        Input::Message { message, .. } => {
            let [detail, more] = of_message(message);
            ["message", message.kind().name(), detail, more]
        }
        Input::Done { op, outcome } => {
            let [outcome, detail] = of_outcome(outcome);
            ["done", op.name(), outcome, detail]
        }
        Input::Fired(timer) => ["fired", of_timer(*timer), "", ""],
        Input::WorkerJoined { .. } => ["worker_joined", "", "", ""],
        Input::WorkerLost(_) => ["worker_lost", "", "", ""],
        Input::ChannelOffered { .. } => ["channel_offered", "", "", ""],
        Input::ChannelBroken { .. } => ["channel_broken", "", "", ""],
        Input::LaunchFailed { .. } => ["launch_failed", "", "", ""],
        Input::CoordinatorLost => ["coordinator_lost", "", "", ""],
        Input::TaskFailed { .. } => ["task_failed", "", "", ""],
        Input::StopRequested => ["stop_requested", "", "", ""],
    }
}

fn of_effect<B, S>(effect: &Effect<B, S>) -> [&'static str; 2] {
    let detail = match effect {
        Effect::Arm(timer) | Effect::Disarm(timer) => of_timer(*timer),
        Effect::Halt(halt) => of_halt(halt),
        Effect::Emit(_)
        | Effect::Process(_)
        | Effect::Produce { .. }
        | Effect::Mark { .. }
        | Effect::CloseProducer(_)
        | Effect::Hold(_)
        | Effect::Release(_)
        | Effect::Consume { .. }
        | Effect::Send { .. }
        | Effect::Start { .. }
        | Effect::Launch(_)
        | Effect::Stop(_)
        | Effect::Accept { .. }
        | Effect::Refuse { .. }
        | Effect::Disconnect(_) => "",
    };
    [effect.kind().name(), detail]
}

fn of_message<S>(message: &Message<S>) -> [&'static str; 2] {
    match message {
        Message::Deploy(deployment) => [if deployment.drained { "drained" } else { "" }, ""],
        Message::Heartbeat { latest, .. } => [if latest.is_none() { "without_latest" } else { "" }, ""],
        Message::ToSubtask { order: Order::Trigger { last, .. }, .. } => {
            [if *last { "last" } else { "" }, ""]
        }
        Message::ToSubtask { order: Order::Completed(_) | Order::Aborted(_), .. }
        | Message::Cancel(_)
        | Message::Pulse => ["", ""],
        Message::FromSubtask { report, .. } => match report {
            Report::Lost { fate, .. } => match fate {
                Fate::Committed => ["committed", ""],
                Fate::Aborted => ["aborted", ""],
                Fate::Unknowable => ["unknowable", ""],
            },
            Report::Failed(reason) => [of_reason(reason), ""],
            Report::Ready
            | Report::Acknowledged { .. }
            | Report::Declined(_)
            | Report::AtEnd
            | Report::Drained => ["", ""],
        },
    }
}

fn of_outcome<S>(outcome: &Outcome<S>) -> [&'static str; 2] {
    match outcome {
        Outcome::Answer(code) => ["answer", of_code(*code)],
        Outcome::Unknown => ["unknown", ""],
        Outcome::Failed { .. } => ["failed", ""],
        Outcome::Head { head: None, .. } => ["no_head", ""],
        Outcome::Head { head: Some(_), .. } => ["head", ""],
        Outcome::Swapped => ["swapped", ""],
        Outcome::Conflict => ["conflict", ""],
        Outcome::Checkpoint(_) => ["checkpoint", ""],
        Outcome::Written => ["written", ""],
        Outcome::Offsets(_) => ["offsets", ""],
        Outcome::Listed { .. } => ["listed", ""],
        Outcome::Restored => ["restored", ""],
        Outcome::Snapshotted(_) => ["snapshotted", ""],
        Outcome::Initialised { .. } => ["initialised", ""],
        Outcome::Opened => ["opened", ""],
        Outcome::Flushed => ["flushed", ""],
        Outcome::Described(Described { state, .. }) => ["described", of_state(*state)],
        Outcome::Uploaded => ["uploaded", ""],
        Outcome::Markers(_) => ["markers", ""],
    }
}

fn of_code(code: truecut_core::ErrorCode) -> &'static str {
    match meaning(code) {
        Meaning::Done => "done",
        Meaning::Retry => "retry",
        Meaning::Fenced => "fenced",
        Meaning::Refused => "refused",
    }
}

fn of_state(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Empty => "empty",
        TransactionState::Ongoing => "ongoing",
        TransactionState::PrepareCommit => "prepare_commit",
        TransactionState::PrepareAbort => "prepare_abort",
        TransactionState::CompleteCommit => "complete_commit",
        TransactionState::CompleteAbort => "complete_abort",
        TransactionState::Other => "other",
    }
}

fn of_timer(timer: Timer) -> &'static str {
    match timer {
        Timer::Interval => "interval",
        Timer::MinPause => "min_pause",
        Timer::Expiry(_) => "expiry",
        Timer::Heartbeat => "heartbeat",
        Timer::Silence(_) => "silence",
        Timer::Restart => "restart",
        Timer::Retry(_) => "retry",
    }
}

fn of_halt(halt: &Halt) -> &'static str {
    match halt {
        Halt::Finished(_) => "finished",
        Halt::Failed { .. } => "failed",
        Halt::DataLoss { .. } => "data_loss",
        Halt::Superseded => "superseded",
    }
}

fn of_reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::Kafka { .. } => "kafka",
        Reason::Environment { .. } => "environment",
        Reason::Input { .. } => "input",
        Reason::Task { .. } => "task",
        Reason::ChannelBroken => "channel_broken",
        Reason::WorkerLost(_) => "worker_lost",
        Reason::Expired(_) => "expired",
        Reason::Declined(_) => "declined",
        Reason::NotStored(_) => "not_stored",
    }
}
