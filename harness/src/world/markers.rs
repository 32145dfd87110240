//! The marker topic of a sink that commits by log: what is read there was written by a transaction of that producer, and what is
//! committed there was asked to be.

use std::collections::HashSet;

use truecut_core::{Marker, MarkerEvent, Op, Outcome, Slot};

use super::{Answered, Asked, Impossible, Slots, Trace};

/// What was written to the marker topic.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Producer id of each slot.
    producers: Slots<i64>,
    written: HashSet<(i64, Marker)>,
    commits: HashSet<i64>,
}

impl Markers {
    pub(super) fn started(&mut self, trace: Trace, asked: &Asked) {
        if let Asked::Commit(committable) = asked {
            self.commits.insert(committable.producer.id);
        }
        if let Asked::Rewrite { slot, marker, .. } = asked {
            self.marked(trace, *slot, *marker);
        }
    }

    pub(super) fn marked(&mut self, trace: Trace, slot: Slot, marker: Marker) {
        if let Some(producer) = self.producers.get(&(trace, slot)) {
            self.written.insert((*producer, marker));
        }
    }

    pub(super) fn answered(&mut self, trace: Trace, op: Op, answered: &Answered) -> Result<(), Impossible> {
        if let (Op::InitProducer(slot), Outcome::Initialised { described, .. }) = (op, answered) {
            self.producers.insert((trace, slot), described.producer.id);
        }
        let Outcome::Markers(events) = answered else { return Ok(()) };
        for event in events {
            match *event {
                MarkerEvent::Written { producer, marker } if !self.written.contains(&(producer, marker)) => {
                    let what = format!(
                        "a marker of checkpoint {} by producer id {producer} was read",
                        marker.checkpoint
                    );
                    return Err(Impossible::new(what, "only markers that were written"));
                }
                MarkerEvent::Ended { producer, committed: true } if !self.commits.contains(&producer) => {
                    let what = format!("a commit of producer id {producer} was read");
                    return Err(Impossible::new(what, "only transactions whose commit was asked for"));
                }
                MarkerEvent::Written { .. } | MarkerEvent::Ended { .. } => {}
            }
        }
        Ok(())
    }
}
