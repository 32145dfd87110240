//! What every mutant is: a step around the role's own step.

use truecut_core::{
    AnyRole, Attempt, Batch, CheckpointId, Deployment, Effect, Input, Message, Order, Peer, Report, Role,
    Snapshot, Subtask,
};

/// A mutant with what it remembers.
pub(crate) trait Interpose {
    /// Takes one input in place of the role, and says what is performed in place of the role's effects.
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut AnyRole<S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>>;
}

/// The role's own step.
pub(crate) fn run<B: Batch, S: Clone>(role: &mut AnyRole<S>, input: Input<B, S>) -> Vec<Effect<B, S>> {
    let mut effects = Vec::new();
    role.step(input, &mut effects);
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
