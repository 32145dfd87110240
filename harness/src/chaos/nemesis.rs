//! Carries out the plan's kills and pauses, one after another, and sees that each one struck.

use std::time::Duration;

use super::plan::{Plan, PlannedKill, PlannedPause};
use super::seen::Seen;
use super::subject::Subject;
use crate::failure::Failure;
use crate::history::Who;

/// How long the job may take to run again before the next kill comes all the same.
const SETTLE: Duration = Duration::from_secs(10);
/// How long an armed crash point may take to be reached.
const REACHED: Duration = Duration::from_secs(10);
/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(10);
/// How long a zombie may take to find out that it is one.
const AWAKE: Duration = Duration::from_secs(15);
/// So soon everything that a process said before it was paused has been read.
const HEARD: Duration = Duration::from_millis(100);

/// Kills as planned; `begin` is told the number of each kill before it, from 0. Returns early if the job ends.
pub(super) async fn strike(
    subject: &mut Subject,
    plan: &Plan,
    mut begin: impl FnMut(u64, &Seen),
) -> Result<(), Failure> {
    // Kills of an outage come on top of the planned ones.
    let mut extra = 0;
    for (number, kill) in (0..).zip(&plan.kills) {
        begin(number.into(), subject.seen());
        pause_all(subject, plan, number).await?;
        subject.begin_kill(number);
        let wanted = u64::from(number) + 1 + extra;
        match kill {
            PlannedKill::Random { after_checkpoint, after_ms, draw, who } => {
                let checkpoints = u64::from(*after_checkpoint);
                let settled = |seen: &Seen| seen.running && seen.checkpoints_of_attempt >= checkpoints;
                subject.pump(SETTLE, |seen| settled(seen) || is_over(seen)).await?;
                subject.pump(Duration::from_millis(*after_ms), is_over).await?;
                kill_one(subject, *who, *draw, wanted).await?;
            }
            PlannedKill::CrashPoint { point, draw, who, .. } => {
                let outage = plan.outage_ms > 0 && who.is_worker();
                if outage {
                    subject.begin_outage();
                }
                at_crash_point(subject, (*who, point), *draw, wanted).await?;
                if outage {
                    extra += black_out(subject, Duration::from_millis(plan.outage_ms)).await?;
                }
            }
        }
        if is_over(subject.seen()) {
            return Ok(());
        }
    }
    pause_all(subject, plan, plan.wanted.kills).await
}

/// The pauses before this kill.
async fn pause_all(subject: &mut Subject, plan: &Plan, before_kill: u32) -> Result<(), Failure> {
    for pause in plan.pauses.iter().filter(|pause| pause.before_kill == before_kill) {
        if is_over(subject.seen()) {
            return Ok(());
        }
        subject.pump(SETTLE, |seen| seen.running && seen.checkpoints_of_attempt > 0 || is_over(seen)).await?;
        subject.pump(Duration::from_millis(pause.after_ms), is_over).await?;
        match pause.who {
            Who::Worker => pause_worker(subject, pause).await?,
            Who::Coordinator => pause_coordinator(subject, pause).await?,
        }
    }
    Ok(())
}

/// Pauses a worker until the job runs without it; it must find out that it was given up, and end.
async fn pause_worker(subject: &mut Subject, pause: &PlannedPause) -> Result<(), Failure> {
    let Some(pid) = choose(subject, pause.draw) else { return Ok(()) };
    let (who, number) = subject.name_of(pid);
    subject.pause(pid)?;
    // Another attempt is not enough: it may have failed for another reason, and still count on this worker.
    subject.pump(SETTLE, |seen| seen.lost.contains(&pid) || is_over(seen)).await?;
    subject.pump(SETTLE, |seen| seen.running || is_over(seen)).await?;
    come_back(subject, (who, number, pid), pause).await
}

/// Pauses the coordinator; another one takes over and completes a checkpoint. The paused one must find out, and end.
async fn pause_coordinator(subject: &mut Subject, pause: &PlannedPause) -> Result<(), Failure> {
    let pid = subject.coordinator();
    let (who, number) = subject.name_of(pid);
    subject.pause(pid)?;
    subject.pump(HEARD, is_over).await?;
    if is_over(subject.seen()) || subject.coordinator() != pid {
        return Ok(()); // it was dead, or done, when it was paused
    }
    let attempt = subject.seen().attempt;
    subject.supplant().await?;
    let goes_on = |seen: &Seen| seen.attempt > attempt && seen.running && seen.checkpoints_of_attempt > 0;
    subject.pump(SETTLE, |seen| goes_on(seen) || is_over(seen)).await?;
    come_back(subject, (who, number, pid), pause).await
}

async fn come_back(
    subject: &mut Subject,
    zombie: (Who, u32, u32),
    pause: &PlannedPause,
) -> Result<(), Failure> {
    subject.pump(Duration::from_millis(pause.asleep_ms), is_over).await?;
    let ended = subject.seen().zombies_ended;
    subject.resume(zombie)?;
    // Also when the job is over: a zombie outlives it, and must not do any harm then either.
    if !subject.pump(AWAKE, |seen| seen.zombies_ended > ended).await? {
        let ((who, number, _), seconds) = (zombie, AWAKE.as_secs());
        subject.note(format!("{who} {number} came back as a zombie and did not end within {seconds} s"))?;
    }
    Ok(())
}

/// Waits until the armed process has killed itself; kills it if it does not come to that.
async fn at_crash_point(
    subject: &mut Subject,
    (who, point): (Who, &str),
    draw: u64,
    wanted: u64,
) -> Result<(), Failure> {
    if subject.pump(REACHED, |seen| seen.kills >= wanted || is_over(seen)).await? {
        return Ok(());
    }
    let seconds = REACHED.as_secs();
    subject.note(format!("{point} was not reached within {seconds} s; its {who} is killed all the same"))?;
    // Otherwise it would strike later, out of turn.
    match subject.armed() {
        Some(armed) => kill_now(subject, armed, wanted).await,
        None => kill_one(subject, who, draw, wanted).await,
    }
}

fn is_over(seen: &Seen) -> bool {
    seen.ended.is_some()
}

/// Kills the coordinator, or one of the workers that run subtasks.
async fn kill_one(subject: &mut Subject, who: Who, draw: u64, wanted: u64) -> Result<(), Failure> {
    let victim = match who {
        Who::Worker => choose(subject, draw),
        Who::Coordinator => Some(subject.coordinator()),
    };
    match victim {
        Some(pid) => kill_now(subject, pid, wanted).await,
        None => Ok(()),
    }
}

/// One of the workers that run subtasks: not the armed one, if there is another.
fn choose(subject: &Subject, draw: u64) -> Option<u32> {
    let armed = subject.armed();
    let mut victims = subject.victims();
    if victims.len() > 1 {
        victims.retain(|pid| Some(*pid) != armed);
    }
    let count = u64::try_from(victims.len()).unwrap_or(1).max(1);
    victims.get(usize::try_from(draw % count).unwrap_or_default()).copied()
}

/// Kills a process and sees that it is gone.
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
