//! What comes back to a producer, and what it means for its way to brokers. What it means for its batches the delivery says.

use std::collections::VecDeque;
use std::sync::Arc;

use truecut_core::delivery::{Answer, Input, Timer};

use super::Serving;
use crate::kafka::producer::builtin::requests::{self, Delivered, Event, Parcel};
use crate::kafka::producer::builtin::topics::Topic;
use crate::kafka::{Failure, Transport};
use crate::metrics;

impl Serving {
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Located { topic, found } => self.located(topic, found),
            Event::Connected { broker, failed } => {
                self.connecting.remove(&broker);
                if let Some(why) = failed {
                    tracing::debug!(broker, %why, "not connected");
                    self.failures += 1;
                    self.give_back(|topic, parcel| leads(topic, parcel, broker), Answer::Missing);
                }
            }
            Event::Produced(delivered) => self.produced(delivered),
            Event::Added { partitions, answered } => {
                let (answers, said) = match &answered {
                    Ok(codes) => {
                        let refused = codes.iter().find(|code| **code != 0);
                        let reason = || "AddPartitionsToTxn".to_owned();
                        let said = refused.map(|code| Failure { code: *code, reason: reason() });
                        (codes.iter().map(|code| Answer::Code(*code)).collect(), said)
                    }
                    Err(why) => {
                        let (answer, said) = requests::missing(why);
                        (vec![answer; partitions.len()], said)
                    }
                };
                self.failures += u32::from(answers.iter().any(|answer| *answer != Answer::Code(0)));
                self.step_told(Input::Added(partitions.into_iter().zip(answers).collect()), said);
            }
            Event::Fired(timer) => {
                self.step(Input::Fired(timer));
                if let (Timer::Locate, Some(stalled)) = (timer, &self.stalled) {
                    self.locate(stalled.topic);
                }
            }
        }
    }

    fn produced(&mut self, delivered: Delivered) {
        let Delivered { broker, took, answers } = delivered;
        *self.under_way.entry(broker).or_insert(1) -= 1;
        metrics::of_round_trip(took);
        let failed = answers.iter().any(|(_, answer, _)| *answer != Answer::Code(0));
        self.failures = if failed { self.failures + 1 } else { 0 };
        for (Parcel { to, first, batch }, answer, said) in answers {
            if answer == Answer::Code(0) {
                self.unacknowledged = self.unacknowledged.saturating_sub(batch.records.into());
            } else {
                tracing::debug!(?to, ?answer, ?said, "a batch came back");
                self.forget(to.topic);
            }
            self.step_told(Input::Produced { to, first, answer }, said);
        }
    }

    fn located(&mut self, topic: usize, found: Result<Result<Arc<Topic>, i16>, Transport>) {
        self.locating.remove(&topic);
        let (answer, said) = match found {
            Ok(Ok(known)) => {
                self.gathering.topics[topic].known = Some(known);
                return;
            }
            Ok(Err(code)) => {
                let reason = format!("topic {} can't be found", self.gathering.topics[topic].name);
                (Answer::Code(code), Some(Failure { code, reason }))
            }
            Err(why) => requests::missing(&why),
        };
        self.failures += 1;
        self.give_back(|_, parcel| parcel.to.topic == topic, answer);
        if self.stalled.as_ref().is_some_and(|stalled| stalled.topic == topic) {
            self.step_told(Input::NotLocated(answer), said);
            if self.delivery.failed().is_some() {
                self.stalled = None;
            }
        }
    }

    /// Batches that were not sent are answered for.
    fn give_back(&mut self, which: impl Fn(Option<&Arc<Topic>>, &Parcel) -> bool, answer: Answer) {
        let topics = &self.gathering.topics;
        let back = |parcel: &Parcel| which(topics[parcel.to.topic].known.as_ref(), parcel);
        let (back, kept): (VecDeque<_>, _) = self.outbox.drain(..).partition(back);
        self.outbox = kept;
        for Parcel { to, first, .. } in back {
            self.forget(to.topic);
            self.step(Input::Produced { to, first, answer });
        }
    }
}

/// Whether a batch waits for this broker.
fn leads(topic: Option<&Arc<Topic>>, parcel: &Parcel, broker: i32) -> bool {
    topic.is_some_and(|topic| topic.leader(parcel.to.partition) == Ok(broker))
}
