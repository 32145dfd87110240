//! A source subtask: reads its partitions, feeds its role, sends what comes out.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use truecut_core::{
    Effect, Element, ErrorCode, Input, Isolation, NextOffset, Offset, Op, Outcome, Partition, Request,
    Subtask,
};

use crate::batch::BatchPool;
use crate::credit::{Closed, CreditReturn, Credits};
use crate::driver::Driver;
use crate::exchange::Outputs;
use crate::inbox::{Inbox, Received};
use crate::kafka::consumer::{Assigned, Consumer, ConsumerSettings, Delivery};
use crate::outcome::unanswered;
use crate::records::Records;
use crate::task::{Reported, Shared, Stepped, done};
use crate::trace::Stamp;
use crate::types::{In, Out};

/// Deliveries that may wait at a source.
pub(crate) const DELIVERIES: u32 = 4;

/// The input gate of a source task: deliveries arrive on channel 0.
pub type SourceInbox = Inbox<Stepped, In>;

/// A source subtask and its thread.
pub struct SourceTask {
    subtask: Subtask,
    shared: Shared,
    inbox: Arc<SourceInbox>,
    outputs: Outputs,
    /// Stops the reader when the task ends.
    credits: Arc<Credits>,
}

impl SourceTask {
    /// A source subtask that takes from `inbox` and sends to `outputs`.
    #[must_use]
    pub fn new(subtask: Subtask, shared: Shared, inbox: Arc<SourceInbox>, outputs: Outputs) -> Self {
        let credits = Arc::new(Credits::new());
        credits.give(DELIVERIES);
        inbox.connect(0, CreditReturn::Local(Arc::clone(&credits)));
        Self { subtask, shared, inbox, outputs, credits }
    }

    /// Runs until the attempt is stopped.
    pub fn run(mut self, mut driver: Driver) {
        let mut closed = self.step(&mut driver, Input::Begin.into()).is_err();
        while !closed {
            let received = match self.inbox.try_take() {
                Received::Idle => {
                    // Nothing more to read at the moment: what is coalesced must not wait for more.
                    if self.outputs.flush().is_err() {
                        break;
                    }
                    self.inbox.take()
                }
                received => received,
            };
            closed = match received {
                Received::Control(_, stepped) => self.step(&mut driver, stepped).is_err(),
                Received::Item(_, input) => self.step(&mut driver, input.into()).is_err(),
                Received::Idle => false,
                Received::Closed => true,
            };
        }
        self.credits.close();
        driver.finish();
    }

    /// Performs every effect, also those behind one whose channel is closed: what a role did is what was done. The error says
    /// that the attempt was stopped.
    fn step(&mut self, driver: &mut Driver, stepped: Stepped) -> Result<(), Closed> {
        let mut ended = Ok(());
        driver.step(stepped, |effect, stamp| {
            let performed = self.perform(effect, stamp);
            ended = ended.and(performed);
        });
        ended
    }

    fn perform(&mut self, effect: Out, stamp: Stamp) -> Result<(), Closed> {
        match effect {
            Effect::Emit(Element::Batch(records)) => return self.outputs.records(&records),
            Effect::Emit(element) => return self.outputs.broadcast(&element, stamp),
            Effect::Consume { offsets, isolation, report_end } => {
                self.consume(offsets, isolation, report_end)
            }
            Effect::Send { message, .. } => {
                drop(self.shared.reports.send(Reported { from: self.subtask, message, stamp: Some(stamp) }))
            }
            Effect::Start { op, request: Request::CommitOffsets(offsets) } => self.commit(op, offsets),
            _ => unreachable!("no effect of a source"),
        }
        Ok(())
    }

    /// Starts the reader: deliveries go to the inbox as far as there is credit, which slows the fetch.
    fn consume(&self, offsets: BTreeMap<Partition, NextOffset>, isolation: Isolation, report_end: bool) {
        let config = &self.shared.config;
        let mut settings = ConsumerSettings::new(self.shared.cluster.clone(), config.group());
        settings.isolation = isolation;
        let topic: Arc<str> = Arc::from(config.source.topic.as_str());
        let assigned = |(partition, next): (&Partition, &NextOffset)| Assigned {
            topic: Arc::clone(&topic),
            partition: i32::try_from(partition.get()).expect("Kafka numbers partitions by i32"),
            next_offset: next.get(),
        };
        let assignment: Vec<Assigned> = offsets.iter().map(assigned).collect();
        let reader = Reader {
            subtask: self.subtask,
            partitions: offsets.into_keys().collect(),
            inbox: Arc::clone(&self.inbox),
            credits: Arc::clone(&self.credits),
            report_end,
        };
        match Consumer::start(&settings, &assignment, BatchPool::new(16, 4 << 20)) {
            Ok(consumer) => {
                let runtime = self.shared.runtime.clone();
                let body = move || runtime.block_on(reader.run(consumer));
                let thread = std::thread::Builder::new().name(format!("{}-reader", self.subtask)).spawn(body);
                if let Err(error) = thread {
                    self.fail(format!("can't start the reader's thread: {error}"));
                }
            }
            Err(failure) => {
                // Nothing reads that could get over it.
                self.fail(format!("can't read topic {topic}: {failure}"));
            }
        }
    }

    fn fail(&self, detail: String) {
        self.inbox.push_control(self.subtask, Input::TaskFailed { detail }.into());
    }

    fn commit(&self, op: Op, offsets: BTreeMap<Partition, NextOffset>) {
        let (raw, inbox, subtask) = (self.shared.raw.clone(), Arc::clone(&self.inbox), self.subtask);
        let config = Arc::clone(&self.shared.config);
        self.shared.runtime.spawn(async move {
            let number = |partition: Partition| {
                i32::try_from(partition.get()).expect("Kafka numbers partitions by i32")
            };
            let next: Vec<(i32, i64)> =
                offsets.iter().map(|(partition, next)| (number(*partition), next.get())).collect();
            let outcome = match raw.offset_commit(config.group(), &config.source.topic, &next).await {
                Ok(codes) => Outcome::Answer(first_error(&codes)),
                Err(why) => unanswered(&why),
            };
            if !matches!(outcome, Outcome::Answer(0)) {
                tracing::info!(
                    group = config.group(),
                    ?outcome,
                    "offsets were not committed to the group; the next checkpoint tries again"
                );
            }
            done(&inbox, subtask, op, outcome);
        });
    }
}

fn first_error(codes: &[ErrorCode]) -> ErrorCode {
    codes.iter().copied().find(|code| *code != 0).unwrap_or(0)
}

/// Takes deliveries of the consumer to the task.
struct Reader {
    subtask: Subtask,
    /// The partition of each place in the assignment.
    partitions: Vec<Partition>,
    inbox: Arc<SourceInbox>,
    credits: Arc<Credits>,
    report_end: bool,
}

impl Reader {
    async fn run(self, mut consumer: Consumer) {
        // Polled now and then even when nothing comes, so that a stopped task ends its reader.
        while !self.credits.is_closed() {
            let next = tokio::time::timeout(std::time::Duration::from_millis(100), consumer.next());
            let Ok(delivery) = next.await else { continue };
            match delivery {
                Some(Delivery::Batch(batch)) => {
                    let partition = self.partitions[batch.index];
                    let (first, last) = (Offset::new(batch.first), Offset::new(batch.last));
                    let input = Input::Fetched { partition, batch: Records::new(batch.records), first, last };
                    if self.credits.take().is_err() {
                        return;
                    }
                    self.inbox.push(0, input);
                }
                Some(Delivery::EndOfPartition { .. }) if !self.report_end => {}
                Some(Delivery::EndOfPartition { index, .. }) => {
                    // Behind what was read, and with a credit as everything on the channel.
                    if self.credits.take().is_err() {
                        return;
                    }
                    self.inbox.push(0, Input::EndOfPartition(self.partitions[index]));
                }
                Some(Delivery::Failed { failure, .. }) => {
                    let input = Input::FetchFailed { code: failure.code, detail: failure.reason };
                    self.inbox.push_control(self.subtask, input.into());
                }
                None => {
                    let detail = "the consumer's thread ended".into();
                    return self.inbox.push_control(self.subtask, Input::TaskFailed { detail }.into());
                }
            }
        }
    }
}
