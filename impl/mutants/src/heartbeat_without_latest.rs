//! Heartbeats say that the coordinator lives, and not what is complete: a notification that was lost stays lost.

use truecut_core::{Batch, Effect, Input, Message};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HeartbeatWithoutLatest;

impl Interpose for HeartbeatWithoutLatest {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for effect in &mut effects {
            if let Effect::Send { message: Message::Heartbeat { latest, .. }, .. } = effect {
                *latest = None;
            }
        }
        effects
    }
}
