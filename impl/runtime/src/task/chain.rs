//! An operator subtask and the sink chained to it, on one thread: what the operator emits, the sink takes at once.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use truecut_core::{CheckpointName, Effect, Element, Input, Op, Outcome, Request, Subtask};

use crate::batch::RecordBatch;
use crate::driver::Driver;
use crate::exchange::{ElementInbox, Stamped};
use crate::function::Function;
use crate::inbox::Received;
use crate::records::Records;
use crate::state;
use crate::store::StateHandle;
use crate::task::sink::SinkTask;
use crate::task::snapshots::{SnapshotLane, Snapshots};
use crate::task::{Reported, Shared, Stepped, done};
use crate::trace::Stamp;
use crate::types::Out;

/// An operator with its sink, and their thread.
pub struct Chain {
    operator: Driver,
    tail: Tail,
}

/// All of the chain that the operator's effects act on.
struct Tail {
    subtask: Subtask,
    shared: Shared,
    inbox: Arc<ElementInbox>,
    function: Box<dyn Function>,
    snapshots: Snapshots,
    sink: SinkTask,
}

impl Chain {
    /// A chain that takes from `inbox`, and what makes its state durable. `stop` ends its waits for Kafka, once the inbox is closed.
    #[must_use]
    pub fn new(
        index: u16,
        shared: Shared,
        inbox: Arc<ElementInbox>,
        stop: CancellationToken,
        operator: Driver,
        sink: Driver,
    ) -> (Self, SnapshotLane) {
        let subtask = Subtask::operator(index);
        let function = (shared.function)();
        let (snapshots, lane) = SnapshotLane::new(subtask, shared.checkpoints.clone(), Arc::clone(&inbox));
        let sink = SinkTask::new(Subtask::sink(index), shared.clone(), Arc::clone(&inbox), stop, sink);
        let tail = Tail { subtask, shared, inbox, function, snapshots, sink };
        (Self { operator, tail }, lane)
    }

    /// Runs until the attempt is stopped.
    pub fn run(mut self) {
        self.tail.sink.step(Input::Begin.into());
        self.step(Input::Begin.into());
        loop {
            match self.tail.inbox.take() {
                Received::Control(to, stepped) if to == self.tail.subtask => self.step(stepped),
                Received::Control(_, stepped) => self.tail.sink.step(stepped),
                Received::Item(channel, Stamped { element, stamp }) => {
                    self.step(Stepped { input: Input::Element { channel, element }, stamp });
                }
                Received::Idle => {}
                Received::Closed => break,
            }
        }
        self.operator.finish();
        self.tail.sink.finish();
    }

    fn step(&mut self, stepped: Stepped) {
        let tail = &mut self.tail;
        self.operator.step(stepped, |effect, stamp| tail.perform(effect, stamp));
    }
}

impl Tail {
    fn perform(&mut self, effect: Out, stamp: Stamp) {
        match effect {
            Effect::Process(records) => self.process(&records),
            Effect::Emit(element) => self.pass_on(element, Some(stamp)),
            Effect::Hold(channel) => self.inbox.hold(channel, true),
            Effect::Release(channel) => self.inbox.hold(channel, false),
            Effect::Send { message, .. } => {
                drop(self.shared.reports.send(Reported { from: self.subtask, message, stamp: Some(stamp) }))
            }
            Effect::Start { op, request: Request::Restore(state) } => self.restore(op, state),
            Effect::Start { op, request: Request::Snapshot(name) } => self.snapshot(op, name),
            _ => unreachable!("no effect of an operator"),
        }
    }

    /// Records of a batch that fails go nowhere. The role is told before it takes anything else.
    fn process(&mut self, records: &Records) {
        let mut out = RecordBatch::with_capacity(records.batch().len(), records.batch().byte_len());
        for record in records.batch().iter() {
            if let Err(error) = self.function.process(record, &mut out) {
                let detail = format!(
                    "function `{}` can't process the record at partition {}, offset {}: {error}",
                    self.shared.config.operator.function, record.partition, record.offset
                );
                tracing::error!(subtask = %self.subtask, detail);
                return self.inbox.push_control(self.subtask, Input::TaskFailed { detail }.into());
            }
        }
        if !out.is_empty() {
            self.pass_on(Element::Batch(Records::new(out)), None);
        }
    }

    fn pass_on(&mut self, element: Element<Records>, stamp: Option<Stamp>) {
        self.sink.step(Stepped { input: Input::Element { channel: 0, element }, stamp });
    }

    fn restore(&mut self, op: Op, state: Option<StateHandle>) {
        let outcome = match self.load(state) {
            Ok(()) => Outcome::Restored,
            Err(detail) => Outcome::Failed { detail },
        };
        done(&self.inbox, self.subtask, op, outcome);
    }

    fn load(&mut self, state: Option<StateHandle>) -> Result<(), String> {
        let Some(state) = state else { return Ok(()) };
        for part in state::read_parts(&self.shared.checkpoints, &state) {
            let (file, part) = part.map_err(|error| error.to_string())?;
            self.function.restore(part).map_err(|error| {
                let function = &self.shared.config.operator.function;
                format!("the state {} is not one of function `{function}`: {error}; run the job with the function that wrote it, or start fresh", file.path)
            })?;
        }
        self.snapshots.restored(state);
        Ok(())
    }

    /// The state is captured here; making it durable does not hold up the stream.
    fn snapshot(&mut self, op: Op, name: CheckpointName) {
        let capture = self.function.snapshot();
        self.snapshots.captured(op, name, capture);
    }
}
