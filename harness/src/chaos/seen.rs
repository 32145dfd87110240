//! What is known of the job under test while it runs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What was seen of the job.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The newest attempt.
    pub(super) attempt: u64,
    /// All its subtasks run.
    pub(super) running: bool,
    /// Processes that run subtasks of it.
    pub(super) active: BTreeSet<u32>,
    /// Processes of workers that the coordinator has given up.
    pub(super) lost: BTreeSet<u32>,
    /// Completed checkpoints.
    pub(super) checkpoints: u64,
    /// Completed checkpoints of the newest attempt.
    pub(super) checkpoints_of_attempt: u64,
    /// Processes killed so far.
    pub(super) kills: u64,
    /// Those of them that killed themselves at a crash point.
    pub(super) struck: u64,
    /// Processes that ended after SIGTERM.
    pub(super) stopped: u64,
    /// Coordinators that were given up while they were paused, and have not ended.
    pub(super) zombies: u32,
    /// Processes that came back from a pause and have ended since.
    pub(super) zombies_ended: u32,
    /// What came of the job, once it has ended.
    pub(super) ended: Option<Ended>,
}

impl Seen {
    /// A process that the attempt needs is gone: it is over, although the coordinator may not have said so yet.
    pub(super) fn attempt_is_lost(&mut self) {
        (self.running, self.checkpoints_of_attempt) = (false, 0);
    }
}

/// How the job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit_code: u8,
    pub(super) message: String,
}

/// A kill, from and to the same moment; or a pause.
pub(super) type Fault = (Instant, Instant);

/// How many attempts after the first no fault explains. One kill may cost several: a broken channel may be noticed before
/// the worker's death, and the next attempt then still counts on it. News of a fault may come a little late.
pub(super) fn unexplained(attempts: &[Instant], faults: &[Fault]) -> usize {
    const AFTERMATH: Duration = Duration::from_secs(2);
    const LATE: Duration = Duration::from_millis(300);
    let explains =
        |(from, to): &Fault, attempt: Instant| *from <= attempt + LATE && attempt <= *to + AFTERMATH;
    let unexplained = |attempt: &&Instant| !faults.iter().any(|fault| explains(fault, **attempt));
    attempts.iter().skip(1).filter(unexplained).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_without_a_kill_before_it_is_unexplained() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let kill = |seconds| (at(seconds), at(seconds));
        assert_eq!(unexplained(&[at(0)], &[]), 0);
        assert_eq!(unexplained(&[at(0), at(5)], &[kill(4)]), 0);
        assert_eq!(unexplained(&[at(0), at(5), at(6)], &[kill(4)]), 0, "the aftermath of one kill");
        assert_eq!(unexplained(&[at(0), at(5), at(9)], &[kill(4)]), 1);
        assert_eq!(unexplained(&[at(0), at(5)], &[kill(9)]), 1);
        assert_eq!(unexplained(&[at(0), at(5), at(9)], &[(at(2), at(8))]), 0, "while a process was paused");
    }
}
