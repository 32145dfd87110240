//! The job under test: its processes, and all that is seen of them. Starts workers, kills them, and writes down what happens.
//! When to kill whom is the nemesis's; this is the only part of a run that knows what kind of job it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use truecut_runtime::event;
use truecut_runtime::supervise::{Coordinator, JobOptions};

use super::log;
use super::moment::{Moment, Watch};
use super::seen::{Ended, Seen, unexplained};
use super::worker::{Exit, Running};
use crate::failure::Failure;
use crate::history::{Event, KillAt, Writer};

/// How long processes may take to end once the job has.
const GRACE: Duration = Duration::from_secs(10);

/// How long the coordinator may take to say that the job is over after a worker knows it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running job.
pub(super) struct Subject {
    options: JobOptions,
    coordinator: Coordinator,
    history: Writer,
    watch: Watch,
    exits: (UnboundedSender<Exit>, UnboundedReceiver<Exit>),
    waits: JoinSet<()>,
    /// Workers that run, by process.
    workers: BTreeMap<u32, Running>,
    /// Processes of the workers that have joined and are not lost, by the coordinator's name for them.
    joined: BTreeMap<u32, u32>,
    /// Crash points that are still to be armed.
    arms: VecDeque<String>,
    /// Worker processes started so far.
    started: u32,
    /// Dead workers are not started again while this is set; these are waiting.
    outage: Option<Vec<u32>>,
    seen: Seen,
    /// When attempts were deployed, and when workers were killed.
    attempts: Vec<Instant>,
    kills: Vec<Instant>,
}

/// What happened next.
enum Happening {
    Told(Option<event::Event>),
    Exited(Exit),
    TimeIsOver,
}

impl Subject {
    /// Starts the job; `arms` are the crash points that workers will be armed with, one at a time. All workers but one are
    /// started first, so that the one that is armed is sure to run subtasks of the first attempt.
    pub(super) async fn start(
        options: JobOptions,
        arms: impl IntoIterator<Item = String>,
        history: Writer,
        watch: Watch,
    ) -> Result<Self, Failure> {
        options.prepare()?;
        let coordinator = options.start_coordinator().await?;
        let workers = u32::from(options.config.workers.count);
        let mut subject = Self {
            options,
            coordinator,
            history,
            watch,
            exits: unbounded_channel(),
            waits: JoinSet::new(),
            workers: BTreeMap::new(),
            joined: BTreeMap::new(),
            arms: arms.into_iter().collect(),
            started: 0,
            outage: None,
            seen: Seen::default(),
            attempts: Vec::new(),
            kills: Vec::new(),
        };
        let last = (workers > 1).then(|| workers - 1);
        for worker in (0..workers).filter(|worker| Some(*worker) != last) {
            subject.start_worker(worker)?;
        }
        subject.pump(GRACE, |seen| seen.attempt > 0 || seen.ended.is_some()).await?;
        if let Some(last) = last {
            subject.start_worker(last)?;
        }
        Ok(subject)
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Processes that can be killed so that the job notices, in a stable order: the armed one last.
    pub(super) fn victims(&self) -> Vec<u32> {
        let lives = |pid: &&u32| self.workers.get(pid).is_some_and(|worker| worker.killed.is_none());
        let mut victims: Vec<u32> = self.seen.active.iter().filter(lives).copied().collect();
        if victims.is_empty() {
            victims = self.workers.keys().filter(lives).copied().collect();
        }
        victims
            .sort_by_key(|pid| self.workers.get(pid).map(|worker| (worker.armed.is_some(), worker.worker)));
        victims
    }

    /// All worker processes.
    pub(super) fn all(&self) -> Vec<u32> {
        self.workers.keys().copied().collect()
    }

    /// The armed process, if one waits for its crash point.
    pub(super) fn armed(&self) -> Option<u32> {
        let armed = |worker: &Running| worker.armed.is_some() && worker.killed.is_none();
        self.workers.iter().find(|(_, worker)| armed(worker)).map(|(pid, _)| *pid)
    }

    /// Kills a worker with SIGKILL.
    pub(super) fn kill(&mut self, pid: u32) -> Result<(), Failure> {
        let Some(worker) = self.workers.get_mut(&pid) else { return Ok(()) };
        worker.killed = Some(Instant::now());
        let id = i32::try_from(pid).map_err(|error| Failure::internal(error.to_string()))?;
        // A process that has just ended by itself is not there; its exit tells.
        match kill(Pid::from_raw(id), Signal::SIGKILL) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(error) => Err(Failure::environment(format!("can't kill worker process {pid}: {error}"))),
        }
    }

    /// From now on dead workers stay dead.
    pub(super) fn begin_outage(&mut self) {
        self.outage.get_or_insert_default();
    }

    /// Starts again all workers that died in the outage.
    pub(super) fn end_outage(&mut self) -> Result<(), Failure> {
        for worker in self.outage.take().unwrap_or_default() {
            self.start_worker(worker)?;
        }
        Ok(())
    }

    /// Asks for the last checkpoint and the end of the job.
    pub(super) async fn stop(&mut self) {
        self.coordinator.stop().await;
    }

    /// Takes in what happens until `done` says so, or the time is over. Returns whether it was done.
    pub(super) async fn pump(
        &mut self,
        limit: Duration,
        done: impl Fn(&Seen) -> bool,
    ) -> Result<bool, Failure> {
        let deadline = tokio::time::Instant::now() + limit;
        while !done(&self.seen) {
            let happening = tokio::select! {
                event = self.coordinator.next_event(), if self.seen.ended.is_none() => Happening::Told(event),
                Some(exit) = self.exits.1.recv() => Happening::Exited(exit),
                () = tokio::time::sleep_until(deadline) => Happening::TimeIsOver,
            };
            match happening {
                Happening::Told(event) => self.told(event)?,
                Happening::Exited(exit) => self.exited(&exit).await?,
                Happening::TimeIsOver => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Waits for the end of all processes; those that do not end in time are killed as their handles are dropped.
    pub(super) async fn finish(mut self) -> Result<Seen, Failure> {
        let deadline = tokio::time::Instant::now() + GRACE;
        while !self.workers.is_empty() {
            match tokio::time::timeout_at(deadline, self.exits.1.recv()).await {
                Ok(Some(exit)) => self.ended_well(&exit)?,
                Ok(None) | Err(_) => {
                    self.note(format!(
                        "{} worker processes did not end in time and are killed",
                        self.workers.len()
                    ))?;
                    break;
                }
            }
        }
        let unexplained = unexplained(&self.attempts, &self.kills);
        if unexplained > 0 {
            self.note(format!(
                "{unexplained} attempts failed without a kill; the coordinator's log says why"
            ))?;
        }
        let Self { coordinator, waits, seen, .. } = self;
        drop(waits); // and with them the handles of processes that still run
        drop(tokio::time::timeout_at(deadline, coordinator.wait()).await);
        Ok(seen)
    }

    fn start_worker(&mut self, worker: u32) -> Result<(), Failure> {
        let armed = if self.armed().is_none() { self.arms.pop_front() } else { None };
        self.started += 1;
        let name = format!("worker-{worker}-{}", self.started);
        let mut child = self.options.start_worker(self.coordinator.address(), &name, armed.clone())?;
        let pid = child.id().ok_or_else(|| Failure::internal("a new process has no id"))?;
        self.record(Event::WorkerStarted { worker, pid })?;
        if let Some(at) = &armed {
            self.note(format!("worker {worker} (process {pid}) is armed to kill itself at {at}"))?;
        }
        self.workers.insert(pid, Running { worker, name, armed, killed: None });
        let exited = self.exits.0.clone();
        self.waits.spawn(async move {
            let status = child.wait().await.ok();
            drop(exited.send(Exit { pid, at: Instant::now(), status }));
        });
        Ok(())
    }

    fn told(&mut self, event: Option<event::Event>) -> Result<(), Failure> {
        let Some(event) = event else {
            let message = "the coordinator died; its log says more".to_owned();
            return self.end(Ended { exit_code: truecut_runtime::failure::exit::INTERNAL, message });
        };
        match event {
            event::Event::Listening { .. } => {}
            event::Event::WorkerJoined { worker, pid } => drop(self.joined.insert(worker, pid)),
            event::Event::WorkerLost { worker } => drop(self.joined.remove(&worker)),
            event::Event::Attempt { attempt, workers, .. } => {
                (self.seen.attempt, self.seen.running, self.seen.checkpoints_of_attempt) =
                    (attempt, false, 0);
                self.seen.active =
                    workers.iter().filter_map(|worker| self.joined.get(worker)).copied().collect();
                self.attempts.push(Instant::now());
                self.record(Event::Attempt { attempt })?;
            }
            event::Event::Running { attempt } => {
                self.seen.running = attempt == self.seen.attempt;
                self.record(Event::JobRunning { attempt })?;
            }
            event::Event::Triggered { attempt, checkpoint, .. } => {
                self.record(Event::CheckpointTriggered { attempt, id: checkpoint })?;
            }
            event::Event::Completed { attempt, checkpoint } => {
                self.seen.checkpoints += 1;
                self.seen.checkpoints_of_attempt += u64::from(attempt == self.seen.attempt);
                self.record(Event::CheckpointCompleted { attempt, id: checkpoint })?;
            }
            event::Event::Aborted { attempt, checkpoint } => {
                let reason = "the coordinator gave it up".to_owned();
                self.record(Event::CheckpointAborted { attempt, id: checkpoint, reason })?;
            }
            event::Event::Restarting { attempt } => {
                self.seen.running = false;
                self.note(format!("attempt {attempt} failed; the next one is prepared"))?;
            }
            event::Event::Ended { message, exit_code, .. } => self.end(Ended { exit_code, message })?,
        }
        Ok(())
    }

    fn end(&mut self, ended: Ended) -> Result<(), Failure> {
        let Ended { exit_code, message } = ended.clone();
        self.seen.ended.get_or_insert(ended);
        self.record(Event::JobEnded { exit_code, message })
    }

    /// A worker is gone: was it a kill, and was it the planned one? Its successor is started.
    async fn exited(&mut self, exit: &Exit) -> Result<(), Failure> {
        let Some(worker) = self.workers.remove(&exit.pid) else { return Ok(()) };
        self.seen.active.remove(&exit.pid);
        self.tell_exit(&worker, exit)?;
        let by_kill = exit.is_by_kill();
        let crash_point = worker
            .armed
            .as_deref()
            .filter(|at| by_kill && log::names_crash_point(&self.options.logs, &worker.name, at));
        if let Some(at) = crash_point {
            let point = at.split(':').next().unwrap_or(at);
            self.killed(&worker, exit, exit.at, KillAt::CrashPoint(point.to_owned()), true)?;
        } else if let Some(when) = worker.killed {
            self.killed(&worker, exit, when, KillAt::Random, by_kill)?;
        } else if self.seen.ended.is_none() {
            let log = self.options.logs.join(format!("{}.log", worker.name));
            let message = format!(
                "worker {} ended by itself ({}); see {}",
                worker.worker,
                exit.status_text(),
                log.display()
            );
            self.note(message.clone())?;
            if !by_kill && !self.is_over_soon().await? {
                // It could not do its work, and would not the next time.
                self.tell_exit(&worker, exit)?;
                let code = exit.status.and_then(|status| u8::try_from(status.code()?).ok());
                return self.end(Ended {
                    exit_code: code.unwrap_or(truecut_runtime::failure::exit::INTERNAL),
                    message,
                });
            }
        }
        self.tell_exit(&worker, exit)?;
        match &mut self.outage {
            _ if self.seen.ended.is_some() => Ok(()),
            Some(waiting) => {
                waiting.push(worker.worker);
                Ok(())
            }
            None => self.start_worker(worker.worker),
        }
    }

    /// A worker may hear of the job's end, and end, before its coordinator has said so here.
    async fn is_over_soon(&mut self) -> Result<bool, Failure> {
        let deadline = tokio::time::Instant::now() + LAST_WORDS;
        while self.seen.ended.is_none() {
            match tokio::time::timeout_at(deadline, self.coordinator.next_event()).await {
                Ok(event) => self.told(event)?,
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn ended_well(&mut self, exit: &Exit) -> Result<(), Failure> {
        match self.workers.remove(&exit.pid) {
            Some(worker) => self.tell_exit(&worker, exit),
            None => Ok(()),
        }
    }

    fn tell_exit(&self, worker: &Running, exit: &Exit) -> Result<(), Failure> {
        let event = Event::WorkerExited { worker: worker.worker, pid: exit.pid, status: exit.status_text() };
        self.history.record_at(exit.at, event).map_err(unwritable)
    }

    fn killed(
        &mut self,
        worker: &Running,
        exit: &Exit,
        when: Instant,
        at: KillAt,
        confirmed: bool,
    ) -> Result<(), Failure> {
        self.seen.kills += 1;
        self.kills.push(when);
        let what = format!("worker {} (process {}), {at}", worker.worker, exit.pid);
        (self.watch)(&Moment::Killed { ordinal: self.seen.kills, what });
        let kill =
            Event::Kill { ordinal: self.seen.kills, worker: worker.worker, pid: exit.pid, at, confirmed };
        self.history.record_at(when, kill).map_err(unwritable)
    }

    pub(super) fn note(&self, text: String) -> Result<(), Failure> {
        self.record(Event::Note { text })
    }

    pub(super) fn record(&self, event: Event) -> Result<(), Failure> {
        self.history.record(event).map_err(unwritable)
    }
}

fn unwritable(error: std::io::Error) -> Failure {
    Failure::environment(format!("the history can't be written: {error}"))
}
