//! Timers by name: the one place of the coordinator process that owns a clock.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use truecut_core::Timer;

/// Running timers.
#[derive(Debug)]
pub struct Timers {
    running: HashMap<Timer, Running>,
    /// The one that fired last, and when it was due.
    before: Option<(Timer, Instant)>,
    armed: u64,
    fired: UnboundedSender<(Timer, u64)>,
}

#[derive(Debug)]
struct Running {
    armed: u64,
    due: Instant,
    task: AbortHandle,
}

impl Timers {
    /// Timers that fire to this channel.
    #[must_use]
    pub fn new(fired: UnboundedSender<(Timer, u64)>) -> Self {
        Self { running: HashMap::new(), before: None, armed: 0, fired }
    }

    /// Starts a timer, or starts it again.
    pub fn arm(&mut self, timer: Timer, after: Duration) {
        self.arm_at(timer, Instant::now() + after);
    }

    /// Starts a timer that has just fired again, a period after it was due: that it fires a little late each time makes the periods no
    /// longer. One that did not just fire, or is late by a whole period, starts from now.
    pub fn arm_again(&mut self, timer: Timer, period: Duration) {
        let due_before = self.before.filter(|(fired, _)| *fired == timer).map(|(_, due)| due);
        self.arm_at(timer, next_due(due_before, Instant::now(), period));
    }

    fn arm_at(&mut self, timer: Timer, due: Instant) {
        self.armed += 1;
        let (armed, fired) = (self.armed, self.fired.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            let _ = fired.send((timer, armed));
        });
        let running = Running { armed, due, task: task.abort_handle() };
        if let Some(before) = self.running.insert(timer, running) {
            before.task.abort();
        }
    }

    /// Stops a timer.
    pub fn disarm(&mut self, timer: Timer) {
        if let Some(running) = self.running.remove(&timer) {
            running.task.abort();
        }
    }

    /// Whether what fired is still armed as it was then: a timer that fired and was disarmed before anybody looked is not.
    pub fn is_current(&mut self, timer: Timer, armed: u64) -> bool {
        let is_current = self.running.get(&timer).is_some_and(|running| running.armed == armed);
        if is_current {
            self.before = self.running.remove(&timer).map(|running| (timer, running.due));
        }
        is_current
    }
}

fn next_due(due_before: Option<Instant>, now: Instant, period: Duration) -> Instant {
    due_before.map(|due| due + period).filter(|due| *due > now).unwrap_or(now + period)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(100);

    #[test]
    fn a_timer_that_fired_late_is_due_a_period_after_it_was_due() {
        let due = Instant::now();
        let next = |late| next_due(Some(due), due + Duration::from_millis(late), PERIOD) - due;
        assert_eq!([next(0), next(30), next(99)], [PERIOD; 3]);
        assert_eq!(next(130), Duration::from_millis(230), "late by a period, it starts from then");
        assert_eq!(next_due(None, due, PERIOD), due + PERIOD);
    }

    #[tokio::test]
    async fn only_the_timer_that_just_fired_goes_on_from_when_it_was_due() {
        let (fire, mut fired) = unbounded_channel();
        let mut timers = Timers::new(fire);
        timers.arm(Timer::Interval, Duration::ZERO);
        let (timer, armed) = fired.recv().await.expect("a timer is armed");
        let due = timers.running[&timer].due;
        assert!(timers.is_current(timer, armed));
        let hour = Duration::from_secs(3600);
        timers.arm_again(Timer::Interval, hour);
        assert_eq!(timers.running[&Timer::Interval].due, due + hour);
        timers.arm_again(Timer::Restart, hour);
        assert!(timers.running[&Timer::Restart].due > due + hour);
    }

    #[tokio::test]
    async fn what_was_armed_anew_or_disarmed_is_no_longer_current() {
        let (fire, mut fired) = unbounded_channel();
        let mut timers = Timers::new(fire);
        timers.arm(Timer::Interval, Duration::ZERO);
        let (timer, armed) = fired.recv().await.expect("a timer is armed");
        timers.arm(Timer::Interval, Duration::ZERO);
        assert!(!timers.is_current(timer, armed));
        let (timer, armed) = fired.recv().await.expect("it is armed anew");
        timers.disarm(timer);
        assert!(!timers.is_current(timer, armed));
    }
}
