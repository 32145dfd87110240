//! Checkpoints: triggered at the interval, collected, completed by the swap, notified only then.

use crate::alphabet::{Effect, Halt, Message, Op, Order, Peer, Reason, Report, Request, Timer};
use crate::coordinator::pending::{Acknowledged, Pending};
use crate::coordinator::store::Stored;
use crate::coordinator::{Coordinator, Phase};
use crate::id::{Attempt, CheckpointId, CheckpointName, Subtask, Vertex, WorkerId};
use crate::role::Effects;
use crate::snapshot::{Head, Snapshot};

impl<S: Clone> Coordinator<S> {
    /// Gives out the next checkpoint id.
    pub(super) fn give_out_name(&mut self) -> CheckpointName {
        let id = self.next;
        self.next = id.next();
        CheckpointName { attempt: self.attempt(), id }
    }

    pub(super) fn interval<B>(&mut self, out: &mut impl Effects<B, S>) {
        if self.is_running() {
            out.push(Effect::Arm(Timer::Interval));
            self.wanted = true;
            self.trigger_if_due(out);
        }
    }

    pub(super) fn min_pause_over<B>(&mut self, out: &mut impl Effects<B, S>) {
        self.pausing = false;
        self.trigger_if_due(out);
    }

    /// Triggers what is wanted and may begin: the last checkpoint of a job that stops, or the one of the interval.
    pub(super) fn trigger_if_due<B>(&mut self, out: &mut impl Effects<B, S>) {
        if !self.is_running() || self.pending.values().any(Pending::is_last) {
            return;
        }
        if self.stopping || self.is_at_end() {
            if self.pending.is_empty() {
                self.trigger(true, out);
            }
        } else if self.wanted
            && !self.pausing
            && self.pending.len() < usize::from(self.job.settings.max_concurrent)
        {
            self.trigger(false, out);
        }
    }

    fn trigger<B>(&mut self, last: bool, out: &mut impl Effects<B, S>) {
        self.wanted = false;
        let name = self.give_out_name();
        self.pending.insert(name.id, Pending::new(name, self.origin, last, self.job.subtasks()));
        out.push(Effect::Arm(Timer::Expiry(name.id)));
        self.order(
            Order::Trigger { checkpoint: name.id, last },
            |subtask| subtask.vertex == Vertex::Source,
            out,
        );
    }

    pub(super) fn subtask_says<B>(
        &mut self,
        attempt: Attempt,
        subtask: Subtask,
        report: Report<S>,
        out: &mut impl Effects<B, S>,
    ) {
        if attempt != self.attempt() || !matches!(self.phase, Phase::Deployed(_)) {
            return; // of an attempt that is over
        }
        match report {
            Report::Ready => self.ready(subtask, out),
            Report::Acknowledged { checkpoint, snapshot } => {
                self.acknowledged(checkpoint, subtask, snapshot, out)
            }
            Report::Declined(checkpoint) => {
                self.checkpoint_failed(checkpoint, Reason::Declined(checkpoint), out)
            }
            Report::AtEnd => self.at_end(subtask, out),
            Report::Drained => self.drained(subtask, out),
            Report::Lost { committable, fate } if !self.job.accept_loss => {
                let resume = self.latest();
                self.halt(Halt::DataLoss { committable, fate, resume }, out);
            }
            Report::Lost { .. } => {}
            Report::Failed(reason) => self.fail_attempt(reason, out),
        }
    }

    fn ready<B>(&mut self, subtask: Subtask, out: &mut impl Effects<B, S>) {
        let was_running = self.is_running();
        if let Phase::Deployed(deployed) = &mut self.phase {
            deployed.ready.insert(subtask);
        }
        if self.is_running() && !was_running {
            out.push(Effect::Arm(Timer::Interval));
            self.trigger_if_due(out);
        }
    }

    fn at_end<B>(&mut self, subtask: Subtask, out: &mut impl Effects<B, S>) {
        let Phase::Deployed(deployed) = &mut self.phase else { return };
        deployed.at_end.insert(subtask.index);
        self.trigger_if_due(out);
    }

    /// Whether every source of the deployed attempt has read its bounded input to the end.
    fn is_at_end(&self) -> bool {
        matches!(&self.phase, Phase::Deployed(deployed) if deployed.at_end.len() == usize::from(self.job.sources))
    }

    fn drained<B>(&mut self, subtask: Subtask, out: &mut impl Effects<B, S>) {
        let Phase::Deployed(deployed) = &mut self.phase else { return };
        deployed.drained.insert(subtask.index);
        if deployed.drained.len() == usize::from(self.job.operators) {
            self.lingering.completed(out);
        }
        self.finish_if_done(out);
    }

    /// The job ends when every sink has confirmed every commit, and nothing that dead attempts left is open: it would hide
    /// what is committed behind it from readers.
    pub(super) fn finish_if_done<B>(&mut self, out: &mut impl Effects<B, S>) {
        let Phase::Deployed(deployed) = &self.phase else { return };
        if deployed.drained.len() == usize::from(self.job.operators) && self.lingering.is_clean() {
            let latest = self.latest().expect("the last checkpoint is complete");
            self.halt(Halt::Finished(latest), out);
        }
    }

    fn acknowledged<B>(
        &mut self,
        id: CheckpointId,
        by: Subtask,
        snapshot: Snapshot<S>,
        out: &mut impl Effects<B, S>,
    ) {
        let Some(pending) = self.pending.get_mut(&id) else { return }; // complete, aborted or subsumed
        if let Acknowledged::Whole(checkpoint) = pending.acknowledge(by, snapshot) {
            out.push(Effect::Disarm(Timer::Expiry(id)));
            self.store(checkpoint, out);
        }
    }

    /// The head names the checkpoint: it is complete, and only now is anybody told.
    pub(super) fn completed<B>(&mut self, head: Head, what: Stored, out: &mut impl Effects<B, S>) {
        let Stored { last, needs } = what;
        let name = head.latest.expect("a completion names a checkpoint");
        self.failures = 0;
        self.restarts = 0;
        self.retain(needs, out);
        if last {
            self.ended = Some(name);
        }
        if matches!(self.phase, Phase::Loading) {
            return self.read(name, out); // the first checkpoint: where the job begins
        }
        if !matches!(self.phase, Phase::Deployed(_)) {
            return; // the attempt failed meanwhile; the next one restores it
        }
        self.pending.remove(&name.id);
        let newer = self.pending.split_off(&name.id);
        for subsumed in core::mem::replace(&mut self.pending, newer).into_keys() {
            self.aborted(subsumed, out);
        }
        self.order(Order::Completed(name.id), |_| true, out);
        self.lingering.completed(out);
        if self.job.settings.min_pause {
            self.pausing = true;
            out.push(Effect::Arm(Timer::MinPause));
        }
        if let Phase::Deployed(deployed) = &mut self.phase {
            deployed.after_last |= last; // nothing is triggered after it
        }
        self.trigger_if_due(out);
    }

    /// A checkpoint expired, was declined or could not be stored.
    pub(super) fn checkpoint_failed<B>(
        &mut self,
        id: CheckpointId,
        reason: Reason,
        out: &mut impl Effects<B, S>,
    ) {
        if self.store.is_completing(id) {
            return; // the head may name it by now
        }
        let Some(pending) = self.pending.remove(&id) else { return }; // complete or aborted already
        self.aborted(id, out);
        self.failures += 1;
        // After its barrier nothing flows any more, so that a job whose last checkpoint failed has to begin anew.
        if pending.is_last() || self.failures > self.job.settings.tolerable_failures {
            self.failures = 0;
            self.fail_attempt(reason, out);
        } else {
            self.trigger_if_due(out);
        }
    }

    fn aborted<B>(&mut self, id: CheckpointId, out: &mut impl Effects<B, S>) {
        self.whole.retain(|checkpoint| checkpoint.name.id != id);
        out.push(Effect::Disarm(Timer::Expiry(id)));
        self.order(Order::Aborted(id), |_| true, out);
        self.discard(id, out);
    }

    /// Keeps as many completed checkpoints as are wanted.
    fn retain<B>(&mut self, needs: CheckpointId, out: &mut impl Effects<B, S>) {
        self.retained.push_back(needs);
        let most = usize::from(self.job.settings.retained.max(1));
        if self.retained.len() > most {
            self.retained.drain(..self.retained.len() - most);
            let oldest = *self.retained.front().expect("at least one is kept");
            // No id below the latest is given out again: whatever is older is of a checkpoint that is not kept, or was never whole.
            out.push(Effect::Start { op: Op::DiscardBelow(oldest), request: Request::DiscardBelow(oldest) });
        }
    }

    /// A checkpoint that failed is not kept until the next one is complete: a full disk must not keep it from completing.
    pub(super) fn discard<B>(&self, id: CheckpointId, out: &mut impl Effects<B, S>) {
        let name = CheckpointName { attempt: self.attempt(), id };
        assert!(self.latest() != Some(name), "the latest checkpoint is kept");
        out.push(Effect::Start { op: Op::Discard(id), request: Request::Discard(name) });
    }

    /// Tells subtasks of the deployed attempt.
    fn order<B>(&self, order: Order, whom: impl Fn(Subtask) -> bool, out: &mut impl Effects<B, S>) {
        let Phase::Deployed(deployed) = &self.phase else { return };
        let attempt = self.attempt();
        for (slot, worker) in (0..).zip(&deployed.placement) {
            for subtask in self.job.subtasks_of_slot(slot).into_iter().filter(|subtask| whom(*subtask)) {
                let message = Message::ToSubtask { attempt, subtask, order };
                out.push(Effect::Send { to: Peer::Worker(*worker), message });
            }
        }
    }

    /// Tells every worker that the coordinator lives, and what is complete.
    pub(super) fn heartbeat<B>(&self, out: &mut impl Effects<B, S>) {
        let attempt = self.head.map_or(Attempt::new(0), |head| head.attempt);
        let latest = self.latest().map(|name| name.id);
        for worker in self.workers.keys() {
            out.push(Effect::Send {
                to: Peer::Worker(*worker),
                message: Message::Heartbeat { attempt, latest },
            });
        }
        out.push(Effect::Arm(Timer::Heartbeat));
    }

    pub(super) fn silent<B>(&mut self, worker: WorkerId, out: &mut impl Effects<B, S>) {
        self.lingering.haunt();
        out.push(Effect::Disconnect(worker));
        self.worker_lost(worker, out);
    }
}
