//! The workers of the job under test: each coordinator has its own; a dead one's number passes on to its successor.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::super::log;
use super::super::seen::Ended;
use super::super::worker::{Exit, Running};
use super::{LAST_WORDS, Subject, unwritable};
use crate::failure::Failure;
use crate::history::{Event, KillAt, Who};

impl Subject {
    /// Starts the workers of a coordinator.
    pub(super) fn start_workers(&mut self) -> Result<(), Failure> {
        let workers = u32::from(self.options.config.workers.count);
        (0..workers).try_for_each(|worker| self.start_worker(worker))
    }

    pub(super) fn start_worker(&mut self, worker: u32) -> Result<(), Failure> {
        self.started += 1;
        let name = format!("worker-{worker}-{}", self.started);
        let coordinator = self.network.coordinator(self.chief.process.address());
        // While all are to stay away, nobody is armed for when they are back.
        let armed = if self.outage.is_some() { None } else { self.next_workers.pop() };
        let crash_at = armed.as_ref().map(ToString::to_string);
        let mut child = self.options.start_worker(&coordinator, &name, crash_at)?;
        let pid = child.id().ok_or_else(|| Failure::internal("a new process has no id"))?;
        self.record(Event::WorkerStarted { worker, pid })?;
        let (coordinator, stdin) = (self.chief.number, child.stdin.take());
        let running = Running { worker, name, coordinator, stdin, armed, struck: None, paused: None };
        self.workers.insert(pid, running);
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
        if self.seen.active.remove(&exit.pid) {
            self.seen.attempt_is_lost();
        }
        let by_kill = exit.is_by_kill();
        let who = (Who::Worker, worker.worker, exit.pid);
        let crash_point = worker
            .armed
            .as_ref()
            .filter(|at| by_kill && log::names_crash_point(&self.options.logs, &worker.name, &at.point));
        if let Some(at) = crash_point {
            self.killed(who, exit.at, KillAt::CrashPoint(at.point.clone()), true)?;
        } else if let Some((Signal::SIGKILL, when)) = worker.struck {
            self.killed(who, when, KillAt::Random, by_kill)?;
        } else if let Some((signal, when)) = worker.struck {
            self.stopped(who, when, exit.is_by(signal) || exit.is_in_good_order())?;
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
