//! A notification commits all that is pre-committed, also for a later checkpoint that is under way.

use truecut_core::{Batch, CheckpointId, Effect, Input, Message, Order};

use crate::interpose::{Interpose, Within, ack, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CommitAllWhenTold {
    /// The newest checkpoint that it acknowledged.
    newest: Option<CheckpointId>,
}

impl Interpose for CommitAllWhenTold {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        mut input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Message { message: Message::ToSubtask { order: Order::Completed(id), .. }, .. } =
            &mut input
        {
            *id = self.newest.map_or(*id, |newest| newest.max(*id));
        }
        let mut effects = run(role, input);
        let acknowledged = effects.iter_mut().filter_map(|effect| ack(effect).map(|ack| ack.checkpoint));
        self.newest = acknowledged.max().max(self.newest);
        effects
    }
}
