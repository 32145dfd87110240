//! The operator captures its state only after it processed something from behind the barrier. The last checkpoint of a
//! job is left alone: nothing comes behind its barrier.

use truecut_core::{Batch, CheckpointName, Effect, Element, Input, Op, Request};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SnapshotAfterBarrierRelease {
    /// The snapshot that is put off.
    late: Option<CheckpointName>,
}

fn start<B, S>(name: CheckpointName) -> Effect<B, S> {
    Effect::Start { op: Op::Snapshot(name.id), request: Request::Snapshot(name) }
}

impl Interpose for SnapshotAfterBarrierRelease {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let effects = run(role, input);
        let last =
            effects.iter().any(|effect| matches!(effect, Effect::Emit(Element::Barrier { last: true, .. })));
        let mut out = Vec::new();
        for effect in effects {
            match effect {
                Effect::Start { request: Request::Snapshot(name), .. } if !last => {
                    out.extend(self.late.replace(name).map(start));
                }
                Effect::Process(batch) => {
                    out.push(Effect::Process(batch));
                    out.extend(self.late.take().map(start));
                }
                other => out.push(other),
            }
        }
        out
    }
}
