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
    /// Completed checkpoints.
    pub(super) checkpoints: u64,
    /// Completed checkpoints of the newest attempt.
    pub(super) checkpoints_of_attempt: u64,
    /// Workers killed so far.
    pub(super) kills: u64,
    /// What came of the job, once it has ended.
    pub(super) ended: Option<Ended>,
}

/// How the job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit_code: u8,
    pub(super) message: String,
}

/// How many attempts after the first no kill explains. One kill may cost several: a broken channel may be noticed before
/// the worker's death, and the next attempt then still counts on it. News of a kill may come a little late.
pub(super) fn unexplained(attempts: &[Instant], kills: &[Instant]) -> usize {
    const AFTERMATH: Duration = Duration::from_secs(2);
    const LATE: Duration = Duration::from_millis(300);
    let explains = |kill: &Instant, attempt: Instant| *kill <= attempt + LATE && attempt <= *kill + AFTERMATH;
    let unexplained = |attempt: &&Instant| !kills.iter().any(|kill| explains(kill, **attempt));
    attempts.iter().skip(1).filter(unexplained).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_without_a_kill_before_it_is_unexplained() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(unexplained(&[at(0)], &[]), 0);
        assert_eq!(unexplained(&[at(0), at(5)], &[at(4)]), 0);
        assert_eq!(unexplained(&[at(0), at(5), at(6)], &[at(4)]), 0, "the aftermath of one kill");
        assert_eq!(unexplained(&[at(0), at(5), at(9)], &[at(4)]), 1);
        assert_eq!(unexplained(&[at(0), at(5)], &[at(9)]), 1);
    }
}
