//! Carries out the plan's steps, one after another, and sees that each one struck. Each family of faults has a file of its own.

mod process;

use std::time::Duration;

use truecut_runtime::crash_point::{CrashAt, Strike};

use super::plan::{Comes, Fault, Plan, Step, When, comes};
use super::seen::Seen;
use super::subject::Subject;
use crate::failure::Failure;
use crate::history::{Event, Phase, Who};

/// How long the job may take to come to where a step waits for it, before the fault comes all the same.
const SETTLE: Duration = Duration::from_secs(10);
/// How long what follows a fault of this harness's own may take.
const GONE: Duration = Duration::from_secs(10);

/// The first coordinator is armed before it does anything: what it does before its first checkpoint is done once in a job's life.
pub(super) fn armed_from_the_start(plan: &Plan) -> Option<CrashAt> {
    let (who, point) = plan.steps.first()?.fault.point()?;
    let first = who == Who::Coordinator && comes(who, point) == Comes::PerCoordinator;
    let at = CrashAt { point: point.to_owned(), ordinal: 1, strike: Strike::Kill };
    first.then_some(at)
}

/// All that faults can be done to.
pub(super) struct Field<'a> {
    pub(super) subject: &'a mut Subject,
    /// The step that is carried out, from 1.
    step: u32,
    /// The attempt that the last fault may have ended.
    doomed: u64,
}

/// What came of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It struck, or its kills are counted by themselves.
    Done,
    /// It hit nothing.
    Missed(String),
}

/// Carries out all steps; `begin` is told the number of each before it, from 0. Returns early if the job ends.
pub(super) async fn strike(
    subject: &mut Subject,
    plan: &Plan,
    mut begin: impl FnMut(u64, &Seen),
) -> Result<(), Failure> {
    let mut field = Field { subject, step: 0, doomed: 0 };
    for step in &plan.steps {
        begin(field.step.into(), field.subject.seen());
        field.step += 1;
        field.wait_for(step).await?;
        if is_over(field.subject.seen()) {
            return field.tell(&step.fault, Phase::Missed, "the job was over before it");
        }
        field.doomed = field.subject.seen().attempt;
        match field.carry_out(step).await? {
            Outcome::Done => {}
            Outcome::Missed(why) => field.tell(&step.fault, Phase::Missed, &why)?,
        }
    }
    Ok(())
}

impl Field<'_> {
    async fn wait_for(&mut self, step: &Step) -> Result<(), Failure> {
        let doomed = self.doomed;
        let is_there = |seen: &Seen| match step.when {
            When::Checkpointed => seen.running && seen.checkpoints_of_attempt > 0,
            When::Running => seen.running,
            When::Recovering => seen.attempt > doomed,
            When::Now => true,
        };
        self.subject.pump(SETTLE, |seen| is_there(seen) || is_over(seen)).await?;
        self.pass(Duration::from_millis(step.after_ms)).await
    }

    async fn carry_out(&mut self, step: &Step) -> Result<Outcome, Failure> {
        match &step.fault {
            Fault::Kill { who } => self.kill(*who, step.draw).await,
            Fault::CrashPoint { point, ordinal, who } => {
                self.crash_point(*who, (point, *ordinal), step.draw).await
            }
            Fault::KillAll {} => self.kill_all().await,
            Fault::Pause { who, point, ordinal, asleep_ms } => {
                let at = point.as_deref().map(|point| (point, *ordinal));
                self.pause(*who, at, Duration::from_millis(*asleep_ms), step).await
            }
            Fault::Stop { who } => self.stop(*who, step).await,
            Fault::RestartJob {} => self.restart_job(step).await,
            Fault::Outage { point, ordinal, ms } => {
                let at = point.as_deref().map(|point| (point, *ordinal));
                self.outage(at, Duration::from_millis(*ms), step.draw).await
            }
        }
    }

    /// Lets time pass.
    async fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        self.subject.pump(time, is_over).await.map(drop)
    }

    fn tell(&self, fault: &Fault, phase: Phase, text: &str) -> Result<(), Failure> {
        let event =
            Event::Fault { step: self.step, fault: fault.name().to_owned(), phase, text: text.to_owned() };
        self.subject.record(event)
    }
}

fn is_over(seen: &Seen) -> bool {
    seen.ended.is_some()
}
