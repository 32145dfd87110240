//! Barriers per input channel: which are held, and when a checkpoint has come on all of them.
//!
//! After barrier n on one channel that channel is held until barrier n has come on all. A newer barrier, a cancellation
//! or an end of input resolves a pending alignment as Flink does (`SingleCheckpointBarrierHandler`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::alphabet::Channel;
use crate::id::CheckpointId;

/// What an arrival means to the task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arrival {
    /// Nothing changes.
    Nothing,
    /// The barrier is not the last one awaited: hold this channel.
    Hold(Channel),
    /// The barrier has come on all channels: snapshot, pass it on, then release these channels.
    Aligned {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// The job ends with it.
        last: bool,
        /// Channels that were held.
        release: Vec<Channel>,
    },
    /// The checkpoint is off: pass the cancellation on, release these channels.
    Cancelled {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Channels that were held.
        release: Vec<Channel>,
    },
}

/// A checkpoint whose barrier came on some channels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pending {
    checkpoint: CheckpointId,
    last: bool,
    /// Invariant: exactly the held channels; never empty, never all that are open.
    arrived: BTreeSet<Channel>,
}

/// Alignment of one subtask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alignment {
    channels: u16,
    ended: BTreeSet<Channel>,
    pending: Option<Pending>,
    /// Newest checkpoint that was aligned or cancelled. Invariant: below the pending one.
    resolved: Option<CheckpointId>,
    /// Checkpoints that the coordinator aborted before their barrier came here. Invariant: all above `resolved`.
    aborted: BTreeSet<CheckpointId>,
}

impl Alignment {
    /// No barrier has come on any of `channels` channels.
    pub fn new(channels: u16) -> Self {
        assert!(channels > 0, "alignment needs an input");
        Self { channels, ended: BTreeSet::new(), pending: None, resolved: None, aborted: BTreeSet::new() }
    }

    /// Whether the channel is held.
    pub fn is_held(&self, channel: Channel) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.arrived.contains(&channel))
    }

    /// Whether every channel has ended.
    pub fn is_ended(&self) -> bool {
        self.ended.len() == usize::from(self.channels)
    }

    /// A barrier came on a channel. Two arrivals come back when it also cancels an older checkpoint.
    pub fn barrier(&mut self, channel: Channel, checkpoint: CheckpointId, last: bool) -> Vec<Arrival> {
        assert!(!self.is_held(channel), "nothing is taken from a held channel");
        assert!(!self.ended.contains(&channel), "nothing comes after the end of a channel");
        if self.resolved >= Some(checkpoint) {
            return Vec::new();
        }
        let mut arrivals = Vec::new();
        if let Some(older) = self.pending.take_if(|pending| pending.checkpoint < checkpoint) {
            arrivals.push(self.resolve_cancelled(older));
        }
        if self.aborted.contains(&checkpoint) {
            self.resolve(checkpoint);
            arrivals.push(Arrival::Cancelled { checkpoint, release: Vec::new() });
            return arrivals;
        }
        let pending = self.pending.get_or_insert(Pending { checkpoint, last, arrived: BTreeSet::new() });
        assert!(pending.checkpoint == checkpoint, "a channel delivers barriers in order");
        assert!(pending.last == last, "all sources agree on which checkpoint is the last");
        pending.arrived.insert(channel);
        arrivals.push(self.aligned().unwrap_or(Arrival::Hold(channel)));
        arrivals
    }

    /// A cancellation came on a channel.
    pub fn cancel(&mut self, channel: Channel, checkpoint: CheckpointId) -> Arrival {
        assert!(!self.is_held(channel), "nothing is taken from a held channel");
        self.off(checkpoint)
    }

    /// The coordinator aborted a checkpoint. One whose barrier has not come yet is remembered.
    pub fn abort(&mut self, checkpoint: CheckpointId) -> Arrival {
        if self.pending.as_ref().is_some_and(|pending| pending.checkpoint == checkpoint) {
            return self.off(checkpoint);
        }
        if self.resolved < Some(checkpoint) {
            self.aborted.insert(checkpoint);
        }
        Arrival::Nothing
    }

    /// A channel ended: it counts as having delivered every later barrier.
    pub fn end(&mut self, channel: Channel) -> Arrival {
        assert!(!self.is_held(channel), "nothing is taken from a held channel");
        self.ended.insert(channel);
        self.aligned().unwrap_or(Arrival::Nothing)
    }

    /// A cancelled checkpoint takes a pending older one with it.
    fn off(&mut self, checkpoint: CheckpointId) -> Arrival {
        let is_newer = self.pending.as_ref().is_some_and(|pending| pending.checkpoint > checkpoint);
        if is_newer || self.resolved >= Some(checkpoint) {
            return Arrival::Nothing;
        }
        let release =
            self.pending.take().map(|pending| pending.arrived.into_iter().collect()).unwrap_or_default();
        self.resolve(checkpoint);
        Arrival::Cancelled { checkpoint, release }
    }

    fn aligned(&mut self) -> Option<Arrival> {
        let open = |channel: &Channel| !self.ended.contains(channel);
        let pending = self.pending.as_ref()?;
        if !(0..self.channels).filter(open).all(|channel| pending.arrived.contains(&channel)) {
            return None;
        }
        let Pending { checkpoint, last, arrived } = self.pending.take()?;
        self.resolve(checkpoint);
        Some(Arrival::Aligned { checkpoint, last, release: arrived.into_iter().collect() })
    }

    fn resolve_cancelled(&mut self, pending: Pending) -> Arrival {
        self.resolve(pending.checkpoint);
        Arrival::Cancelled { checkpoint: pending.checkpoint, release: pending.arrived.into_iter().collect() }
    }

    fn resolve(&mut self, checkpoint: CheckpointId) {
        assert!(self.resolved < Some(checkpoint), "checkpoints are resolved once, in order");
        self.resolved = Some(checkpoint);
        self.aborted = self.aborted.split_off(&checkpoint.next());
    }
}

#[cfg(test)]
#[path = "alignment_tests.rs"]
mod tests;
