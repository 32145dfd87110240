//! The sending side of a source: records are partitioned and coalesced per output channel; everything else goes to each
//! channel behind them.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use truecut_core::{Channel, Element, Exchange};

use crate::batch::{RecordBatch, RecordRef};
use crate::credit::{Closed, Credits};
use crate::inbox::Inbox;
use crate::records::Records;
use crate::task::Stepped;
use crate::trace::Stamp;

/// Bytes of records after which a coalesced batch is sent. Less is sent when the source has nothing more to read.
pub const BATCH_BYTES: usize = 64 << 10;
/// Records after which it is sent as well: the index of many small ones takes more memory than their bytes, of which there may be none.
pub const BATCH_RECORDS: usize = 4096;

/// An element on its way, and the effect that sent it; batches are cut anew on the way and carry none.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// The element.
    pub element: Element<Records>,
    /// The effect that sent it.
    pub stamp: Option<Stamp>,
}

/// The input gate of an operator task.
pub type ElementInbox = Inbox<Stepped, Stamped>;

/// Where a channel leads.
#[derive(Clone, Debug)]
pub enum Target {
    /// To a task of this process.
    Local(Arc<ElementInbox>, Channel),
    /// To the writer of a connection.
    Remote(UnboundedSender<Stamped>),
}

/// One output channel.
#[derive(Debug)]
pub struct OutputChannel {
    /// Room at the receiver.
    pub credits: Arc<Credits>,
    /// The receiver.
    pub target: Target,
}

impl OutputChannel {
    fn send(&self, element: Stamped) -> Result<(), Closed> {
        self.credits.take()?;
        match &self.target {
            Target::Local(inbox, channel) => {
                inbox.push(*channel, element);
                Ok(())
            }
            Target::Remote(writer) => writer.send(element).map_err(|_| Closed),
        }
    }
}

/// The output channels of one source subtask.
#[derive(Debug)]
pub struct Outputs {
    exchange: Exchange,
    channels: Vec<OutputChannel>,
    /// What is being coalesced for each channel.
    open: Vec<RecordBatch>,
    /// The channel of the next record that goes in turn.
    turn: usize,
}

impl Outputs {
    /// Sends to these channels.
    #[must_use]
    pub fn new(exchange: Exchange, channels: Vec<OutputChannel>) -> Self {
        let open = channels.iter().map(|_| RecordBatch::default()).collect();
        Self { exchange, channels, open, turn: 0 }
    }

    /// Sends records, each to the channel that the exchange names.
    ///
    /// # Errors
    /// The attempt was stopped.
    pub fn records(&mut self, records: &Records) -> Result<(), Closed> {
        if self.channels.len() == 1 && self.open[0].is_empty() && is_full(records.batch()) {
            return self.channels[0].send(Stamped { element: Element::Batch(records.clone()), stamp: None });
        }
        for record in records.batch().iter() {
            let place = self.place(record);
            self.open[place].push(record);
            if is_full(&self.open[place]) {
                self.send_open(place)?;
            }
        }
        Ok(())
    }

    /// Sends anything but records to every channel, behind the records that are coalesced.
    ///
    /// # Errors
    /// The attempt was stopped.
    pub fn broadcast(&mut self, element: &Element<Records>, stamp: Stamp) -> Result<(), Closed> {
        let flushed = self.flush();
        let send =
            |channel: &OutputChannel| channel.send(Stamped { element: element.clone(), stamp: Some(stamp) });
        // Every channel that is open gets it.
        self.channels.iter().map(send).fold(flushed, Result::and)
    }

    /// Sends what is coalesced.
    ///
    /// # Errors
    /// The attempt was stopped.
    pub fn flush(&mut self) -> Result<(), Closed> {
        (0..self.open.len()).map(|place| self.send_open(place)).fold(Ok(()), Result::and)
    }

    fn send_open(&mut self, place: usize) -> Result<(), Closed> {
        if self.open[place].is_empty() {
            return Ok(());
        }
        let room = self.open[place].byte_len();
        let full = std::mem::replace(&mut self.open[place], RecordBatch::with_capacity(0, room));
        self.channels[place].send(Stamped { element: Element::Batch(Records::new(full)), stamp: None })
    }

    fn place(&mut self, record: RecordRef<'_>) -> usize {
        match self.exchange {
            Exchange::Key => place_of_key(record.key.unwrap_or_default(), self.channels.len()),
            Exchange::Forward | Exchange::Rebalance => {
                self.turn = (self.turn + 1) % self.channels.len();
                self.turn
            }
        }
    }
}

fn is_full(batch: &RecordBatch) -> bool {
    batch.byte_len() >= BATCH_BYTES || batch.len() >= BATCH_RECORDS
}

/// The channel of a key, of `channels` in all: the same in every process and every attempt, for keyed state hangs on it.
fn place_of_key(key: &[u8], channels: usize) -> usize {
    let hash = u64::from(crc32c::crc32c(key));
    let channels = u64::try_from(channels).expect("channels are numbered by u16");
    usize::try_from((hash * channels) >> 32).expect("below the number of channels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::CreditReturn;
    use crate::inbox::Received;

    fn local(exchange: Exchange, channels: u16) -> (Outputs, Vec<Arc<ElementInbox>>) {
        let inboxes: Vec<Arc<ElementInbox>> = (0..channels).map(|_| Arc::new(Inbox::new(1))).collect();
        let channels = inboxes.iter().map(|inbox| {
            let credits = Arc::new(Credits::new());
            credits.give(100);
            inbox.connect(0, CreditReturn::Local(Arc::clone(&credits)));
            OutputChannel { credits, target: Target::Local(Arc::clone(inbox), 0) }
        });
        (Outputs::new(exchange, channels.collect()), inboxes)
    }

    fn received(inbox: &ElementInbox) -> Vec<String> {
        let mut taken = Vec::new();
        while let Received::Item(_, Stamped { element, .. }) = inbox.try_take() {
            match element {
                Element::Batch(records) => taken.extend(
                    records
                        .batch()
                        .iter()
                        .map(|record| String::from_utf8(record.key.unwrap().to_vec()).unwrap()),
                ),
                other @ (Element::Barrier { .. } | Element::Cancel { .. } | Element::End) => {
                    taken.push(format!("{other:?}"));
                }
            }
        }
        taken
    }

    fn batch(keys: &[&str]) -> Records {
        let mut batch = RecordBatch::default();
        for key in keys {
            batch.push(RecordRef {
                key: Some(key.as_bytes()),
                value: None,
                timestamp_ms: 0,
                partition: 0,
                offset: 0,
            });
        }
        Records::new(batch)
    }

    #[test]
    fn a_key_always_goes_to_the_same_channel_in_order() {
        let (mut outputs, inboxes) = local(Exchange::Key, 3);
        let keys: Vec<String> = (0..100).map(|n| format!("k{}", n % 10)).collect();
        outputs.records(&batch(&keys.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
        outputs.flush().unwrap();
        let all: Vec<Vec<String>> = inboxes.iter().map(|inbox| received(inbox)).collect();
        assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 100);
        for key in &keys {
            assert_eq!(all.iter().filter(|channel| channel.contains(key)).count(), 1, "{key}");
        }
        assert!(all.iter().all(|channel| !channel.is_empty()), "ten keys spread over three channels");
    }

    #[test]
    fn records_without_bytes_are_sent_too() {
        let (mut outputs, inboxes) = local(Exchange::Rebalance, 2);
        let mut tombstones = RecordBatch::default();
        for offset in 0..1_000 {
            tombstones.push(RecordRef { key: None, value: None, timestamp_ms: 0, partition: 0, offset });
        }
        let tombstones = Records::new(tombstones);
        for _ in 0..9 {
            outputs.records(&tombstones).unwrap();
        }
        for inbox in inboxes {
            let Received::Item(_, Stamped { element: Element::Batch(records), .. }) = inbox.try_take() else {
                panic!("4500 records wait for nothing")
            };
            assert_eq!(records.batch().len(), BATCH_RECORDS);
        }
    }

    #[test]
    fn a_barrier_goes_to_every_channel_behind_what_was_coalesced() {
        let (mut outputs, inboxes) = local(Exchange::Rebalance, 2);
        outputs.records(&batch(&["a", "b", "c"])).unwrap();
        outputs
            .broadcast(
                &Element::End,
                Stamp { role: crate::trace::RoleId::Coordinator, instance: 0, sequence: 7 },
            )
            .unwrap();
        let all: Vec<Vec<String>> = inboxes.iter().map(|inbox| received(inbox)).collect();
        assert_eq!(all, [vec!["b", "End"], vec!["a", "c", "End"]]);
    }
}
