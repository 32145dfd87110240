//! How long to wait before an operation is tried again. That it is tried again is the core's word; when is not.
//!
//! Soon at first: most of what Kafka puts off is over within some milliseconds, and records wait for it. Then ever less often, so that a
//! broker that is down, or comes back, is not asked a hundred times a second by everybody (KIP-580 does the same).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use truecut_core::Op;

/// The pause at first.
pub(crate) const SOON: Duration = Duration::from_millis(10);
/// So often in a row the pause stays as it is at first; then it doubles each time.
const TRIES_SOON: u32 = 4;
/// It doubles so often: to 160 ms.
const DOUBLINGS_MAX: u32 = 4;
/// An operation that was not tried again for so long begins anew.
const QUIET: Duration = Duration::from_secs(1);

/// Operations that are tried again and again.
#[derive(Debug, Default)]
pub(crate) struct Retries(HashMap<Op, Tried>);

#[derive(Clone, Copy, Debug)]
struct Tried {
    times: u32,
    last: Instant,
}

impl Retries {
    /// The pause before this operation is tried again.
    pub(crate) fn pause(&mut self, op: Op) -> Duration {
        self.pause_at(op, Instant::now())
    }

    fn pause_at(&mut self, op: Op, now: Instant) -> Duration {
        self.0.retain(|_, tried| now.saturating_duration_since(tried.last) < QUIET);
        let tried = self.0.entry(op).or_insert(Tried { times: 0, last: now });
        let times = tried.times.saturating_add(1);
        *tried = Tried { times, last: now };
        let doublings = times.saturating_sub(TRIES_SOON).min(DOUBLINGS_MAX);
        SOON * 2_u32.pow(doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_tried_ever_less_often_and_soon_again_after_a_quiet_time() {
        let (mut retries, mut now) = (Retries::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let pause = retries.pause_at(Op::ListTransactions, now);
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses, [10, 10, 10, 10, 20, 40, 80, 160, 160, 160]);
        assert_eq!(retries.pause_at(Op::ReadHead, now), SOON, "another operation");
        now += QUIET;
        assert_eq!(retries.pause_at(Op::ListTransactions, now), SOON);
        assert_eq!(retries.0.len(), 1, "what is over is forgotten");
    }
}
