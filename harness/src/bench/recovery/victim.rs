//! Who is killed: told from a subject's processes by what they are, the busiest of them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Killed, unix_us};
use crate::bench::processes::{Living, Tree};
use crate::bench::subject::SubjectName;

/// How long it is watched who is busy: the one that has the job, not the spare.
const WATCHED: Duration = Duration::from_millis(700);
/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// Who is killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Victim {
    /// The busiest process of those that process records.
    #[default]
    Worker,
    /// The process that coordinates checkpoints.
    Coordinator,
}

impl Victim {
    /// Why this cannot be done to a subject.
    pub(super) fn refused_by(self, name: SubjectName) -> Option<&'static str> {
        match (self, name) {
            (_, SubjectName::Raw) => Some("it does not recover: nothing starts it again"),
            (Self::Coordinator, SubjectName::Flink | SubjectName::FlinkTuned) => {
                Some("a JobManager without high availability ends its job; this peer has none")
            }
            (Self::Coordinator, SubjectName::KafkaStreams) => Some("it has no process that coordinates"),
            (Self::Worker | Self::Coordinator, SubjectName::Truecut)
            | (Self::Worker, SubjectName::Flink | SubjectName::FlinkTuned | SubjectName::KafkaStreams) => {
                None
            }
        }
    }

    fn is(self, process: &Living) -> bool {
        let names: [&str; 2] = match self {
            Self::Worker => ["truecut worker", "java taskmanager"],
            Self::Coordinator => ["truecut coordinator", "java jobmanager"],
        };
        names.iter().any(|name| process.name.starts_with(name))
    }

    /// Those of some processes that it may be.
    pub(super) fn candidates(self, living: &[Living]) -> Vec<Living> {
        living.iter().filter(|process| self.is(process)).cloned().collect()
    }

    /// Kills the busiest one with -9, and sees that it is gone.
    pub(super) async fn kill(self, tree: &mut Tree) -> Option<Killed> {
        let before = self.candidates(&tree.living());
        tokio::time::sleep(WATCHED).await;
        let now = self.candidates(&tree.living());
        let busiest = busiest(&before, &now)?;
        let pid = Pid::from_raw(i32::try_from(busiest.pid).ok()?);
        let killed = Killed { at: Instant::now(), unix_us: unix_us() };
        kill(pid, Signal::SIGKILL).ok()?;
        while busiest.lives() {
            if killed.at.elapsed() > GONE {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Some(killed)
    }
}

/// The one that has used most processor time in between; of equals the oldest.
fn busiest(before: &[Living], now: &[Living]) -> Option<Living> {
    let used = |process: &Living| {
        let same = before.iter().find(|old| (old.pid, old.started) == (process.pid, process.started));
        process.ticks - same.map_or(0, |old| old.ticks)
    };
    // One that has just started is busy with that.
    let settled = now.iter().filter(|process| before.iter().any(|old| old.pid == process.pid));
    settled.max_by_key(|process| (used(process), std::cmp::Reverse(process.started))).cloned()
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Coordinator => "coordinator",
        })
    }
}

impl FromStr for Victim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Worker, Self::Coordinator].into_iter().find(|victim| victim.to_string() == text);
        known.ok_or_else(|| "give worker or coordinator".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, name: &str, ticks: u64) -> Living {
        Living { pid, started: u64::from(pid), name: name.to_owned(), ticks }
    }

    #[test]
    fn the_busiest_of_its_kind_is_killed_not_the_spare_nor_one_that_starts() {
        let before = [process(1, "truecut worker", 500), process(2, "truecut worker", 100)];
        let now = [
            process(1, "truecut worker", 501),
            process(2, "truecut worker", 130),
            process(3, "truecut worker", 70),
            process(4, "truecut coordinator", 900),
        ];
        let of = |victim: Victim| busiest(&victim.candidates(&before), &victim.candidates(&now));
        assert_eq!(of(Victim::Worker).map(|process| process.pid), Some(2));
        assert_eq!(of(Victim::Coordinator), None, "it was not seen before");
        assert_eq!(Victim::Coordinator.candidates(&now).len(), 1);
        let peers = [process(5, "java taskmanager-0", 1), process(6, "java jobmanager", 1)];
        assert_eq!(Victim::Worker.candidates(&peers)[0].pid, 5);
    }

    #[test]
    fn of_equals_the_oldest_is_killed() {
        let two = [process(8, "truecut worker", 5), process(7, "truecut worker", 5)];
        assert_eq!(busiest(&two, &two).map(|process| process.pid), Some(7));
    }

    #[test]
    fn names_read_back_what_they_print() {
        for victim in [Victim::Worker, Victim::Coordinator] {
            assert_eq!(victim.to_string().parse(), Ok(victim));
        }
        assert!("me".parse::<Victim>().is_err());
    }
}
