//! Timers by name: the one place of the coordinator process that owns a clock.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use truecut_core::Timer;

/// Running timers.
#[derive(Debug)]
pub struct Timers {
    running: HashMap<Timer, (u64, AbortHandle)>,
    armed: u64,
    fired: UnboundedSender<(Timer, u64)>,
}

impl Timers {
    /// Timers that fire to this channel.
    #[must_use]
    pub fn new(fired: UnboundedSender<(Timer, u64)>) -> Self {
        Self { running: HashMap::new(), armed: 0, fired }
    }

    /// Starts a timer, or starts it again.
    pub fn arm(&mut self, timer: Timer, after: Duration) {
        self.armed += 1;
        let (armed, fired) = (self.armed, self.fired.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = fired.send((timer, armed));
        });
        if let Some((_, before)) = self.running.insert(timer, (armed, task.abort_handle())) {
            before.abort();
        }
    }

    /// Stops a timer.
    pub fn disarm(&mut self, timer: Timer) {
        if let Some((_, task)) = self.running.remove(&timer) {
            task.abort();
        }
    }

    /// Whether what fired is still armed as it was then: a timer that fired and was disarmed before anybody looked is not.
    pub fn is_current(&mut self, timer: Timer, armed: u64) -> bool {
        let is_current = self.running.get(&timer).is_some_and(|(current, _)| *current == armed);
        if is_current {
            self.running.remove(&timer);
        }
        is_current
    }
}
