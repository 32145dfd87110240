//! Is there a trace of every subtask that was launched? A subtask that died before it said anything is missed by nobody else.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::Effect;
use truecut_runtime::trace::{Event, Frame, Header, RoleId};

/// Launches, by process.
#[derive(Debug, Default)]
pub(super) struct Launches {
    /// Launches that are each worker's last frame so far: its process may have been killed in the middle of them.
    begun: BTreeMap<u64, Vec<RoleId>>,
    /// Subtasks that were launched for certain.
    launched: BTreeSet<Place>,
}

/// A process (the upper half of an instance) and a role in it.
pub(super) type Place = (u64, RoleId);

/// Whose trace this is.
pub(super) fn place(header: &Header) -> Place {
    (header.instance >> 32, header.role)
}

impl Launches {
    /// Takes in a frame, in the order of its trace.
    pub(super) fn visit(&mut self, header: &Header, frame: &Frame) {
        let (process, RoleId::Worker(_)) = place(header) else { return };
        let begun = self.begun.remove(&process).unwrap_or_default();
        self.launched.extend(begun.into_iter().map(|role| (process, role)));
        if let Event::Effect(Effect::Launch(deployment)) = &frame.event {
            let role = |subtask| RoleId::Subtask { attempt: deployment.attempt, subtask };
            let roles = deployment.tasks.iter().map(|task| role(task.subtask)).collect();
            self.begun.insert(process, roles);
        }
    }

    /// Subtasks that were launched and are not among these.
    pub(super) fn not_among(&self, traced: &BTreeSet<Place>) -> Vec<RoleId> {
        self.launched.difference(traced).map(|(_, role)| *role).collect()
    }
}
