//! The only loop body: take an input, step the core, perform what comes out, in order.
//!
//! An input is recorded before it is stepped, an effect before it is performed; so a trace that was cut short by a kill
//! still names everything that can have happened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use truecut_core::{Role, WorkerId};
use truecut_mutants::{Mutant, Mutated};

use crate::crash_point;
use crate::metrics::Observer;
use crate::records::Records;
use crate::store::StateHandle;
use crate::task::Stepped;
use crate::trace::{Construction, Header, RoleId, Stamp, TraceError, Writer};
use crate::types::Out;

/// How roles are hosted in this process.
#[derive(Clone, Debug, Default)]
pub struct Hosting {
    /// Directory of the traces; nothing is recorded without one.
    pub traces: Option<Arc<PathBuf>>,
    /// The wrong protocol to run in place of the core's: in chaos runs only.
    pub mutant: Option<Mutant>,
}

/// A role, its trace, and the effects of the step that it is in.
pub struct Driver {
    role: Mutated<Records, StateHandle>,
    id: RoleId,
    instance: u64,
    trace: Option<Writer>,
    effects: Vec<Out>,
    observer: Option<Observer>,
}

impl Driver {
    /// Builds a role and begins its trace. `worker` names it if it is a worker.
    ///
    /// # Errors
    /// The trace can't be created.
    pub fn new(hosting: &Hosting, construction: Construction, worker: WorkerId) -> Result<Self, TraceError> {
        let role = Mutated::new(construction.build(), hosting.mutant);
        let id = role_of(&construction, worker);
        let instance = instance();
        let mutant = hosting.mutant.map(|mutant| mutant.name().to_owned());
        let header = Header { role: id, instance, construction, mutant };
        let trace =
            hosting.traces.as_ref().map(|directory| Writer::create(&file(directory, id, instance), &header));
        Ok(Self {
            role,
            id,
            instance,
            trace: trace.transpose()?,
            effects: Vec::new(),
            observer: Observer::new(id),
        })
    }

    /// Steps one input. `perform` gets each effect with its stamp.
    pub fn step(&mut self, stepped: Stepped, mut perform: impl FnMut(Out, Stamp)) {
        let Stepped { input, stamp } = stepped;
        crash_point::before_step(&input);
        self.record(|trace| trace.input(&input, stamp));
        if let Some(observer) = &mut self.observer {
            observer.input(&input);
        }
        let mut effects = std::mem::take(&mut self.effects);
        self.role.step(input, &mut effects);
        for effect in effects.drain(..) {
            let point = crash_point::of_effect(&effect);
            let sequence = self.record(|trace| trace.effect(&effect));
            if let Some(observer) = &mut self.observer {
                observer.effect(&effect);
            }
            if let Some((name, _)) = point {
                crash_point::reached(name, "before");
            }
            perform(effect, Stamp { role: self.id, instance: self.instance, sequence });
            if let Some((name, place)) = point {
                crash_point::reached(name, place);
            }
        }
        self.effects = effects;
    }

    /// Ends the trace in good order.
    pub fn finish(mut self) {
        if let Some(Err(error)) = self.trace.take().map(Writer::finish) {
            tracing::error!(%error, "the trace was not finished");
        }
    }

    /// A job does not die of its trace: one that can't go on ends here, and its validation will miss the end.
    fn record(&mut self, record: impl FnOnce(&mut Writer) -> Result<u64, TraceError>) -> u64 {
        let Some(trace) = &mut self.trace else { return 0 };
        record(trace).unwrap_or_else(|error| {
            tracing::error!(%error, "the trace ends here");
            self.trace = None;
            0
        })
    }
}

/// The name of a role; a worker's is given.
fn role_of(construction: &Construction, worker: WorkerId) -> RoleId {
    match construction {
        Construction::Coordinator { .. } => RoleId::Coordinator,
        Construction::Worker => RoleId::Worker(worker),
        Construction::Subtask { attempt, task, .. } => {
            RoleId::Subtask { attempt: *attempt, subtask: task.subtask }
        }
    }
}

/// Tells this instance of a role from every other one of the run.
fn instance() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    u64::from(std::process::id()) << 32 | COUNT.fetch_add(1, Ordering::Relaxed)
}

fn file(directory: &Path, role: RoleId, instance: u64) -> PathBuf {
    let name = match role {
        RoleId::Coordinator => "coordinator".into(),
        RoleId::Worker(worker) => format!("worker-{}", worker.get()),
        RoleId::Subtask { attempt, subtask } => format!("attempt-{}-{subtask}", attempt.get()),
    };
    directory.join(format!("{name}-{instance:x}.trace"))
}
