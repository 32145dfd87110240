//! Faults of the job's own processes: killed, paused, asked to end; at a moment, or at a crash point.

use std::time::Duration;

use truecut_proxy::{Action, Occurrence, Rule, Side};
use truecut_runtime::crash_point::{CrashAt, Strike};

use super::super::plan::{Comes, Step, comes};
use super::super::seen::Seen;
use super::{Field, GONE, Outcome, SETTLE, is_armed_from_the_start, is_over};
use crate::failure::Failure;
use crate::history::{KillAt, Phase, Who};

/// How long an armed crash point may take to be reached.
const REACHED: Duration = Duration::from_secs(10);
/// How long a zombie may take to find out that it is one.
const AWAKE: Duration = Duration::from_secs(15);
/// So soon everything that a process said before it was paused has been read.
const HEARD: Duration = Duration::from_millis(100);
/// How often a process is looked at that is to stop itself.
const LOOK: Duration = Duration::from_millis(5);
/// Where a worker dies so that a checkpoint lists a transaction that nobody has committed. Not where it hears of the checkpoint: a
/// heartbeat tells of the latest one too, which may be committed long since.
const UNCOMMITTED: At<'static> = ("commit.before", 1);
/// How long the job may take for its last checkpoint.
const LAST_CHECKPOINT: Duration = Duration::from_secs(60);

/// A crash point and the visit at which it strikes.
type At<'a> = (&'a str, u32);

impl Field<'_> {
    pub(super) async fn kill(&mut self, who: Who, draw: u64) -> Result<Outcome, Failure> {
        let Some(pid) = self.choose(who, draw) else { return Ok(nobody(who)) };
        self.kill_now(pid).await
    }

    /// Kills a process and sees that it is gone.
    async fn kill_now(&mut self, pid: u32) -> Result<Outcome, Failure> {
        let wanted = self.subject.seen().kills + 1;
        self.subject.kill(pid)?;
        let gone = self.subject.pump(GONE, |seen| seen.kills >= wanted || is_over(seen)).await?;
        Ok(if gone { Outcome::Done } else { Outcome::Missed(format!("process {pid} did not die")) })
    }

    /// A process, chosen among the workers that run subtasks if it is a worker.
    fn choose(&self, who: Who, draw: u64) -> Option<u32> {
        match who {
            Who::Coordinator => Some(self.subject.coordinator()),
            Who::Worker => {
                let victims = self.subject.victims();
                let count = u64::try_from(victims.len()).unwrap_or(1).max(1);
                victims.get(usize::try_from(draw % count).unwrap_or_default()).copied()
            }
        }
    }

    pub(super) async fn crash_point(&mut self, who: Who, at: At<'_>, draw: u64) -> Result<Outcome, Failure> {
        // Armed from the start, it may have struck by now.
        let from_start = self.step == 1 && is_armed_from_the_start(who, at.0);
        let struck = if from_start { 0 } else { self.subject.seen().struck };
        let pid =
            if from_start { self.choose(who, draw) } else { self.arm(who, at, Strike::Kill, draw).await? };
        let Some(pid) = pid else { return Ok(nobody(who)) };
        self.in_force().await;
        let is_hit = |seen: &Seen| seen.struck > struck;
        self.subject.pump(REACHED, |seen| is_hit(seen) || is_over(seen)).await?;
        let hit = is_hit(self.subject.seen());
        if comes(who, at.0) == Comes::AtEnd {
            self.subject.pump(LAST_CHECKPOINT, is_over).await?;
            self.go_on().await?;
        } else if !hit && !is_over(self.subject.seen()) {
            // Otherwise it would strike later, out of turn.
            self.kill_now(pid).await?;
        }
        self.come_back_all()?;
        self.subject.disarm_all().await;
        Ok(if hit { Outcome::Done } else { Outcome::Missed(format!("{} was not reached", at.0)) })
    }

    /// Arms a process for a crash point, and does what makes it come by. Returns the process.
    async fn arm(
        &mut self,
        who: Who,
        (point, ordinal): At<'_>,
        strike: Strike,
        draw: u64,
    ) -> Result<Option<u32>, Failure> {
        let at = CrashAt { point: point.to_owned(), ordinal, strike };
        let Some(pid) = self.choose(who, draw) else { return Ok(None) };
        let comes = comes(who, point);
        match comes {
            // They are armed before they do anything.
            Comes::PerCoordinator => self.subject.arm_next_coordinator(at),
            Comes::AfterOutage if who.is_worker() => self.subject.arm_next_workers(at),
            Comes::AtInputEnd => {}
            Comes::Steadily
            | Comes::PerAttempt
            | Comes::AtEnd
            | Comes::AfterOutage
            | Comes::AfterLostTrigger
            | Comes::OnSilence
            | Comes::OnLateDeployment
            | Comes::Rarely => self.subject.arm(pid, at).await?,
        }
        match comes {
            Comes::PerCoordinator => {
                self.kill_now(pid).await?;
                return Ok(Some(self.subject.coordinator()));
            }
            Comes::PerAttempt => self.make_restart(pid, draw).await?,
            Comes::AtEnd => self.subject.stop().await,
            Comes::AfterOutage => {
                self.all_away(Some(UNCOMMITTED), self.expires, draw).await?;
            }
            Comes::AfterLostTrigger => self.lose_a_trigger()?,
            Comes::OnSilence => self.silence_a_worker(draw)?,
            Comes::OnLateDeployment => self.deploy_late(pid).await?,
            Comes::Steadily | Comes::AtInputEnd | Comes::Rarely => {}
        }
        Ok(Some(pid))
    }

    /// One source does not hear of a checkpoint.
    fn lose_a_trigger(&self) -> Result<(), Failure> {
        self.rule_for_control("trigger", Action::Drop { close_after_ms: None })
    }

    /// A worker stops as it has begun to launch an attempt, and goes on when the others run the next one: it offers them channels
    /// of an attempt that is over.
    async fn deploy_late(&mut self, spared: u32) -> Result<(), Failure> {
        // One that has a part of the job is killed, so that it is deployed again; the others are those that it is deployed on.
        let Some(killed) = self.subject.victims().into_iter().find(|pid| *pid != spared) else {
            return Ok(());
        };
        let late = self.subject.all().into_iter().find(|pid| ![killed, spared].contains(pid));
        let Some(late) = late else { return Ok(()) };
        let at = CrashAt { point: "launch.after".to_owned(), ordinal: 1, strike: Strike::Pause };
        self.subject.arm(late, at).await?;
        self.kill_now(killed).await?;
        // Where a new worker was quicker to take its part, nothing is deployed on the late one.
        let since = tokio::time::Instant::now();
        while !is_stopped(late) && since.elapsed() < REACHED && !is_over(self.subject.seen()) {
            self.subject.pump(LOOK, is_over).await?;
        }
        self.subject.paused(late, KillAt::CrashPoint("launch.after".to_owned()))?;
        self.subject.pump(SETTLE, |seen| seen.lost.contains(&late) || is_over(seen)).await?;
        self.subject.pump(SETTLE, |seen| seen.running || is_over(seen)).await?;
        self.come_back_all()
    }

    fn rule_for_control(&self, frame: &str, action: Action) -> Result<(), Failure> {
        let rule = Rule {
            frame: frame.to_owned(),
            side: Side::Response,
            when: Occurrence::Nth(1),
            client_id_prefix: None,
            transactional_id_contains: None,
            action,
        };
        for proxy in self.network.control() {
            proxy.add(rule.clone()).map_err(|why| Failure::internal(why.to_string()))?;
        }
        Ok(())
    }

    /// A worker is stopped, and comes back when the fault is over.
    fn silence_a_worker(&mut self, draw: u64) -> Result<(), Failure> {
        match self.choose(Who::Worker, draw) {
            Some(pid) => self.subject.pause(pid),
            None => Ok(()),
        }
    }

    /// What was stopped only so that others notice goes on.
    fn come_back_all(&mut self) -> Result<(), Failure> {
        for zombie in self.subject.paused_workers() {
            self.subject.resume(zombie)?;
        }
        Ok(())
    }

    /// Kills a worker, but not this process, so that the job is deployed once more.
    async fn make_restart(&mut self, spared: u32, draw: u64) -> Result<(), Failure> {
        let others: Vec<u32> = self.subject.victims().into_iter().filter(|pid| *pid != spared).collect();
        let count = u64::try_from(others.len()).unwrap_or(1).max(1);
        match others.get(usize::try_from(draw / 7 % count).unwrap_or_default()) {
            Some(pid) => self.kill_now(*pid).await.map(drop),
            None => Ok(()),
        }
    }

    pub(super) async fn kill_all(&mut self) -> Result<Outcome, Failure> {
        let wanted = self.subject.seen().kills + 1;
        self.kill_everything()?;
        self.subject.pump(GONE, |seen| seen.kills >= wanted || is_over(seen)).await?;
        self.pass(HEARD).await?;
        Ok(Outcome::Done)
    }

    pub(super) fn kill_everything(&mut self) -> Result<(), Failure> {
        for pid in self.subject.all() {
            self.subject.kill(pid)?;
        }
        self.subject.kill(self.subject.coordinator())
    }

    pub(super) async fn stop(&mut self, who: Who, step: &Step) -> Result<Outcome, Failure> {
        let Some(pid) = self.choose(who, step.draw) else { return Ok(nobody(who)) };
        let stopped = self.subject.seen().stopped;
        self.subject.terminate(pid)?;
        if !self.subject.pump(GONE, |seen| seen.stopped > stopped || is_over(seen)).await? {
            return Ok(Outcome::Missed(format!("process {pid} did not end")));
        }
        self.tell(&step.fault, Phase::Struck, &format!("process {pid}, a {who}, has ended"))?;
        Ok(Outcome::Done)
    }

    pub(super) async fn restart_job(&mut self, step: &Step) -> Result<Outcome, Failure> {
        self.subject.stop().await;
        if !self.subject.pump(LAST_CHECKPOINT, is_over).await? {
            let seconds = LAST_CHECKPOINT.as_secs();
            return Ok(Outcome::Missed(format!("the job did not end within {seconds} s")));
        }
        self.tell(&step.fault, Phase::Struck, "the job has ended with a last checkpoint")?;
        self.go_on().await?;
        Ok(Outcome::Done)
    }

    /// A job that a step has asked to end comes to its end, and is started again.
    pub(super) async fn end_and_go_on(&mut self) -> Result<(), Failure> {
        if !self.ending {
            return Ok(());
        }
        self.in_force().await;
        self.subject.pump(LAST_CHECKPOINT, is_over).await?;
        self.go_on().await
    }

    /// Starts the job again if it has ended in good order.
    async fn go_on(&mut self) -> Result<(), Failure> {
        let ended_well = self.subject.seen().ended.as_ref().is_some_and(|ended| ended.exit_code == 0);
        if ended_well { self.subject.start_again().await } else { Ok(()) }
    }

    pub(super) async fn pause(
        &mut self,
        who: Who,
        at: Option<At<'_>>,
        asleep: Duration,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let pid = match at {
            Some(at) => match self.pause_at(who, at, step.draw).await? {
                Some(pid) => pid,
                None => return Ok(Outcome::Missed(format!("{} was not reached", at.0))),
            },
            None => {
                let Some(pid) = self.choose(who, step.draw) else { return Ok(nobody(who)) };
                self.subject.pause(pid)?;
                pid
            }
        };
        match who {
            Who::Worker => self.worker_is_away(pid, asleep).await,
            Who::Coordinator => self.coordinator_is_away(pid, asleep).await,
        }
    }

    /// A process stops itself at a crash point.
    async fn pause_at(&mut self, who: Who, at: At<'_>, draw: u64) -> Result<Option<u32>, Failure> {
        let Some(pid) = self.arm(who, at, Strike::Pause, draw).await? else { return Ok(None) };
        let since = tokio::time::Instant::now();
        while !is_stopped(pid) {
            if since.elapsed() > REACHED || is_over(self.subject.seen()) {
                self.kill_now(pid).await?;
                return Ok(None);
            }
            self.subject.pump(LOOK, is_over).await?;
        }
        self.subject.paused(pid, KillAt::CrashPoint(at.0.to_owned()))?;
        Ok(Some(pid))
    }

    /// A worker is paused until the job runs without it; it must find out that it was given up, and end.
    async fn worker_is_away(&mut self, pid: u32, asleep: Duration) -> Result<Outcome, Failure> {
        let named = self.subject.name_of(pid);
        // Another attempt is not enough: it may have failed for another reason, and still count on this worker.
        self.subject.pump(SETTLE, |seen| seen.lost.contains(&pid) || is_over(seen)).await?;
        self.subject.pump(SETTLE, |seen| seen.running || is_over(seen)).await?;
        self.come_back((named.0, named.1, pid), asleep).await
    }

    /// The coordinator is paused; another one takes over and completes a checkpoint. The paused one must find out, and end.
    async fn coordinator_is_away(&mut self, pid: u32, asleep: Duration) -> Result<Outcome, Failure> {
        let (who, number) = self.subject.name_of(pid);
        self.subject.pump(HEARD, is_over).await?;
        if is_over(self.subject.seen()) || self.subject.coordinator() != pid {
            return Ok(Outcome::Missed("it was dead, or done, when it was paused".into()));
        }
        let attempt = self.subject.seen().attempt;
        self.subject.supplant().await?;
        let goes_on = |seen: &Seen| seen.attempt > attempt && seen.running && seen.checkpoints_of_attempt > 0;
        self.subject.pump(SETTLE, |seen| goes_on(seen) || is_over(seen)).await?;
        self.come_back((who, number, pid), asleep).await
    }

    async fn come_back(&mut self, zombie: (Who, u32, u32), asleep: Duration) -> Result<Outcome, Failure> {
        self.pass(asleep).await?;
        let ended = self.subject.seen().zombies_ended;
        self.subject.resume(zombie)?;
        // Also when the job is over: a zombie outlives it, and must not do any harm then either.
        if !self.subject.pump(AWAKE, |seen| seen.zombies_ended > ended).await? {
            let ((who, number, _), seconds) = (zombie, AWAKE.as_secs());
            self.subject
                .note(format!("{who} {number} came back as a zombie and did not end within {seconds} s"))?;
        }
        Ok(Outcome::Done)
    }

    /// Kills all workers, one of them at a crash point first, and lets none come back for a while.
    pub(super) async fn outage(
        &mut self,
        at: Option<At<'_>>,
        limit: Duration,
        draw: u64,
    ) -> Result<Outcome, Failure> {
        self.all_away(at, limit, draw).await
    }

    async fn all_away(&mut self, at: Option<At<'_>>, limit: Duration, draw: u64) -> Result<Outcome, Failure> {
        self.subject.begin_outage();
        let outcome = match (at, self.choose(Who::Worker, draw)) {
            (Some((point, ordinal)), Some(pid)) => {
                let struck = self.subject.seen().struck;
                let armed = CrashAt { point: point.to_owned(), ordinal, strike: Strike::Kill };
                self.subject.arm(pid, armed).await?;
                let is_hit = |seen: &Seen| seen.struck > struck;
                if self.subject.pump(REACHED, |seen| is_hit(seen) || is_over(seen)).await? {
                    Outcome::Done
                } else {
                    Outcome::Missed(format!("{point} was not reached"))
                }
            }
            (_, _) => Outcome::Done,
        };
        for pid in self.subject.all() {
            self.subject.kill(pid)?;
        }
        self.pass(limit).await?;
        self.subject.end_outage()?;
        Ok(outcome)
    }
}

fn nobody(who: Who) -> Outcome {
    Outcome::Missed(format!("there was no {who}"))
}

/// Whether the process is stopped, as the kernel has it: the letter after its name in brackets.
fn is_stopped(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}
