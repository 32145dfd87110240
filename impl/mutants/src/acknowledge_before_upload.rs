//! A checkpoint is acknowledged while the log of its transaction is being uploaded: a crash leaves a checkpoint without the log.

use truecut_core::{Batch, Effect, Input, Op, Outcome};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AcknowledgeBeforeUpload;

impl Interpose for AcknowledgeBeforeUpload {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if matches!(input, Input::Done { op: Op::Upload(_), outcome: Outcome::Uploaded }) {
            return Vec::new();
        }
        let mut effects = run(role, input);
        let uploads = effects.iter().filter_map(|effect| match effect {
            Effect::Start { op: op @ Op::Upload(_), .. } => Some(*op),
            _ => None,
        });
        for op in uploads.collect::<Vec<_>>() {
            effects.extend(run(role, Input::Done { op, outcome: Outcome::Uploaded }));
        }
        effects
    }
}
