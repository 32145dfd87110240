//! What is under way at a moment of a history, for those that want to strike a real job at the same one: operations that were
//! started, whether they have landed, and what each worker is to be told next.

use truecut_core::{Message, Op, Subtask};

use crate::action::Action;
use crate::lineage::Lineage;
use crate::model::JobModel;
use crate::state::State;
use crate::world::process::UnderWay;

/// An operation that was started and whose answer was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The subtask that waits for it; none of the coordinator's.
    pub subtask: Option<Subtask>,
    /// The operation.
    pub op: Op,
    /// It was done; only the answer is on its way.
    pub landed: bool,
}

/// What is under way on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineMoment {
    /// Its worker runs.
    pub alive: bool,
    /// What its subtasks wait for.
    pub pending: Vec<Pending>,
    /// What the coordinator sent and the worker has not taken, oldest first.
    pub orders: Vec<Message<Lineage>>,
    /// Records that its producers have on their way to Kafka.
    pub unsent: usize,
}

/// What is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What the coordinator waits for.
    pub coordinator: Vec<Pending>,
    /// The machines, by their place.
    pub machines: Vec<MachineMoment>,
}

impl State {
    /// What is under way now.
    pub fn moment(&self) -> Moment {
        let pending = |subtask, under_way: &UnderWay| Pending {
            subtask,
            op: under_way.op,
            landed: under_way.outcome.is_some(),
        };
        let machines = self.machines.iter().map(|machine| MachineMoment {
            alive: machine.head.alive,
            pending: machine
                .tasks()
                .iter()
                .flat_map(|task| task.ops.iter().map(|op| pending(Some(task.host.subtask), op)))
                .collect(),
            orders: machine.down.iter().cloned().collect(),
            unsent: machine
                .tasks()
                .iter()
                .flat_map(|task| task.lanes.values())
                .map(|lane| lane.records.len())
                .sum(),
        });
        Moment {
            coordinator: self.ops.iter().map(|under_way| pending(None, under_way)).collect(),
            machines: machines.collect(),
        }
    }
}

impl JobModel {
    /// The moment before each step of a history, and the one after its last.
    ///
    /// # Panics
    /// If a step is not possible.
    pub fn moments(&self, actions: &[Action]) -> Vec<Moment> {
        let mut state = self.begin();
        let mut moments = vec![state.moment()];
        for action in actions {
            let Some(after) = self.told(&state, action).1 else { break };
            state = after;
            moments.push(state.moment());
        }
        moments
    }
}
