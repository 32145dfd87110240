//! The coordinator takes any acknowledgement for one of the newest checkpoint: a late one of an aborted checkpoint fills
//! the place of the true one.

use truecut_core::{Batch, CheckpointId, Effect, Input, Message, Order, Report};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CountAcks {
    /// The newest checkpoint that was triggered.
    newest: Option<CheckpointId>,
}

impl Interpose for CountAcks {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut input = input;
        if let Input::Message {
            message: Message::FromSubtask { report: Report::Acknowledged { checkpoint, .. }, .. },
            ..
        } = &mut input
        {
            *checkpoint = self.newest.unwrap_or(*checkpoint);
        }
        let effects = run(role, input);
        for effect in &effects {
            if let Effect::Send {
                message: Message::ToSubtask { order: Order::Trigger { checkpoint, .. }, .. },
                ..
            } = effect
            {
                self.newest = Some(*checkpoint);
            }
        }
        effects
    }
}
