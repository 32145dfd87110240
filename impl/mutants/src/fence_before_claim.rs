//! When an attempt has failed, its transactions are fenced at once, and only then is the next attempt claimed. What the
//! latest completed checkpoint lists is left alone. Which slots a sink may have opened is guessed.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{
    Attempt, Batch, CheckpointName, Effect, Head, HeadVersion, Input, Op, Request, Slot, Subtask,
    TransactionalId, Vertex,
};

use crate::interpose::{Interpose, Within, deployment, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FenceBeforeClaim {
    /// The attempt in force, and its sinks.
    attempt: Option<Attempt>,
    sinks: BTreeSet<Subtask>,
    /// What each stored checkpoint lists.
    lists: BTreeMap<CheckpointName, BTreeSet<TransactionalId>>,
    /// Being fenced.
    fencing: BTreeSet<TransactionalId>,
    /// The claim that waits for that.
    claim: Option<(HeadVersion, Head)>,
}

/// A transaction timeout that every broker allows.
const TIMEOUT_MS: u32 = 60_000;

/// Slots that a sink uses with one concurrent checkpoint.
const SLOTS: u16 = 3;

impl FenceBeforeClaim {
    fn watch<B, S>(&mut self, effect: &mut Effect<B, S>) {
        if let Effect::Start { request: Request::WriteCheckpoint(checkpoint), .. } = effect {
            let listed = checkpoint.committables().map(|committable| committable.id).collect();
            self.lists.insert(checkpoint.name, listed);
        }
        let Some(deployment) = deployment(effect) else { return };
        self.attempt = Some(deployment.attempt);
        let subtasks = deployment.tasks.iter().map(|task| task.subtask);
        self.sinks.extend(subtasks.filter(|subtask| subtask.vertex == Vertex::Sink));
    }

    /// Fences what the attempt in force may have opened.
    fn fence<B, S>(&mut self, head: &Head) -> Vec<Effect<B, S>> {
        let Some(attempt) = self.attempt.take() else { return Vec::new() };
        let listed = head.latest.and_then(|latest| self.lists.get(&latest)).cloned().unwrap_or_default();
        let ids = self.sinks.iter().flat_map(|sink| {
            (0..SLOTS).map(|slot| TransactionalId { attempt, subtask: sink.index, slot: Slot::new(slot) })
        });
        self.fencing = ids.filter(|id| !listed.contains(id)).collect();
        let start = |id: &TransactionalId| Effect::Start {
            op: Op::Fence(*id),
            request: Request::Fence { id: *id, timeout_ms: TIMEOUT_MS },
        };
        self.fencing.iter().map(start).collect()
    }
}

impl Interpose for FenceBeforeClaim {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        if let Input::Done { op: Op::Fence(id), .. } = &input
            && self.fencing.remove(id)
        {
            return match self.claim.take_if(|_| self.fencing.is_empty()) {
                Some((expected, head)) => {
                    vec![Effect::Start { op: Op::SwapHead, request: Request::SwapHead { expected, head } }]
                }
                None => Vec::new(),
            };
        }
        let mut out = Vec::new();
        for mut effect in run(role, input) {
            self.watch(&mut effect);
            match &effect {
                Effect::Start { request: Request::SwapHead { expected, head }, .. }
                    if self.attempt.is_some_and(|attempt| attempt < head.attempt) =>
                {
                    self.claim = Some((*expected, *head));
                    out.extend(self.fence(head));
                }
                _ => out.push(effect),
            }
        }
        out
    }
}
