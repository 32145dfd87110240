//! Every move of the adversary in a counterexample, as a fault of a plan; and what only makes its outcome visible: a checkpoint that
//! holds too much or too little shows when it is restored, so that a kill follows where the counterexample ends before one.

use truecut_core::{Committable, Op, TransactionalId};
use truecut_model::{Action, KafkaStep, Late, Moment};
use truecut_proxy::{Action as Does, ClientSees, Occurrence, Rule, Side};

use super::setting::{SHORT_CHECKPOINT_MS, SHORT_ID_MS, SHORT_TRANSACTION_MS};
use super::{Derived, Impossible, place};
use crate::chaos::{Fault, Step, Until, When};
use crate::history::Who;

/// Kafka looks for what is over once a second; a machine under load takes its time, too.
const MARGIN_MS: u64 = 2_500;
/// A zombie comes back so long after the others have gone on without it, ms.
const ASLEEP_MS: u64 = 500;
/// A late acknowledgement comes so long after its checkpoint was given up, ms.
const LATE_MS: u64 = 200;
/// Some checkpoints complete in so long while a commit is kept back, ms.
const OVERTAKEN_MS: u64 = 400;
/// Kafka's requests in a store's fault last so long, ms.
const STORE_MS: u64 = 1_000;

const NO_LOST_STORE: &str = "the checkpoint store is a directory of this machine: what it did not do when it answered, or failed to, it does not do later";
const NO_CHANNEL: &str = "a data channel between two workers that live: no fault of a plan reaches it";
const NO_FAILURE: &str = "the function of the job fails on no record, and a plan can't make it";
const NO_LAUNCH: &str = "subtasks can always be started on a worker that lives, and a plan can't prevent it";

/// Properties that a checkpoint breaks: a reader sees it once that checkpoint is restored.
const OF_CHECKPOINTS: &[&str] = &[
    "no_loss",
    "consistent_cut",
    "no_early_visibility",
    "all_or_nothing",
    "completion_is_monotone",
    "restore_is_latest",
    "offsets_follow_checkpoints",
];

/// A counterexample on its way to become a plan.
pub(super) struct Walk<'a> {
    actions: &'a [Action],
    moments: &'a [Moment],
    violates: &'a str,
    seed: u64,
}

/// What has become of it.
#[derive(Default)]
struct Made {
    /// Requests that are kept back from before the first other fault.
    holds: Vec<Step>,
    steps: Vec<Step>,
    derived: Vec<Derived>,
    /// The job was asked to end, and no fault has come since.
    ending: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(actions: &'a [Action], moments: &'a [Moment], violates: &'a str, seed: u64) -> Self {
        Self { actions, moments, violates, seed }
    }

    /// Whether Kafka ends transactions on its own, after which a job may be over: the moves come once.
    pub(super) fn comes_once(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::TimeOut(_)))
    }

    pub(super) fn steps(&self) -> Result<(Vec<Step>, Vec<Derived>), Impossible> {
        let mut made = Made::default();
        for (at, action) in self.actions.iter().enumerate() {
            self.take(at, action, &mut made)?;
        }
        if self.shows_only_when_restored() {
            self.reveal(&mut made);
        } else if made.ending {
            self.push(&mut made, self.actions.len(), When::Checkpointed, Fault::RestartJob {});
        }
        let Made { holds, steps, derived, .. } = made;
        Ok((holds.into_iter().chain(steps).collect(), derived))
    }

    /// A step of the job, of Kafka or of a process that is already doomed needs no fault; any other becomes one.
    fn take(&self, at: usize, action: &Action, made: &mut Made) -> Result<(), Impossible> {
        let impossible = |why| Err(Impossible { step: at + 1, kind: action.kind().to_owned(), why });
        match action {
            Action::TakeReport(_)
            | Action::LoseWorker(_)
            | Action::LandCoordinator(_)
            | Action::AnswerCoordinator(_)
            | Action::TakeOrder(_)
            | Action::Fetch(..)
            | Action::Take(_)
            | Action::LandRecords(..)
            | Action::Land(..)
            | Action::Answer(..)
            | Action::Trigger
            | Action::Heartbeat
            | Action::LearnBroken(..)
            | Action::Vanish(..)
            | Action::LandFormer(_)
            | Action::AnswerFormer(_)
            | Action::Kafka(KafkaStep::WriteMarker(..) | KafkaStep::TimeOutAtLast(_)) => {}
            Action::Stop => made.ending = self.must_end(at),
            Action::Crash(machine, _) => self.crash(at, *machine, made),
            Action::GiveUp(machine) => {
                let point = place::of_worker(&self.moments[at], *machine, &self.actions[..at]);
                self.pause(at, Who::Worker, point, made);
            }
            Action::TakeOver => self.take_over(at, made),
            Action::Expire(_) => {
                // And what follows it on its connection: a message never overtakes another.
                let late = Does::Delay { ms: SHORT_CHECKPOINT_MS + LATE_MS };
                let rule = self.rule("acknowledge", Side::Request, late);
                self.push(made, at, When::Checkpointed, Fault::ControlMessage(rule));
            }
            Action::LoseNotification(_) => {
                let rule = self.rule("completed", Side::Response, Does::Drop { close_after_ms: None });
                self.push(made, at, When::Checkpointed, Fault::ControlMessage(rule));
            }
            Action::TimeOut(id) => self.time_out(at, *id, made),
            Action::LoseAnswer(machine, _, subtask, op) => {
                let mut pending = self.moments[at].machines[*machine].pending.iter();
                let landed = pending.any(|it| it.subtask == Some(*subtask) && it.op == *op && it.landed);
                self.lose_answer(at, *op, landed, made);
            }
            Action::LandOrphan(orphan) => self.land_orphan(at, orphan, made),
            Action::Kafka(KafkaStep::Land(late)) => self.land_late(at, late, made),
            Action::Kafka(KafkaStep::Forget(_)) => self.forget(at, made),
            Action::RefuseStore(_) => {
                self.push(made, at, When::Checkpointed, Fault::StoreReadOnly { ms: STORE_MS });
            }
            Action::LoseStore(_) | Action::LandStray(_) => return impossible(NO_LOST_STORE),
            Action::BreakChannel(_) => return impossible(NO_CHANNEL),
            Action::FailTask(..) => return impossible(NO_FAILURE),
            Action::FailLaunch(..) => return impossible(NO_LAUNCH),
        }
        Ok(())
    }

    /// Whether the job is to end where the counterexample asks it to. Its last checkpoint is often no more than the shortest way to one
    /// more: where other moves follow, every other try has them strike while the job runs on, and what is kept on its way always.
    fn must_end(&self, at: usize) -> bool {
        let after = &self.actions[at..];
        let is_kept =
            after.iter().any(|it| matches!(it, Action::LandOrphan(_) | Action::Kafka(KafkaStep::Land(_))));
        let moves =
            |it: &Action| matches!(it, Action::Crash(..) | Action::TimeOut(_) | Action::LoseAnswer(..));
        !is_kept && (self.seed.is_multiple_of(2) || !after.iter().any(moves))
    }

    fn crash(&self, at: usize, machine: usize, made: &mut Made) {
        let when = self.when(at);
        if self.orphan_of(at, machine).is_some() {
            // Whoever sent what is kept back waits for its answer: it is killed just then.
            let hold = self.hold("EndTxn", ClientSees::Silence, None);
            self.push(made, at, when, hold);
            return self.push_after(made, at, (When::Now, 0), Fault::Kill { who: Who::Worker });
        }
        let point = place::of_worker(&self.moments[at], machine, &self.actions[..at]);
        let away_ms = self.away_ms(at);
        let fault = match (point, away_ms) {
            (point, 1..) => Fault::Outage { point, ordinal: self.ordinal(), ms: away_ms },
            (Some(point), 0) => Fault::CrashPoint { point, ordinal: self.ordinal(), who: Who::Worker },
            (None, 0) => Fault::Kill { who: Who::Worker },
        };
        self.push(made, at, when, fault);
    }

    /// How long the workers stay away after this crash, ms: until Kafka has ended, or forgotten, what it does before they do anything.
    #[expect(clippy::wildcard_enum_match_arm, reason = "few moves need an outage")]
    fn away_ms(&self, crash: usize) -> u64 {
        let after =
            self.actions[crash + 1..].iter().take_while(|action| !matches!(action, Action::Crash(..)));
        let away = after.map(|action| match action {
            Action::TimeOut(_) => u64::from(SHORT_TRANSACTION_MS) + MARGIN_MS,
            Action::Kafka(KafkaStep::Forget(_)) => u64::from(SHORT_ID_MS) + MARGIN_MS,
            _ => 0,
        });
        away.max().unwrap_or(0)
    }

    fn take_over(&self, at: usize, made: &mut Made) {
        let point = place::of_coordinator(&self.moments[at], &self.actions[..at]);
        let lives_on =
            self.actions[at..].iter().any(|it| matches!(it, Action::LandFormer(_) | Action::AnswerFormer(_)));
        if lives_on {
            return self.pause(at, Who::Coordinator, point, made);
        }
        self.crash_coordinator(at, self.when(at), point, made);
    }

    fn crash_coordinator(&self, at: usize, when: When, point: Option<String>, made: &mut Made) {
        let who = Who::Coordinator;
        let fault = match point {
            Some(point) => Fault::CrashPoint { point, ordinal: self.ordinal(), who },
            None => Fault::Kill { who },
        };
        self.push(made, at, when, fault);
    }

    fn pause(&self, at: usize, who: Who, point: Option<String>, made: &mut Made) {
        let fault = Fault::Pause { who, point, ordinal: self.ordinal(), asleep_ms: ASLEEP_MS };
        self.push(made, at, self.when(at), fault);
    }

    /// Kafka aborts a transaction whose owner lives: what the owner waits for is late.
    fn time_out(&self, at: usize, id: TransactionalId, made: &mut Made) {
        if self.actions[..at].iter().any(|action| matches!(action, Action::Crash(..))) {
            // The outage that follows the crash is long enough.
            return self.derive(
                made,
                at,
                "the workers stay away for longer than Kafka lets a transaction live",
            );
        }
        let ms = u64::from(SHORT_TRANSACTION_MS) + MARGIN_MS;
        if at + 1 == self.actions.len() {
            let machine = 0;
            let point = place::of_worker(&self.moments[at], machine, &self.actions[..at]);
            return self.push(
                made,
                at,
                When::Checkpointed,
                Fault::Outage { point, ordinal: self.ordinal(), ms },
            );
        }
        let flushed = self.actions[..at].iter().rposition(|action| {
            matches!(action, Action::Answer(_, attempt, _, Op::Flush(slot)) if *attempt == id.attempt && *slot == id.slot)
        });
        let completed = flushed.is_some_and(|flushed| {
            self.actions[flushed..at]
                .iter()
                .any(|action| matches!(action, Action::LandCoordinator(Op::SwapHead)))
        });
        let (frame, side) = match (flushed, completed) {
            (Some(_), true) => ("completed", Side::Response),
            (Some(_), false) => ("acknowledge", Side::Request),
            (None, _) => ("trigger", Side::Response),
        };
        // The very next one: what is under way before the first counts as well.
        let rule = Rule { when: Occurrence::Nth(1), ..self.rule(frame, side, Does::Delay { ms }) };
        self.push(made, at, When::Checkpointed, Fault::ControlMessage(rule));
    }

    fn lose_answer(&self, at: usize, op: Op, landed: bool, made: &mut Made) {
        let frame = api_of(op);
        let lands_late = self.actions[at..].iter().any(
            |action| matches!((action, op), (Action::LandOrphan(orphan), Op::Commit(id)) if orphan.id == id),
        );
        if lands_late {
            let until = self.until(at, op);
            return self.push(made, at, self.when(at), self.hold(frame, ClientSees::Reset, until));
        }
        // By the model's count an initialisation that was asked for is done.
        let side = if landed || matches!(op, Op::InitProducer(_)) { Side::Response } else { Side::Request };
        let rule = self.rule(frame, side, Does::Drop { close_after_ms: Some(0) });
        self.push(made, at, self.when(at), Fault::KafkaApi(rule));
    }

    /// What is kept back while its sender lives is delivered when the next transaction of the same id is open; if its sender dies,
    /// when the plan says so.
    fn until(&self, sent: usize, op: Op) -> Option<Until> {
        let landing = self.actions[sent..].iter().position(
            |action| matches!((action, op), (Action::LandOrphan(orphan), Op::Commit(id)) if orphan.id == id),
        )?;
        let dies =
            self.actions[sent..sent + landing].iter().any(|action| matches!(action, Action::Crash(..)));
        (!dies).then(|| Until { frame: "Produce".to_owned(), side: Side::Response, nth: 1 })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few moves have a commit under way")]
    fn land_orphan(&self, at: usize, orphan: &Committable, made: &mut Made) {
        let is_delivered = (0..at).any(|before| match &self.actions[before] {
            Action::LoseAnswer(_, _, _, op @ Op::Commit(id)) if *id == orphan.id => {
                self.until(before, *op).is_some()
            }
            _ => false,
        });
        if is_delivered {
            return self.derive(made, at, "it is delivered when the next transaction of its id has records");
        }
        let is_kept = (0..at).any(|before| match &self.actions[before] {
            Action::Crash(machine, _) => self.orphan_of(before, *machine) == Some(orphan.id),
            Action::LoseAnswer(_, _, _, op @ Op::Commit(id)) if *id == orphan.id => {
                self.until(before, *op).is_none()
            }
            _ => false,
        });
        if is_kept {
            self.release(at, made);
        } else {
            self.derive(made, at, "what was sent last arrives by itself");
        }
    }

    /// The commit that a worker has under way when it crashes, if it arrives later.
    fn orphan_of(&self, crash: usize, machine: usize) -> Option<TransactionalId> {
        let under_way =
            self.moments[crash].machines[machine].pending.iter().filter(|pending| !pending.landed);
        let later = |id| {
            self.actions[crash..].iter().any(|it| matches!(it, Action::LandOrphan(orphan) if orphan.id == id))
        };
        under_way
            .filter_map(|pending| if let Op::Commit(id) = pending.op { Some(id) } else { None })
            .find(|id| later(*id))
    }

    /// A request that comes once more, or whose sender is gone: it is kept back from the beginning.
    fn land_late(&self, at: usize, late: &Late, made: &mut Made) {
        let (frame, client, until) = match late {
            Late::Init(_) => (
                "InitProducerId",
                ClientSees::Reset,
                Until { frame: "EndTxn".to_owned(), side: Side::Request, nth: 1 },
            ),
            Late::AddPartitions(..) => (
                "AddPartitionsToTxn",
                ClientSees::Reset,
                Until { frame: "EndTxn".to_owned(), side: Side::Response, nth: 1 },
            ),
            Late::Produce(..) => (
                "Produce",
                ClientSees::Reset,
                Until { frame: "EndTxn".to_owned(), side: Side::Response, nth: 1 },
            ),
        };
        let dies = self.actions[..at].iter().any(|action| matches!(action, Action::Crash(..)));
        if dies {
            let fault = self.hold(frame, client, None);
            self.derive(made, at, fault.name());
            made.holds.push(self.step((When::Checkpointed, self.after_ms()), fault));
            return self.release(at, made);
        }
        self.push(made, at, self.when(at), self.hold(frame, client, Some(until)));
    }

    fn release(&self, at: usize, made: &mut Made) {
        let crash =
            self.actions[..at].iter().rposition(|action| matches!(action, Action::Crash(..))).unwrap_or(0);
        let swaps = self.actions[crash..at]
            .iter()
            .filter(|action| matches!(action, Action::LandCoordinator(Op::SwapHead)));
        // A claim is taken together with the loss of the worker; a swap after that is a completed checkpoint.
        let when = if swaps.count() > 0 { When::Checkpointed } else { When::Recovering };
        self.push_after(made, at, (when, 0), Fault::Release {});
    }

    fn forget(&self, at: usize, made: &mut Made) {
        if self.actions[..at].iter().any(|action| matches!(action, Action::Crash(..))) {
            return self.derive(made, at, "the workers stay away for longer than Kafka remembers an id");
        }
        let rule =
            self.rule("EndTxn", Side::Response, Does::Delay { ms: u64::from(SHORT_ID_MS) + MARGIN_MS });
        self.push(made, at, self.when(at), Fault::KafkaApi(rule));
    }

    fn shows_only_when_restored(&self) -> bool {
        let fallen = self
            .actions
            .iter()
            .rposition(|it| matches!(it, Action::Crash(..) | Action::TakeOver | Action::GiveUp(_)));
        let writes = |it: &Action| matches!(it, Action::LandCoordinator(Op::WriteCheckpoint(_)));
        let is_new = fallen.is_none_or(|fallen| self.actions[fallen..].iter().any(writes));
        let is_away = matches!(self.actions.last(), Some(Action::TimeOut(_)));
        OF_CHECKPOINTS.contains(&self.violates) && is_new && !is_away
    }

    /// Kills whoever has something under way at the end, or the coordinator where only its memory is wrong.
    fn reveal(&self, made: &mut Made) {
        let (last, end) = (self.actions.len(), self.moments.last());
        let Some(end) = end else { return };
        let completes = |op: Op| matches!(op, Op::WriteCheckpoint(_) | Op::SwapHead);
        let is_coordinators = self.violates == "completion_is_monotone"
            || end.coordinator.iter().any(|pending| completes(pending.op));
        let when = self.when(last);
        if is_coordinators {
            let point = place::of_coordinator(end, self.actions);
            return self.crash_coordinator(last, when, point, made);
        }
        let alive = end.machines.iter().position(|machine| machine.alive).unwrap_or(0);
        if self.has_overtaken_commit(end, alive) {
            // It is kept back while the next checkpoints complete.
            let hold = self.hold("EndTxn", ClientSees::Silence, None);
            self.push(made, last, when, hold);
            return self.push_after(made, last, (When::Now, OVERTAKEN_MS), Fault::Kill { who: Who::Worker });
        }
        if matches!(self.actions.last(), Some(Action::LandCoordinator(Op::SwapHead))) {
            // The checkpoint is complete, and nobody has committed it.
            let point = "completed.received".to_owned();
            let fault = Fault::CrashPoint { point, ordinal: self.ordinal(), who: Who::Worker };
            return self.push(made, last, when, fault);
        }
        let fault = match place::of_worker(end, alive, self.actions) {
            Some(point) => Fault::CrashPoint { point, ordinal: self.ordinal(), who: Who::Worker },
            None => Fault::Kill { who: Who::Worker },
        };
        self.push(made, last, when, fault);
    }

    /// Whether a commit is under way although a checkpoint after that of its transaction is complete.
    fn has_overtaken_commit(&self, end: &Moment, machine: usize) -> bool {
        let under_way = end.machines[machine].pending.iter().filter(|pending| !pending.landed);
        let mut commits =
            under_way.filter_map(|pending| if let Op::Commit(id) = pending.op { Some(id) } else { None });
        commits.any(|id| {
            let flushed = self.actions.iter().rposition(|action| {
                matches!(action, Action::Answer(_, attempt, _, Op::Flush(slot)) if *attempt == id.attempt && *slot == id.slot)
            });
            let swaps = self.actions[flushed.unwrap_or(0)..]
                .iter()
                .filter(|action| matches!(action, Action::LandCoordinator(Op::SwapHead)));
            swaps.count() > 1
        })
    }

    /// In the middle of a recovery, if the counterexample has completed nothing since the last crash.
    fn when(&self, at: usize) -> When {
        let Some(fallen) = self.actions[..at].iter().rposition(|action| matches!(action, Action::Crash(..)))
        else {
            return When::Checkpointed;
        };
        let completes = |action: &Action| matches!(action, Action::LandCoordinator(Op::WriteCheckpoint(_)));
        if self.actions[fallen..at].iter().any(completes) { When::Running } else { When::Recovering }
    }

    fn ordinal(&self) -> u32 {
        1 + u32::try_from(self.seed % 3).unwrap_or(0)
    }

    fn after_ms(&self) -> u64 {
        50 + self.seed % 5 * 40
    }

    fn rule(&self, frame: &str, side: Side, action: Does) -> Rule {
        let when = Occurrence::Nth(self.ordinal().into());
        let frame = frame.to_owned();
        Rule { frame, side, when, client_id_prefix: None, transactional_id_contains: None, action }
    }

    fn hold(&self, frame: &str, client: ClientSees, until: Option<Until>) -> Fault {
        Fault::KafkaHold { frame: frame.to_owned(), nth: self.ordinal().into(), client, until }
    }

    fn step(&self, (when, after_ms): (When, u64), fault: Fault) -> Step {
        Step { when, after_ms, fault, draw: self.seed }
    }

    fn push(&self, made: &mut Made, at: usize, when: When, fault: Fault) {
        let after_ms = if when == When::Checkpointed { self.after_ms() } else { 0 };
        self.push_after(made, at, (when, after_ms), fault);
    }

    fn push_after(&self, made: &mut Made, at: usize, when: (When, u64), fault: Fault) {
        self.derive(made, at, fault.name());
        let ending = std::mem::take(&mut made.ending) && !matches!(fault, Fault::RestartJob {});
        let when = if ending { (When::Ending, when.1) } else { when };
        made.steps.push(self.step(when, fault));
    }

    fn derive(&self, made: &mut Made, at: usize, fault: &str) {
        let kind = self.actions.get(at).map_or("restore", Action::kind).to_owned();
        made.derived.push(Derived { step: at + 1, kind, fault: fault.to_owned() });
    }
}

/// The request to Kafka that an operation is.
fn api_of(op: Op) -> &'static str {
    match op {
        Op::Commit(_) => "EndTxn",
        Op::Describe(_) => "DescribeTransactions",
        Op::ListTransactions => "ListTransactions",
        Op::CommitOffsets => "OffsetCommit",
        Op::Flush(_) | Op::Rewrite(_) => "Produce",
        Op::ReadMarker => "Fetch",
        Op::ResolveStart => "ListOffsets",
        Op::InitProducer(_)
        | Op::Fence(_)
        | Op::ReadHead
        | Op::SwapHead
        | Op::ReadCheckpoint
        | Op::WriteCheckpoint(_)
        | Op::Discard(_)
        | Op::DiscardBelow(_)
        | Op::Restore
        | Op::Snapshot(_)
        | Op::Upload(_) => "InitProducerId",
    }
}
