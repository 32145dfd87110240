//! Who owns a container or a folder: a process, named so that a later process with the same number is not taken for it.

use std::fmt;
use std::str::FromStr;

/// A process of this machine: its number, when it started, since which boot, in which pid namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: u32,
    /// In clock ticks since boot, as `/proc/PID/stat` has it.
    started_ticks: u64,
    boot: String,
    namespace: String,
}

impl Owner {
    /// This process.
    pub(crate) fn me() -> Self {
        Self::of(std::process::id()).unwrap_or_else(|| Self {
            pid: std::process::id(),
            started_ticks: 0,
            boot: boot(),
            namespace: namespace(),
        })
    }

    /// The living process `pid`, if there is one.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started_ticks: started_ticks(pid)?, boot: boot(), namespace: namespace() })
    }

    /// Whether the process is certainly gone. One of another pid namespace cannot be seen and counts as alive.
    pub(crate) fn is_dead(&self) -> bool {
        if self.boot != boot() {
            return true;
        }
        self.namespace == namespace() && started_ticks(self.pid) != Some(self.started_ticks)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.pid, self.started_ticks, self.boot, self.namespace)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().splitn(4, '/');
        let mut next = || parts.next().ok_or(());
        Ok(Self {
            pid: next()?.parse().map_err(|_| ())?,
            started_ticks: next()?.parse().map_err(|_| ())?,
            boot: next()?.to_owned(),
            namespace: next()?.to_owned(),
        })
    }
}

/// When a living process started; nothing for one that is gone or only waits to be collected.
fn started_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it are plain: state is the first, start the 20th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn namespace() -> String {
    std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_reads_back() {
        let me = Owner::me();
        assert!(!me.is_dead());
        assert_eq!(me.to_string().parse(), Ok(me));
    }

    #[test]
    fn a_process_that_ended_is_dead_and_so_is_another_with_its_number() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let owner = Owner::of(child.id()).expect("it lives");
        let namesake = Owner { started_ticks: owner.started_ticks + 1, ..owner.clone() };
        assert!(!owner.is_dead());
        assert!(namesake.is_dead());
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        assert!(owner.is_dead());
    }

    #[test]
    fn an_owner_in_another_namespace_counts_as_alive() {
        let elsewhere = Owner { pid: u32::MAX, namespace: "pid:[1]".to_owned(), ..Owner::me() };
        assert!(!elsewhere.is_dead());
    }
}
