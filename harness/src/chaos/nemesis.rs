//! Carries out the plan's kills, one after another, and sees that each one struck.

use std::time::Duration;

use super::plan::{Plan, PlannedKill};
use super::seen::Seen;
use super::subject::Subject;
use crate::failure::Failure;

/// How long the job may take to run again before the next kill comes all the same.
const SETTLE: Duration = Duration::from_secs(10);
/// How long an armed crash point may take to be reached.
const REACHED: Duration = Duration::from_secs(10);
/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// Kills as planned; `begin` is told the number of each kill before it, from 0. Returns early if the job ends.
pub(super) async fn strike(
    subject: &mut Subject,
    plan: &Plan,
    mut begin: impl FnMut(u64, &Seen),
) -> Result<(), Failure> {
    // Kills of an outage come on top of the planned ones.
    let mut extra = 0;
    for (number, kill) in (0..).zip(&plan.kills) {
        begin(number, subject.seen());
        let wanted = number + 1 + extra;
        match kill {
            PlannedKill::Random { after_checkpoint, after_ms, draw } => {
                let checkpoints = u64::from(*after_checkpoint);
                let settled = |seen: &Seen| seen.running && seen.checkpoints_of_attempt >= checkpoints;
                subject.pump(SETTLE, |seen| settled(seen) || is_over(seen)).await?;
                subject.pump(Duration::from_millis(*after_ms), is_over).await?;
                kill_one(subject, *draw, wanted).await?;
            }
            PlannedKill::CrashPoint { point, draw, .. } => {
                if plan.outage_ms > 0 {
                    subject.begin_outage();
                }
                at_crash_point(subject, point, *draw, wanted).await?;
                if plan.outage_ms > 0 {
                    extra += black_out(subject, Duration::from_millis(plan.outage_ms)).await?;
                }
            }
        }
        if is_over(subject.seen()) {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits until the armed worker has killed itself; kills it if it does not come to that.
async fn at_crash_point(subject: &mut Subject, point: &str, draw: u64, wanted: u64) -> Result<(), Failure> {
    if subject.pump(REACHED, |seen| seen.kills >= wanted || is_over(seen)).await? {
        return Ok(());
    }
    let seconds = REACHED.as_secs();
    subject.note(format!("{point} was not reached within {seconds} s; its worker is killed all the same"))?;
    // Otherwise it would strike later, out of turn.
    match subject.armed() {
        Some(armed) => kill_now(subject, armed, wanted).await,
        None => kill_one(subject, draw, wanted).await,
    }
}

fn is_over(seen: &Seen) -> bool {
    seen.ended.is_some()
}

/// Kills one of the workers that run subtasks: not the armed one, if there is another.
async fn kill_one(subject: &mut Subject, draw: u64, wanted: u64) -> Result<(), Failure> {
    let armed = subject.armed();
    let mut victims = subject.victims();
    if victims.len() > 1 {
        victims.retain(|pid| Some(*pid) != armed);
    }
    let count = u64::try_from(victims.len()).unwrap_or(1).max(1);
    let place = usize::try_from(draw % count).unwrap_or_default();
    match victims.get(place) {
        Some(pid) => kill_now(subject, *pid, wanted).await,
        None => Ok(()),
    }
}

/// Kills a worker and sees that it is gone.
async fn kill_now(subject: &mut Subject, pid: u32, wanted: u64) -> Result<(), Failure> {
    subject.kill(pid)?;
    subject.pump(GONE, |seen| seen.kills >= wanted || is_over(seen)).await?;
    Ok(())
}

/// Kills all other workers too and lets none come back for a while. Returns how many were killed.
async fn black_out(subject: &mut Subject, limit: Duration) -> Result<u64, Failure> {
    let before = subject.seen().kills;
    for pid in subject.all() {
        subject.kill(pid)?;
    }
    subject.pump(limit, is_over).await?;
    subject.end_outage()?;
    Ok(subject.seen().kills - before)
}
