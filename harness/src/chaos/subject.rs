//! The job under test: its processes, and all that is seen of them. Starts processes, kills and pauses them, and writes down what
//! happens. When to kill whom is the nemesis's; this is the only part of a run that knows what kind of job it is. It is the
//! job's supervisor, and as such holds the lock of the checkpoint directory; coordinators take none.

mod coordinators;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use truecut_runtime::crash_point::CrashAt;
use truecut_runtime::event;
use truecut_runtime::launch::JobOptions;
use truecut_runtime::store::Lock;
use truecut_runtime::tokens::Tokens;

use super::moment::{Moment, Watch};
use super::network::Network;
use super::seen::{Ended, Fault, Seen, unexplained};
use super::worker::{Exit, Running};
use crate::failure::Failure;
use crate::history::{Event, KillAt, Who, Writer};
use coordinators::{Chief, Haunted};

/// How long processes may take to end once the job has.
const GRACE: Duration = Duration::from_secs(10);

/// How long the coordinator may take to say that the job is over after a worker knows it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running job.
pub(super) struct Subject {
    options: JobOptions,
    tokens: Tokens,
    _lock: Lock,
    chief: Chief,
    /// Ends of coordinators that others took over from.
    haunted: (UnboundedSender<Haunted>, UnboundedReceiver<Haunted>),
    network: Arc<Network>,
    history: Writer,
    watch: Watch,
    exits: (UnboundedSender<Exit>, UnboundedReceiver<Exit>),
    waits: JoinSet<()>,
    /// Workers that run, by process.
    workers: BTreeMap<u32, Running>,
    /// Processes of the workers that have joined and are not lost, by the coordinator's name for them.
    joined: BTreeMap<u32, u32>,
    /// The next coordinator is started with this crash point armed.
    next_coordinator: Option<CrashAt>,
    /// The next workers are started with these crash points armed, one each.
    next_workers: Vec<CrashAt>,
    /// The job was asked to end.
    stopping: bool,
    /// Worker processes started so far.
    started: u32,
    /// Dead workers are not started again while this is set; these are waiting.
    outage: Option<Vec<u32>>,
    seen: Seen,
    /// When attempts were deployed, and when processes were killed or paused.
    attempts: Vec<Instant>,
    faults: Vec<Fault>,
}

/// What happened next.
enum Happening {
    Told(Option<event::Event>),
    Exited(Exit),
    ZombieEnded(Haunted),
    TimeIsOver,
}

impl Subject {
    /// Starts the job, its first coordinator or its first worker with this crash point armed.
    pub(super) async fn start(
        options: JobOptions,
        armed: Option<(Who, CrashAt)>,
        network: Arc<Network>,
        history: Writer,
        watch: Watch,
    ) -> Result<Self, Failure> {
        options.prepare()?;
        let lock = options.lock()?;
        let mut tokens = Tokens::of(&options.config)?;
        let (first, worker) = match armed {
            Some((Who::Coordinator, at)) => (Some(at), None),
            Some((Who::Worker, at)) => (None, Some(at)),
            None => (None, None),
        };
        let chief = Chief::start(&options, &mut tokens, 1, first).await?;
        let mut subject = Self {
            options,
            tokens,
            _lock: lock,
            chief,
            haunted: unbounded_channel(),
            network,
            history,
            watch,
            exits: unbounded_channel(),
            waits: JoinSet::new(),
            workers: BTreeMap::new(),
            joined: BTreeMap::new(),
            next_coordinator: None,
            next_workers: Vec::from_iter(worker),
            stopping: false,
            started: 0,
            outage: None,
            seen: Seen::default(),
            attempts: Vec::new(),
            faults: Vec::new(),
        };
        subject.tell_start()?;
        subject.start_workers()?;
        subject.pump(GRACE, |seen| seen.attempt > 0 || seen.ended.is_some()).await?;
        Ok(subject)
    }

    /// Arms a crash point of a process; one that it was armed with before is forgotten.
    pub(super) async fn arm(&mut self, pid: u32, at: CrashAt) -> Result<(), Failure> {
        let (who, number) = self.name_of(pid);
        self.note(format!("{who} {number} (process {pid}) is armed for {at}"))?;
        match self.workers.get_mut(&pid) {
            Some(worker) => worker.arm(at).await,
            None => self.chief.arm(at).await,
        }
        Ok(())
    }

    /// No worker is armed any more.
    pub(super) async fn disarm_all(&mut self) {
        self.next_workers.clear();
        for worker in self.workers.values_mut() {
            worker.disarm().await;
        }
    }

    /// The next coordinator is started with this crash point armed.
    pub(super) fn arm_next_coordinator(&mut self, at: CrashAt) {
        self.next_coordinator = Some(at);
    }

    /// All workers that come back from an outage are started with this crash point armed.
    pub(super) fn arm_next_workers(&mut self, at: CrashAt) {
        self.next_workers = vec![at; usize::from(self.options.config.workers.count)];
    }

    /// Workers that are paused.
    pub(super) fn paused_workers(&self) -> Vec<(Who, u32, u32)> {
        let paused = self.workers.iter().filter(|(_, worker)| worker.paused.is_some());
        paused.map(|(pid, worker)| (Who::Worker, worker.worker, *pid)).collect()
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Workers that can be killed so that the job notices, in a stable order.
    pub(super) fn victims(&self) -> Vec<u32> {
        let is_victim = |worker: &Running| {
            worker.struck.is_none() && worker.paused.is_none() && worker.coordinator == self.chief.number
        };
        let lives = |pid: &&u32| self.workers.get(pid).is_some_and(is_victim);
        let mut victims: Vec<u32> = self.seen.active.iter().filter(lives).copied().collect();
        if victims.is_empty() {
            victims = self.workers.keys().filter(lives).copied().collect();
        }
        victims.sort_by_key(|pid| self.workers.get(pid).map(|worker| worker.worker));
        victims
    }

    /// All worker processes.
    pub(super) fn all(&self) -> Vec<u32> {
        self.workers.keys().copied().collect()
    }

    /// Kills a process with SIGKILL.
    pub(super) fn kill(&mut self, pid: u32) -> Result<(), Failure> {
        self.signal(pid, Signal::SIGKILL)
    }

    /// Asks a process to end, with SIGTERM.
    pub(super) fn terminate(&mut self, pid: u32) -> Result<(), Failure> {
        self.signal(pid, Signal::SIGTERM)
    }

    fn signal(&mut self, pid: u32, signal: Signal) -> Result<(), Failure> {
        let struck = Some((signal, Instant::now()));
        if pid == self.chief.pid {
            self.chief.struck = struck;
        } else if let Some(worker) = self.workers.get_mut(&pid) {
            worker.struck = struck;
        } else {
            return Ok(());
        }
        send(pid, signal)
    }

    /// Pauses a process with SIGSTOP.
    pub(super) fn pause(&mut self, pid: u32) -> Result<(), Failure> {
        send(pid, Signal::SIGSTOP)?;
        self.paused(pid, KillAt::Random)
    }

    /// A process was paused: at this moment, or by itself at the crash point that it was armed for.
    pub(super) fn paused(&mut self, pid: u32, at: KillAt) -> Result<(), Failure> {
        let (who, number) = self.name_of(pid);
        match self.workers.get_mut(&pid) {
            Some(worker) => worker.paused = Some(Instant::now()),
            None => self.mark_coordinator_paused(),
        }
        self.record(Event::Paused { who, number, pid, at })
    }

    /// Lets a paused process go on. `who` and `number` are those that it was paused as.
    pub(super) fn resume(&mut self, (who, number, pid): (Who, u32, u32)) -> Result<(), Failure> {
        self.record(Event::Resumed { who, number, pid })?;
        send(pid, Signal::SIGCONT)
    }

    /// What kind of process this is, and its number.
    pub(super) fn name_of(&self, pid: u32) -> (Who, u32) {
        match self.workers.get(&pid) {
            Some(worker) => (Who::Worker, worker.worker),
            None => (Who::Coordinator, self.chief.number),
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
        self.stopping = true;
        self.chief.process.stop().await;
    }

    /// Starts the job again after it has ended.
    pub(super) async fn start_again(&mut self) -> Result<(), Failure> {
        (self.seen.ended, self.stopping) = (None, false);
        self.faults.push((Instant::now(), Instant::now()));
        drop(self.take_over().await?);
        Ok(())
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
                event = self.chief.process.next_event(), if self.seen.ended.is_none() => Happening::Told(event),
                Some(exit) = self.exits.1.recv() => Happening::Exited(exit),
                Some(haunted) = self.haunted.1.recv() => Happening::ZombieEnded(haunted),
                () = tokio::time::sleep_until(deadline) => Happening::TimeIsOver,
            };
            match happening {
                Happening::Told(Some(event)) => self.told(event)?,
                Happening::Told(None) => self.coordinator_gone().await?,
                Happening::Exited(exit) => self.exited(&exit).await?,
                Happening::ZombieEnded(haunted) => self.zombie_ended(haunted)?,
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
        let unexplained = unexplained(&self.attempts, &self.faults);
        if unexplained > 0 {
            self.note(format!(
                "{unexplained} attempts failed without a kill or a pause; the coordinator's log says why"
            ))?;
        }
        let Self { chief, waits, seen, .. } = self;
        drop(waits); // and with them the handles of processes that still run
        drop(tokio::time::timeout_at(deadline, chief.process.wait()).await);
        Ok(seen)
    }

    fn told(&mut self, event: event::Event) -> Result<(), Failure> {
        match event {
            event::Event::Listening { .. } | event::Event::CoordinatorDied { .. } => {}
            event::Event::WorkerJoined { worker, pid } => drop(self.joined.insert(worker, pid)),
            event::Event::WorkerLost { worker } => self.seen.lost.extend(self.joined.remove(&worker)),
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

    fn killed(
        &mut self,
        (who, number, pid): (Who, u32, u32),
        when: Instant,
        at: KillAt,
        confirmed: bool,
    ) -> Result<(), Failure> {
        self.seen.kills += 1;
        self.seen.struck += u64::from(at != KillAt::Random);
        self.faults.push((when, when));
        let ordinal = self.seen.kills;
        (self.watch)(&Moment::Killed { ordinal, what: format!("{who} {number} (process {pid}), {at}") });
        let kill = Event::Kill { ordinal, who, worker: number, pid, at, confirmed };
        self.history.record_at(when, kill).map_err(unwritable)
    }

    /// A process has ended after it was asked to.
    fn stopped(
        &mut self,
        (who, number, pid): (Who, u32, u32),
        when: Instant,
        as_asked: bool,
    ) -> Result<(), Failure> {
        self.seen.stopped += 1;
        self.faults.push((when, when));
        let how = if as_asked { "as asked" } else { "in another way than asked" };
        self.note(format!("{who} {number} (process {pid}) was asked to end with SIGTERM and ended {how}"))
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

/// Sends a signal. A process that has just ended by itself is not there; its exit tells.
fn send(pid: u32, signal: Signal) -> Result<(), Failure> {
    let id = i32::try_from(pid).map_err(|error| Failure::internal(error.to_string()))?;
    match kill(Pid::from_raw(id), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(Failure::environment(format!("can't send {signal} to process {pid}: {error}"))),
    }
}
