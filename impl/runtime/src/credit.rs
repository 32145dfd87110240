//! Credit of one data channel: how many elements the receiver still has room for. A sender without credit waits, which
//! slows its own input; so what a channel holds is bounded, and a held channel stops nobody but its own sender.

use std::sync::{Condvar, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

/// Elements that a receiver takes in advance, per channel. With batches of [`crate::exchange::BATCH_BYTES`] this bounds
/// what one channel keeps in memory.
pub const CREDITS: u32 = 8;

/// The channel is closed: its attempt was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

#[derive(Debug, Default)]
struct State {
    available: u32,
    closed: bool,
}

/// The sender's side.
#[derive(Debug, Default)]
pub struct Credits {
    state: Mutex<State>,
    changed: Condvar,
}

impl Credits {
    /// No credit yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for one credit and uses it.
    ///
    /// # Errors
    /// The channel was closed.
    pub fn take(&self) -> Result<(), Closed> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .changed
            .wait_while(state, |state| state.available == 0 && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Closed);
        }
        state.available -= 1;
        Ok(())
    }

    /// The receiver has room for more.
    pub fn give(&self, count: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).available += count;
        self.changed.notify_one();
    }

    /// Whether the channel was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed
    }

    /// Wakes whoever waits; nothing is sent any more.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }
}

/// Where a receiver gives credit back to.
#[derive(Clone, Debug)]
pub enum CreditReturn {
    /// The sender is in this process.
    Local(std::sync::Arc<Credits>),
    /// The sender is behind a connection, whose writer sends the credit.
    Remote(UnboundedSender<u32>),
}

impl CreditReturn {
    /// Gives credit for this many elements.
    pub fn give(&self, count: u32) {
        match self {
            Self::Local(credits) => credits.give(count),
            // A connection that is gone needs no credit; its loss is reported by its reader.
            Self::Remote(writer) => drop(writer.send(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_sender_without_credit_waits_for_it() {
        let credits = Arc::new(Credits::new());
        let sender = thread::spawn({
            let credits = Arc::clone(&credits);
            move || (0..3).map(|_| credits.take()).collect::<Vec<_>>()
        });
        credits.give(1);
        credits.give(2);
        assert_eq!(sender.join().unwrap(), [Ok(()); 3]);
    }

    #[test]
    fn closing_wakes_a_waiting_sender() {
        let credits = Arc::new(Credits::new());
        let sender = thread::spawn({
            let credits = Arc::clone(&credits);
            move || credits.take()
        });
        credits.close();
        assert_eq!(sender.join().unwrap(), Err(Closed));
    }
}
