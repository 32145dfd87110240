//! A worker launches subtasks: their roles, and the data channels between them.

use truecut_core::{AnyRole, Attempt, Deployment, Input, Subtask, Vertex};

use crate::lineage::Lineage;
use crate::step::{Step, Work};
use crate::world::process::Host;

/// Launches the tasks of a deployment on a machine, receivers first as the deployment lists them.
pub(crate) fn launch(step: &mut Step<'_>, place: usize, deployment: &Deployment<Lineage>) {
    let attempt = deployment.attempt;
    let mut begun = Vec::new();
    let job = step.scope.job();
    for task in deployment.tasks.clone() {
        let subtask = task.subtask;
        let role = AnyRole::of_task(&job, attempt, deployment.origin, deployment.drained_at(), task);
        let host = Host::new(attempt, subtask, role, step.mutant);
        step.state.machines[place].launch(host);
        if subtask.vertex == Vertex::Source {
            connect(step, place, deployment, subtask);
        }
        begun.push(subtask);
    }
    for subtask in begun {
        step.work.push_back(Work::Subtask(place, attempt, subtask, Input::Begin));
    }
}

/// Opens the channels from a source to all operators. The offer reaches the other worker at once: until it is accepted nothing
/// is taken from the channel, so that a late offer is a late receiver. A worker that is gone is never reached.
fn connect(step: &mut Step<'_>, place: usize, deployment: &Deployment<Lineage>, from: Subtask) {
    let attempt: Attempt = deployment.attempt;
    for to in (0..step.scope.operators).map(Subtask::operator) {
        let Some(receiver) = step.state.machine_of(deployment.worker_of(to)) else { continue };
        let same = receiver == place;
        step.state.network.open(attempt, from, to, same);
        if !same {
            step.work.push_back(Work::Worker(receiver, Input::ChannelOffered { attempt, from, to }));
        }
    }
}
