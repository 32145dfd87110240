//! The head of the checkpoint store: a register that changes by compare-and-set. Each version has one author; what was read stays
//! read; a swap that nobody heard of may have landed, or may still.

use std::collections::HashMap;

use truecut_core::{Head, Op, Outcome};

use super::{Answered, Asked, Impossible, Trace};

/// What became of an attempt to write a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    /// It has landed, has not, or lands later.
    Unknown,
    Landed,
    NotDone,
}

#[derive(Clone, Copy, Debug)]
struct Try {
    trace: Trace,
    head: Head,
    fate: Fate,
}

impl Try {
    fn may_have_landed(&self) -> bool {
        self.fate != Fate::NotDone
    }
}

/// A version of the head.
#[derive(Clone, Debug, Default)]
struct Version {
    /// What it certainly is.
    head: Option<Head>,
    tries: Vec<Try>,
}

/// An operation under way.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    /// The head certainly had this version, or a later one, before it began.
    floor: u64,
    /// The version that a swap tries to write.
    tries: Option<u64>,
}

/// The head.
#[derive(Debug, Default)]
pub(super) struct HeadRegister {
    versions: HashMap<u64, Version>,
    /// The head certainly has this version, or a later one.
    known: u64,
    under_way: HashMap<Trace, UnderWay>,
}

impl HeadRegister {
    pub(super) fn started(&mut self, trace: Trace, asked: &Asked) {
        let floor = self.known;
        if let Asked::SwapHead { expected, head } = asked {
            let version = expected.next().get();
            let new = Try { trace, head: *head, fate: Fate::UnderWay };
            self.versions.entry(version).or_default().tries.push(new);
            self.under_way.insert(trace, UnderWay { floor, tries: Some(version) });
        } else if *asked == Asked::ReadHead {
            self.under_way.insert(trace, UnderWay { floor, tries: None });
        }
    }

    pub(super) fn over(&mut self, trace: Trace) {
        if let Some(UnderWay { tries: Some(version), .. }) = self.under_way.remove(&trace) {
            self.settle(trace, version, Fate::Unknown);
        }
    }

    pub(super) fn answered(
        &mut self,
        trace: Trace,
        op: Op,
        answered: &Answered,
        process: impl Fn(Trace) -> u64,
    ) -> Result<(), Impossible> {
        if !matches!(op, Op::ReadHead | Op::SwapHead) {
            return Ok(());
        }
        let Some(UnderWay { floor, tries }) = self.under_way.remove(&trace) else { return Ok(()) };
        match (tries, answered) {
            (Some(version), Outcome::Swapped) => self.swapped(trace, version, floor, process),
            (Some(version), Outcome::Conflict) => self.conflict(trace, version),
            (Some(version), Outcome::Failed { .. }) => {
                self.settle(trace, version, Fate::NotDone);
                Ok(())
            }
            (Some(version), _) => {
                self.settle(trace, version, Fate::Unknown);
                Ok(())
            }
            (None, Outcome::Head { version, head }) => self.read(version.get(), *head, floor),
            (None, _) => Ok(()),
        }
    }

    fn swapped(
        &mut self,
        trace: Trace,
        version: u64,
        floor: u64,
        process: impl Fn(Trace) -> u64,
    ) -> Result<(), Impossible> {
        let what = || format!("version {version} of the head was swapped in");
        let entry = self.versions.entry(version).or_default();
        let author = entry.tries.iter().find(|one| one.fate == Fate::Landed).copied();
        if let Some(author) = author {
            let (first, second) = (process(author.trace), process(trace));
            let what = format!(
                "version {version} of the head was swapped in by two coordinators, processes {first} and {second}"
            );
            return Err(Impossible::new(what, "one author of each version"));
        }
        let ours = self.settle(trace, version, Fate::Landed);
        if floor >= version {
            return Err(Impossible::new(
                what(),
                format!("a conflict, as the head had version {floor} before"),
            ));
        }
        if !self.may_exist(version - 1) {
            let allowed = format!("a conflict, as nobody wrote version {}", version - 1);
            return Err(Impossible::new(what(), allowed));
        }
        self.known = self.known.max(version);
        let entry = self.versions.entry(version).or_default();
        match (entry.head, ours) {
            (Some(head), Some(ours)) if head != ours => Err(Impossible::new(
                what(),
                format!("a conflict, as that version was read as {}", tell(&head)),
            )),
            (_, ours) => {
                entry.head = ours.or(entry.head);
                Ok(())
            }
        }
    }

    fn conflict(&mut self, trace: Trace, version: u64) -> Result<(), Impossible> {
        self.settle(trace, version, Fate::NotDone);
        if self.known >= version || self.may_exist(version) {
            return Ok(());
        }
        let what = format!("the swap to version {version} of the head met another one");
        Err(Impossible::new(what, "no other: nobody else tried to write one"))
    }

    fn read(&mut self, version: u64, head: Option<Head>, floor: u64) -> Result<(), Impossible> {
        let what = || match &head {
            Some(head) => format!("version {version} of the head was read as {}", tell(head)),
            None => format!("version {version} of the head was read as absent"),
        };
        if version < floor {
            return Err(Impossible::new(
                what(),
                format!("version {floor} or a later one, which was known before"),
            ));
        }
        let Some(head) = head else {
            return if version == 0 {
                Ok(())
            } else {
                Err(Impossible::new(what(), "a head of that version"))
            };
        };
        let entry = self.versions.entry(version).or_default();
        let written = entry.tries.iter().any(|one| one.head == head && one.may_have_landed());
        match entry.head {
            Some(known) if known != head => Err(Impossible::new(what(), format!("it as {}", tell(&known)))),
            None if !written => {
                Err(Impossible::new(what(), "only a head that somebody wrote as that version"))
            }
            Some(_) | None => {
                entry.head = Some(head);
                self.known = self.known.max(version);
                Ok(())
            }
        }
    }

    fn may_exist(&self, version: u64) -> bool {
        let written = |entry: &Version| entry.head.is_some() || entry.tries.iter().any(Try::may_have_landed);
        version == 0 || version <= self.known || self.versions.get(&version).is_some_and(written)
    }

    /// Says what became of the latest try of a coordinator. Gives what it wrote.
    fn settle(&mut self, trace: Trace, version: u64, fate: Fate) -> Option<Head> {
        let tries = &mut self.versions.entry(version).or_default().tries;
        let ours = tries.iter_mut().rev().find(|one| one.trace == trace && one.fate == Fate::UnderWay)?;
        ours.fate = fate;
        Some(ours.head)
    }
}

fn tell(head: &Head) -> String {
    let latest = head.latest.map_or_else(|| "no checkpoint".to_owned(), |name| format!("checkpoint {name}"));
    format!("attempt {} with {latest} (token {})", head.attempt, head.token)
}
