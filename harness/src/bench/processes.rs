//! What a subject costs: processor time and memory of a process and everything that it started, from /proc.
//!
//! Children that have ended and were waited for are in their parent's account; a process that lost its parent is still followed, as it
//! was once seen in the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::statistics::real;

/// What the tree had used by a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Used {
    /// Processor time of all that live and of the children that they waited for, s.
    pub(super) cpu_seconds: f64,
    /// The peaks of all that live, added up, bytes.
    pub(super) peak_memory: u64,
}

/// One process of a subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// What it is.
    pub name: String,
    /// Its own processor time, s.
    pub cpu_seconds: f64,
    /// The most memory that was resident, bytes.
    pub peak_memory_bytes: u64,
}

/// A process that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Living {
    pub(super) pid: u32,
    /// Tells it from a later one with the same id.
    pub(super) started: u64,
    pub(super) name: String,
    /// Processor time of its own so far, in ticks.
    pub(super) ticks: u64,
}

impl Living {
    /// Whether it lives still.
    pub(super) fn lives(&self) -> bool {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let is_dead = text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
        !is_dead && stat(&text).is_some_and(|stat| stat.started == self.started)
    }
}

/// A line of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Its own time, utime and stime, in ticks.
    own: u64,
    /// That of children that it waited for, cutime and cstime, in ticks.
    children: u64,
    /// Tells the process from a later one with the same id.
    started: u64,
}

/// Ticks of a second in /proc: 100 on every machine that Rust's standard library runs on (`USER_HZ`).
const TICKS: f64 = 100.0;

/// A process and everything under it.
#[derive(Debug)]
pub(super) struct Tree {
    root: u32,
    /// Every process that was ever in the tree, by id and start.
    known: BTreeMap<(u32, u64), Process>,
}

impl Tree {
    pub(super) fn of(root: u32) -> Self {
        Self { root, known: BTreeMap::new() }
    }

    /// Looks at every process of the tree.
    pub(super) fn look(&mut self) -> Used {
        let all = all();
        let mut used = Used::default();
        for (pid, stat) in self.members(&all) {
            let process = self.known.entry((pid, stat.started)).or_insert_with(|| Process {
                name: String::new(),
                cpu_seconds: 0.0,
                peak_memory_bytes: 0,
            });
            // A launcher becomes what it launches.
            if let Some(name) = name(pid) {
                process.name = name;
            }
            process.cpu_seconds = real(stat.own) / TICKS;
            process.peak_memory_bytes = process.peak_memory_bytes.max(peak_memory(pid));
            used.cpu_seconds += real(stat.own + stat.children) / TICKS;
            used.peak_memory += process.peak_memory_bytes;
        }
        used
    }

    /// The processes of the tree that live now.
    pub(super) fn living(&mut self) -> Vec<Living> {
        self.look();
        let all = all();
        let known = |(pid, stat): (u32, Stat)| {
            let process = self.known.get(&(pid, stat.started))?;
            Some(Living { pid, started: stat.started, name: process.name.clone(), ticks: stat.own })
        };
        self.members(&all).into_iter().filter_map(known).collect()
    }

    /// Every process that was seen, the greatest consumer first.
    pub(super) fn processes(&self) -> Vec<Process> {
        let mut all: Vec<Process> = self.known.values().cloned().collect();
        all.sort_by(|a, b| b.cpu_seconds.total_cmp(&a.cpu_seconds));
        all
    }

    fn members(&self, all: &BTreeMap<u32, Stat>) -> Vec<(u32, Stat)> {
        let mut inside: BTreeSet<u32> = all
            .iter()
            .filter(|(pid, stat)| **pid == self.root || self.known.contains_key(&(**pid, stat.started)))
            .map(|(pid, _)| *pid)
            .collect();
        loop {
            let more: Vec<u32> = all
                .iter()
                .filter(|(pid, stat)| !inside.contains(pid) && inside.contains(&stat.parent))
                .map(|(pid, _)| *pid)
                .collect();
            if more.is_empty() {
                break;
            }
            inside.extend(more);
        }
        inside.iter().filter_map(|pid| Some((*pid, *all.get(pid)?))).collect()
    }
}

/// Every process that there is.
fn all() -> BTreeMap<u32, Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, stat(&text)?))
    })
    .collect()
}

/// The name in it is in parentheses, and may itself have spaces and parentheses.
fn stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    // The state is field 3 in proc(5), and 0 here; the four times are fields 14 to 17, the start is field 22.
    let (own, children) = (number(11)? + number(12)?, number(13)? + number(14)?);
    Some(Stat { parent: fields.get(1)?.parse().ok()?, own, children, started: number(19)? })
}

/// The most memory of a process that was resident, bytes. One that has just ended has none.
#[must_use]
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// What a process is, for a person: the program, and the word of its command line that tells it from others of the same program.
fn name(pid: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&line).into_owned();
    let name = label(&text.split('\0').filter(|word| !word.is_empty()).collect::<Vec<_>>());
    (!name.is_empty()).then_some(name)
}

fn label(words: &[&str]) -> String {
    let file = |word: &str| Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(program) = words.first().and_then(|word| file(word)) else { return String::new() };
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match *word {
            "-cp" | "-classpath" | "--class-path" => drop(rest.next()),
            option if option.starts_with('-') => {}
            // A script in words: too long for a name.
            script if script.contains(char::is_whitespace) => return program,
            // A class by its last name; a hidden argument without its underscores.
            // A file of arguments is named for what they are.
            word if word.starts_with('@') => {
                let stem = Path::new(word).file_stem().unwrap_or_default().to_string_lossy().into_owned();
                return format!("{program} {stem}");
            }
            word if program == "java" => {
                return format!("{program} {}", word.rsplit(['.', '/']).next().unwrap_or(word));
            }
            word => return format!("{program} {}", file(word).unwrap_or_default().trim_start_matches('_')),
        }
    }
    program
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_hides_nothing() {
        let line = "4711 (a (b) c) S 17 1 1 0 -1 4194304 100 0 0 0 5 6 7 8 20 0 3 0 987654 1000 20";
        assert_eq!(stat(line), Some(Stat { parent: 17, own: 11, children: 15, started: 987_654 }));
        assert_eq!(stat("4711 (short) S 17"), None);
    }

    #[test]
    fn processes_are_told_apart_by_what_they_run() {
        assert_eq!(label(&["/usr/bin/truecut", "__worker", "{}"]), "truecut worker");
        assert_eq!(
            label(&["/x/java", "-Xmx1g", "-cp", "a.jar:b.jar", "org.x.TaskManager", "--flag"]),
            "java TaskManager"
        );
        assert_eq!(label(&["java", "@/x/taskmanager-0.args"]), "java taskmanager-0");
        assert_eq!(label(&["bash", "/peers/run.sh", "p"]), "bash run.sh");
        assert_eq!((label(&["raw"]), label(&[])), ("raw".to_owned(), String::new()));
    }

    #[test]
    fn what_a_grandchild_burns_is_counted_also_after_its_end() {
        // It burns, is waited for by its parent, and the parent then lives on.
        let burn = "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; read line";
        let mut parent =
            Command::new("sh").args(["-c", burn]).stdin(Stdio::piped()).spawn().expect("a shell");
        let mut tree = Tree::of(parent.id());
        let mut used = tree.look();
        let mut last = -1.0;
        // Until nothing more is burnt: the grandchild has ended.
        while used.cpu_seconds == 0.0 || used.cpu_seconds > last || tree.members(&all()).len() > 1 {
            last = used.cpu_seconds;
            std::thread::sleep(Duration::from_millis(50));
            used = tree.look();
        }
        assert!(used.cpu_seconds > 0.0 && used.peak_memory > 0, "{used:?}");
        let living = tree.living();
        assert_eq!(living.iter().map(|living| living.pid).collect::<Vec<_>>(), [parent.id()]);
        assert!(living[0].lives() && !Living { started: 0, ..living[0].clone() }.lives());
        assert!(tree.processes().iter().any(|process| process.name == "sh"), "{:?}", tree.processes());
        drop(parent.stdin.take());
        parent.wait().expect("it ends");
        assert!(!living[0].lives());
    }
}
