//! Batches of a producer into requests to the leaders of their partitions.

use std::collections::{HashMap, VecDeque};

use truecut_core::delivery::{Answer, Input};

use super::Serving;
use crate::kafka::producer::builtin::REQUESTS_MAX;
use crate::kafka::producer::builtin::gather::Place;
use crate::kafka::producer::builtin::requests::{self, Parcel};

impl Serving {
    /// Sends what has a way: at most one batch of each partition in a request, and one request to each broker. Whether there was any.
    pub(super) fn send(&mut self) -> bool {
        let mut requests: HashMap<i32, (usize, Vec<Parcel>)> = HashMap::new();
        let (mut kept, mut back) = (VecDeque::new(), Vec::new());
        for parcel in std::mem::take(&mut self.outbox) {
            // Batches of one partition go in order, one in a request.
            let waits = kept.iter().any(|kept: &Parcel| kept.to == parcel.to);
            match self.leader(&parcel) {
                _ if waits => kept.push_back(parcel),
                Ok(None) => kept.push_back(parcel),
                Err(code) => back.push((parcel, code)),
                Ok(Some(broker)) => {
                    let (bytes, parcels) = requests.entry(broker).or_default();
                    let together = *bytes + parcel.batch.bytes.len();
                    let fits = parcels.is_empty() || together <= self.request_bytes;
                    if fits && !parcels.iter().any(|other| other.to == parcel.to) {
                        *bytes = together;
                        parcels.push(parcel);
                    } else {
                        kept.push_back(parcel);
                    }
                }
            }
        }
        self.outbox = kept;
        for (Parcel { to, first, .. }, code) in back {
            self.forget(to.topic);
            self.step(Input::Produced { to, first, answer: Answer::Code(code) });
        }
        let any = !requests.is_empty();
        for (broker, (_, parcels)) in requests {
            self.send_to(broker, parcels);
        }
        any
    }

    fn send_to(&mut self, broker: i32, parcels: Vec<Parcel>) {
        let Some(connection) = self.factory.data.connected(broker) else {
            // It was open a moment ago.
            return parcels.into_iter().rev().for_each(|parcel| self.outbox.push_front(parcel));
        };
        *self.under_way.entry(broker).or_default() += 1;
        let (writer, topics) = (&self.writer, &self.gathering.topics);
        let within = self.acknowledge_within;
        self.events.push(requests::produce(writer, topics, &connection, broker, parcels, within));
    }

    /// The broker that a batch can be sent to now; `None` while its way is being looked for, or enough is under way.
    fn leader(&mut self, parcel: &Parcel) -> Result<Option<i32>, i16> {
        let Place { topic, partition } = parcel.to;
        if self.gathering.topics[topic].known.is_none() {
            self.locate(topic);
        }
        let Some(known) = &self.gathering.topics[topic].known else { return Ok(None) };
        let broker = known.leader(partition)?;
        if self.under_way.get(&broker).is_some_and(|requests| *requests >= REQUESTS_MAX) {
            return Ok(None);
        }
        if self.factory.data.connected(broker).is_none() {
            if self.connecting.insert(broker) {
                self.events.push(requests::connect(&self.factory, broker));
            }
            return Ok(None);
        }
        Ok(Some(broker))
    }
}
