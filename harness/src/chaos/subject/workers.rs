//! The workers of the job under test: each coordinator has its own; a dead one's number passes on to its successor.

use std::time::Instant;

use super::super::log;
use super::super::plan::Arm;
use super::super::seen::Ended;
use super::super::worker::{Exit, Running};
use super::{LAST_WORDS, Subject, unwritable};
use crate::failure::Failure;
use crate::history::{Event, KillAt, Who};

impl Subject {
    /// Starts the workers of a coordinator: all but one first, so that the one that is armed is sure to run subtasks of the first
    /// attempt; the last one when that is deployed.
    pub(super) fn start_workers(&mut self) -> Result<(), Failure> {
        let workers = u32::from(self.options.config.workers.count);
        let late = (workers > 1).then(|| workers - 1);
        self.late = late;
        for worker in (0..workers).filter(|worker| Some(*worker) != late) {
            self.start_worker(worker)?;
        }
        Ok(())
    }

    pub(super) fn start_worker(&mut self, worker: u32) -> Result<(), Failure> {
        let armed = self.arm_for(Who::Worker);
        self.started += 1;
        let name = format!("worker-{worker}-{}", self.started);
        let crash_at = armed.as_ref().map(|arm| arm.at.clone());
        let mut child = self.options.start_worker(self.chief.process.address(), &name, crash_at)?;
        let pid = child.id().ok_or_else(|| Failure::internal("a new process has no id"))?;
        self.record(Event::WorkerStarted { worker, pid })?;
        if let Some(Arm { at, .. }) = &armed {
            self.note(format!("worker {worker} (process {pid}) is armed to kill itself at {at}"))?;
        }
        let coordinator = self.chief.number;
        self.workers.insert(pid, Running { worker, name, coordinator, armed, killed: None, paused: None });
        let exited = self.exits.0.clone();
        self.waits.spawn(async move {
            let status = child.wait().await.ok();
            drop(exited.send(Exit { pid, at: Instant::now(), status }));
        });
        Ok(())
    }

    /// A worker is gone: was it a kill, and was it the planned one? Its successor is started.
    pub(super) async fn exited(&mut self, exit: &Exit) -> Result<(), Failure> {
        let Some(worker) = self.workers.remove(&exit.pid) else { return Ok(()) };
        self.seen.active.remove(&exit.pid);
        let by_kill = exit.is_by_kill();
        let who = (Who::Worker, worker.worker, exit.pid);
        let armed = worker.armed.as_ref().map(|arm| arm.at.as_str());
        let crash_point =
            armed.filter(|at| by_kill && log::names_crash_point(&self.options.logs, &worker.name, at));
        if let Some(at) = crash_point {
            let point = at.split(':').next().unwrap_or(at);
            self.killed(who, exit.at, KillAt::CrashPoint(point.to_owned()), true)?;
        } else if let Some(when) = worker.killed {
            self.killed(who, when, KillAt::Random, by_kill)?;
        } else if let Some(paused) = worker.paused.filter(|_| exit.is_in_good_order()) {
            self.seen.zombies_ended += 1;
            self.faults.push((paused, exit.at));
            self.note(format!("worker {} came back as a zombie and ended by itself", worker.worker))?;
        } else if worker.coordinator == self.chief.number && self.seen.ended.is_none() {
            self.ended_by_itself(&worker, exit).await?;
        }
        self.tell_exit(&worker, exit)?;
        match &mut self.outage {
            _ if self.seen.ended.is_some() || worker.coordinator != self.chief.number => Ok(()),
            Some(waiting) => {
                waiting.push(worker.worker);
                Ok(())
            }
            None => self.start_worker(worker.worker),
        }
    }

    /// A worker that nobody killed is gone: its coordinator may be, and if not, it could not do its work.
    async fn ended_by_itself(&mut self, worker: &Running, exit: &Exit) -> Result<(), Failure> {
        if self.is_over_soon(worker.coordinator).await? {
            return Ok(());
        }
        let (number, log) = (worker.worker, self.options.log(&worker.name));
        let message =
            format!("worker {number} ended by itself ({}); see {}", exit.status_text(), log.display());
        self.note(message.clone())?;
        if exit.is_by_kill() {
            return Ok(());
        }
        let code = exit.status.and_then(|status| u8::try_from(status.code()?).ok());
        let exit_code = code.unwrap_or(truecut_runtime::failure::exit::INTERNAL);
        self.end(Ended { exit_code, message })
    }

    /// A worker may hear of the job's end, or of its coordinator's, and end, before that is known here.
    async fn is_over_soon(&mut self, coordinator: u32) -> Result<bool, Failure> {
        let deadline = tokio::time::Instant::now() + LAST_WORDS;
        while self.seen.ended.is_none() && self.chief.number == coordinator {
            match tokio::time::timeout_at(deadline, self.chief.process.next_event()).await {
                Ok(Some(event)) => self.told(event)?,
                Ok(None) => self.coordinator_gone().await?,
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    pub(super) fn ended_well(&mut self, exit: &Exit) -> Result<(), Failure> {
        match self.workers.remove(&exit.pid) {
            Some(worker) => self.tell_exit(&worker, exit),
            None => Ok(()),
        }
    }

    fn tell_exit(&self, worker: &Running, exit: &Exit) -> Result<(), Failure> {
        let event = Event::WorkerExited { worker: worker.worker, pid: exit.pid, status: exit.status_text() };
        self.history.record_at(exit.at, event).map_err(unwritable)
    }
}
