//! What every mutant is: a step around the role's own step, and what it may use for it.

use std::collections::VecDeque;

use truecut_core::{
    AnyRole, Attempt, Batch, CheckpointId, Committable, Deployment, Effect, Element, Input, Message, Order,
    Peer, Report, Request, Role, Slot, Snapshot, Subtask, TransactionalId,
};

/// The role that a mutant sits at.
pub(crate) struct Within<'a, B, S> {
    pub(crate) role: &'a mut AnyRole<S>,
    /// Records that the mutant holds back.
    pub(crate) shelf: &'a mut VecDeque<B>,
}

/// A mutant with what it remembers.
pub(crate) trait Interpose {
    /// Takes one input in place of the role, and says what is performed in place of the role's effects.
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>>;
}

/// The role's own step.
pub(crate) fn run<B: Batch, S: Clone>(role: &mut Within<'_, B, S>, input: Input<B, S>) -> Vec<Effect<B, S>> {
    let mut effects = Vec::new();
    role.role.step(input, &mut effects);
    effects
}

/// What the role would be told by the coordinator.
pub(crate) fn told<B, S>(attempt: Attempt, subtask: Subtask, order: Order) -> Input<B, S> {
    Input::Message { from: Peer::Coordinator, message: Message::ToSubtask { attempt, subtask, order } }
}

/// The order in an input that tells a subtask something.
pub(crate) fn order_in<B, S>(input: &Input<B, S>) -> Option<(Attempt, Order)> {
    match input {
        Input::Message { message: Message::ToSubtask { attempt, order, .. }, .. } => Some((*attempt, *order)),
        _ => None,
    }
}

/// An acknowledgement that is being sent.
pub(crate) struct Ack<'a, S> {
    pub(crate) attempt: Attempt,
    pub(crate) subtask: Subtask,
    pub(crate) checkpoint: CheckpointId,
    pub(crate) snapshot: &'a mut Snapshot<S>,
}

/// The acknowledgement in an effect, if it is one.
pub(crate) fn ack<B, S>(effect: &mut Effect<B, S>) -> Option<Ack<'_, S>> {
    match effect {
        Effect::Send {
            message:
                Message::FromSubtask { attempt, subtask, report: Report::Acknowledged { checkpoint, snapshot } },
            ..
        } => Some(Ack { attempt: *attempt, subtask: *subtask, checkpoint: *checkpoint, snapshot }),
        _ => None,
    }
}

/// The deployment in an effect, if it sends one.
pub(crate) fn deployment<B, S>(effect: &mut Effect<B, S>) -> Option<&mut Deployment<S>> {
    match effect {
        Effect::Send { message: Message::Deploy(deployment), .. } => Some(deployment),
        _ => None,
    }
}

/// What is being said to the coordinator.
pub(crate) fn says<B, S>(attempt: Attempt, subtask: Subtask, report: Report<S>) -> Effect<B, S> {
    Effect::Send { to: Peer::Coordinator, message: Message::FromSubtask { attempt, subtask, report } }
}

/// The report in an effect, if it makes one.
pub(crate) fn report<B, S>(effect: &Effect<B, S>) -> Option<(Attempt, Subtask, &Report<S>)> {
    match effect {
        Effect::Send { message: Message::FromSubtask { attempt, subtask, report }, .. } => {
            Some((*attempt, *subtask, report))
        }
        _ => None,
    }
}

/// The transactions that an acknowledgement lists, and its checkpoint.
pub(crate) fn listing<B, S>(effect: &mut Effect<B, S>) -> Option<(CheckpointId, &mut Vec<Committable>)> {
    let ack = ack(effect)?;
    match ack.snapshot {
        Snapshot::Sink(listed) => Some((ack.checkpoint, listed)),
        Snapshot::Source(_) | Snapshot::Operator(_) => None,
    }
}

/// The barrier in an input: its checkpoint, and whether it is the last.
pub(crate) fn barrier_in<B, S>(input: &Input<B, S>) -> Option<(CheckpointId, bool)> {
    match input {
        Input::Element { element: Element::Barrier { checkpoint, last }, .. } => Some((*checkpoint, *last)),
        _ => None,
    }
}

/// The slot whose flush an effect starts.
pub(crate) fn flush_in<B, S>(effect: &Effect<B, S>) -> Option<Slot> {
    match effect {
        Effect::Start { request: Request::Flush(slot), .. } => Some(*slot),
        _ => None,
    }
}

/// The transactional id that an effect initialises.
pub(crate) fn init_in<B, S>(effect: &Effect<B, S>) -> Option<TransactionalId> {
    match effect {
        Effect::Start { request: Request::InitProducer { id, .. }, .. } => Some(*id),
        _ => None,
    }
}
