//! Replays all traces of a run through the protocol core, and checks that everything received was sent, and that what the world
//! answered is possible in the modelled world (`world`).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use truecut_model::StepShape;
use truecut_mutants::{Mutant, Mutated};
use truecut_runtime::trace::{Causality, Frame, Header, Reader, RoleId, TraceError, in_causal_order, replay};

use super::launches::{self, Launches, Place};

use crate::coverage::{Seen, Watched};
use crate::failure::Failure;
use crate::verdict::{Traces, Verdict};
use crate::world::{Circumstances, World, WorldFound};

/// Reasons that are told; more are only counted.
const TOLD_MAX: usize = 10;

/// Whose steps the recorded ones must be.
#[derive(Clone, Copy)]
enum Steps<'a> {
    /// Of what ran: the protocol, or a wrong one on purpose.
    WhatRan(Option<&'a str>),
    /// Of the protocol, whatever ran.
    TheProtocol,
}

/// Validates the traces in a directory. `mutant`: the wrong protocol that ran, on purpose.
///
/// # Errors
/// A trace can't be read at all. One that is damaged is a violation: it is not what a role wrote.
pub fn validate(
    directory: &Path,
    mutant: Option<&str>,
    circumstances: Circumstances,
) -> Result<Traces, Failure> {
    all(directory, Steps::WhatRan(mutant), circumstances)
}

/// Validates the traces in a directory by the protocol itself: those of a wrong one are rejected where it parts from the protocol.
///
/// # Errors
/// A trace can't be read at all.
pub fn validate_by_the_protocol(directory: &Path, circumstances: Circumstances) -> Result<Traces, Failure> {
    all(directory, Steps::TheProtocol, circumstances)
}

fn all(directory: &Path, steps: Steps<'_>, circumstances: Circumstances) -> Result<Traces, Failure> {
    let paths = list(directory)?;
    let mut replayed = Tally::default();
    for path in &paths {
        replayed.one(path, steps)?;
    }
    if replayed.rejections.is_empty() {
        let delivery = circumstances.delivery;
        let (mut launches, mut world) = (Launches::default(), World::new(circumstances));
        let visit = |header: &Header, frame: &Frame| {
            launches.visit(header, frame);
            world.visit(header, frame);
        };
        match in_causal_order(&paths, delivery, visit) {
            Ok(causality) => replayed.received(&causality),
            Err(error) => replayed.refuse(error)?,
        }
        replayed.answered(world.conclude());
        let missing = launches.not_among(&replayed.traced);
        replayed.gaps.extend(missing.into_iter().map(|role| format!("there is no trace of {role}")));
    }
    if replayed.coordinators == 0 {
        replayed.gaps.push(format!("there is no coordinator's trace in {}", directory.display()));
    }
    Ok(replayed.conclude())
}

/// The traces in a directory, by name.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::bad_data(format!(
            "can't read the traces in {}: {error}; name a run directory of `truecut chaos`",
            directory.display()
        ))
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "trace") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[derive(Default)]
struct Tally {
    events: u64,
    coordinators: u64,
    traced: BTreeSet<Place>,
    rejections: Vec<String>,
    gaps: Vec<String>,
    world: Option<WorldFound>,
    shapes: BTreeSet<StepShape>,
}

impl Tally {
    fn one(&mut self, path: &Path, steps: Steps<'_>) -> Result<(), Failure> {
        let reader = match Reader::open(path) {
            Ok(reader) => reader,
            Err(error) => return self.refuse(error),
        };
        let header = reader.header();
        if let Steps::WhatRan(mutant) = steps
            && header.mutant.as_deref() != mutant
        {
            let name = |mutant: Option<&str>| {
                mutant.map_or_else(|| "the core's own".to_owned(), |name| format!("`{name}`"))
            };
            let (ran, wanted) = (name(header.mutant.as_deref()), name(mutant));
            self.rejections
                .push(format!("{}: its protocol was {ran}, the run's was {wanted}", path.display()));
            return Ok(());
        }
        self.traced.insert(launches::place(header));
        if header.role == RoleId::Coordinator {
            self.coordinators += 1;
        }
        let wrong = match steps {
            Steps::WhatRan(mutant) => mutant.and_then(Mutant::from_name),
            Steps::TheProtocol => None,
        };
        let seen = Rc::<RefCell<Seen>>::default();
        let watched = Rc::clone(&seen);
        let build = |header: &Header| Watched {
            role: Mutated::new(header.construction.build(), wrong),
            seen: watched,
        };
        match replay(reader, build) {
            Ok(replayed) => {
                self.events += replayed.events;
                // Only steps of the protocol count, and only those that the role took.
                if replayed.divergence.is_none() && matches!(steps, Steps::WhatRan(None)) {
                    self.shapes.append(&mut seen.take().conclude(replayed.finished));
                }
                self.rejections.extend(replayed.divergence.map(|divergence| divergence.to_string()));
                Ok(())
            }
            Err(error) => self.refuse(error),
        }
    }

    fn refuse(&mut self, error: TraceError) -> Result<(), Failure> {
        match error {
            TraceError::Io { .. } => Err(Failure::environment(error.to_string())),
            TraceError::Invalid { .. } => {
                self.rejections.push(error.to_string());
                Ok(())
            }
        }
    }

    fn received(&mut self, causality: &Causality) {
        self.rejections.extend(causality.first.iter().map(ToString::to_string));
        if causality.unstamped > 0 {
            self.gaps.push(format!("{} messages do not say where they were sent", causality.unstamped));
        }
    }

    fn answered(&mut self, world: WorldFound) {
        self.rejections.extend(world.rejections.iter().cloned());
        self.gaps.extend(world.gaps.iter().cloned());
        self.world = Some(world);
    }

    fn conclude(self) -> Traces {
        let Self { events, rejections, gaps, world, shapes, .. } = self;
        let verdict = match (rejections.is_empty(), gaps.is_empty()) {
            (false, _) => Verdict::Violated,
            (true, false) => Verdict::Unknown,
            (true, true) => Verdict::Holds,
        };
        let mut reasons: Vec<String> = rejections.into_iter().chain(gaps).collect();
        reasons.truncate(TOLD_MAX);
        let shapes = shapes.iter().map(ToString::to_string).collect();
        Traces { events, verdict, reasons, world, shapes }
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
