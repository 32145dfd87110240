//! The supervisor of a job: starts its processes, starts dead ones again, ends them.
//!
//! It holds the lock of the checkpoint directory for as long as it lives. A coordinator that is killed is replaced by another
//! one, with new workers: the old ones lose their connection, stop what they run, and end; those that do not are killed.
//! Which attempt is in force, and what a coordinator that was thought dead may still do, is for the core to decide.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::config::JobConfig;
use crate::event::Event;
use crate::failure::{ProcessError, exit};
pub use crate::launch::{Coordinator, CoordinatorStart, JobOptions, Started, status_text};
use crate::tokens::Tokens;

/// How long a coordinator gets to say why it ended.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long workers may take to end when their coordinator has.
const GRACE: Duration = Duration::from_secs(5);

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// For a person.
    pub message: String,
    /// The exit code that says the same.
    pub exit_code: u8,
}

/// Runs a job until it ends: starts dead workers and a dead coordinator again, ends on Ctrl-C or SIGTERM with a last checkpoint, on a
/// second one at once. `watch` hears of everything that happens.
///
/// # Errors
/// The job could not be started.
pub async fn run(options: &JobOptions, watch: impl FnMut(&Event)) -> Result<Ended, ProcessError> {
    options.prepare()?;
    let _lock = options.lock()?;
    let interrupts =
        Interrupts::listen().map_err(|error| ProcessError::environment("listen for Ctrl-C", &error))?;
    let tokens = Tokens::of(&options.config)?;
    let mut supervisor = Supervisor {
        options,
        tokens,
        watch,
        interrupts,
        stopping: false,
        deployed: false,
        coordinators: 0,
        deaths: 0,
        workers: 0,
        leaving: JoinSet::new(),
    };
    loop {
        let status = match supervisor.start().await? {
            Next::Serve(coordinator) => match supervisor.serve(*coordinator).await? {
                Next::End(ended) => return Ok(ended),
                Next::Died(status) => status,
                Next::Serve(_) => unreachable!("a coordinator that was served has ended"),
            },
            Next::End(ended) => return Ok(ended),
            Next::Died(status) => status,
        };
        if let Some(ended) = supervisor.died(status) {
            return Ok(ended);
        }
        tokio::time::sleep(Duration::from_millis(options.config.checkpoints.restart_delay_ms)).await;
    }
}

/// Ctrl-C, and SIGTERM, by which container engines and service managers ask for the same.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What follows.
enum Next {
    Serve(Box<Coordinator>),
    Died(ExitStatus),
    End(Ended),
}

/// What outlives a coordinator.
struct Supervisor<'a, W> {
    options: &'a JobOptions,
    tokens: Tokens,
    watch: W,
    interrupts: Interrupts,
    /// Ctrl-C was pressed: whichever coordinator there is must know.
    stopping: bool,
    /// An attempt was deployed: the checkpoints that there are now are this run's own.
    deployed: bool,
    /// Coordinators started so far.
    coordinators: u32,
    /// Coordinators that died one after another without a completed checkpoint in between.
    deaths: u32,
    /// Workers started so far.
    workers: u32,
    /// Workers of dead coordinators, until they have ended.
    leaving: JoinSet<()>,
}

impl<W: FnMut(&Event)> Supervisor<'_, W> {
    /// Starts a coordinator. Before the first one listens, Ctrl-C has nothing to save and ends everything at once.
    async fn start(&mut self) -> Result<Next, ProcessError> {
        self.coordinators += 1;
        // An attempt is told before it is deployed: if none was, nothing has been done that `fresh` would repeat.
        let fresh = self.options.fresh && !self.deployed;
        let start =
            CoordinatorStart { name: self.log_name(), token: self.tokens.draw(), fresh, crash_at: None };
        let mut starting = std::pin::pin!(self.options.start_coordinator(start));
        loop {
            tokio::select! {
                started = &mut starting => return Ok(match started? {
                    Started::Listening(coordinator) => Next::Serve(coordinator),
                    Started::Died(status) => Next::Died(status),
                }),
                () = self.interrupts.recv() => {
                    if self.stopping || self.coordinators == 1 {
                        return Ok(Next::End(interrupted()));
                    }
                    self.stopping = true;
                }
            }
        }
    }

    fn log_name(&self) -> String {
        if self.coordinators == 1 {
            "coordinator".into()
        } else {
            format!("coordinator-{}", self.coordinators)
        }
    }

    /// Serves a coordinator until it ends, with workers of its own.
    async fn serve(&mut self, mut coordinator: Coordinator) -> Result<Next, ProcessError> {
        if self.stopping {
            coordinator.stop().await;
        }
        let mut workers = Workers::new(self.options, coordinator.address());
        for _ in 0..self.options.config.workers.count {
            self.start_worker(&mut workers)?;
        }
        let next = loop {
            tokio::select! {
                event = coordinator.next_event() => {
                    if let Some(next) = self.hear(event, &mut coordinator).await? {
                        break next;
                    }
                }
                exit = workers.next_exit() => {
                    if let Some(ended) = gave_up(exit) {
                        // A coordinator that ended too knows better why; one that died explains it.
                        break self.last_word(&mut coordinator).await?.unwrap_or(Next::End(ended));
                    }
                    self.start_worker(&mut workers)?;
                }
                () = self.interrupts.recv() => {
                    if self.stopping {
                        break Next::End(interrupted());
                    }
                    self.stopping = true;
                    coordinator.stop().await;
                }
            }
        };
        match &next {
            Next::Died(_) => drop(self.leaving.spawn(workers.end())),
            Next::End(_) | Next::Serve(_) => {
                workers.end().await;
                while self.leaving.join_next().await.is_some() {}
            }
        }
        Ok(next)
    }

    fn start_worker(&mut self, workers: &mut Workers<'_>) -> Result<(), ProcessError> {
        self.workers += 1;
        workers.start(&format!("worker-{}", self.workers))
    }

    /// Takes in what the coordinator says; `None` is its end.
    async fn hear(
        &mut self,
        event: Option<Event>,
        coordinator: &mut Coordinator,
    ) -> Result<Option<Next>, ProcessError> {
        let Some(event) = event else { return Ok(Some(Next::Died(coordinator.exit_status().await?))) };
        if let Event::Ended { message, exit_code, .. } = event {
            return Ok(Some(Next::End(Ended { message, exit_code })));
        }
        self.deployed |= matches!(event, Event::Attempt { .. });
        if matches!(event, Event::Completed { .. }) {
            self.deaths = 0;
        }
        (self.watch)(&event);
        Ok(None)
    }

    /// How the coordinator ended, if it ends soon.
    async fn last_word(&mut self, coordinator: &mut Coordinator) -> Result<Option<Next>, ProcessError> {
        let deadline = tokio::time::Instant::now() + LAST_WORD;
        while let Ok(event) = tokio::time::timeout_at(deadline, coordinator.next_event()).await {
            if let Some(next) = self.hear(event, coordinator).await? {
                return Ok(Some(next));
            }
        }
        Ok(None)
    }

    /// A coordinator is gone without a word. One that was killed is replaced; one that ended by itself would do so again.
    fn died(&mut self, status: ExitStatus) -> Option<Ended> {
        let (how, log) = (status_text(status), self.options.log(&self.log_name()));
        let again = "run the job again to resume from its latest checkpoint";
        if let Some(code) = status.code() {
            let message =
                format!("the coordinator ended with {how}; its log {} says why; {again}", log.display());
            let exit_code =
                u8::try_from(code).ok().filter(|code| *code != exit::OK).unwrap_or(exit::INTERNAL);
            return Some(Ended { message, exit_code });
        }
        self.deaths += 1;
        let most = self.options.config.checkpoints.max_restarts;
        if self.deaths > most {
            let message = format!(
                "the coordinator died {} times in a row without a completed checkpoint, the last time by {how}, and \
                 `checkpoints.max_restarts` is {most}; its log {} may say why; {again}",
                self.deaths,
                log.display()
            );
            return Some(Ended { message, exit_code: exit::JOB_FAILED });
        }
        (self.watch)(&Event::CoordinatorDied { status: how });
        None
    }
}

fn interrupted() -> Ended {
    let message = "ended at once; run the job again to resume from its latest checkpoint".into();
    Ended { message, exit_code: exit::INTERRUPTED }
}

/// A worker that ended by itself could not do its work, and would not the next time. One that was killed is started again.
fn gave_up(exit: Option<i32>) -> Option<Ended> {
    let code = u8::try_from(exit?).ok().filter(|code| *code != exit::OK)?;
    let message = "a worker could not do its work; it said why above, and its log says more".into();
    Some(Ended { message, exit_code: code })
}

/// The worker processes of one coordinator.
struct Workers<'a> {
    options: &'a JobOptions,
    coordinator: String,
    exits: (UnboundedSender<Option<i32>>, UnboundedReceiver<Option<i32>>),
    waits: JoinSet<()>,
}

impl<'a> Workers<'a> {
    fn new(options: &'a JobOptions, coordinator: &str) -> Self {
        Self { options, coordinator: coordinator.into(), exits: unbounded_channel(), waits: JoinSet::new() }
    }

    fn start(&mut self, name: &str) -> Result<(), ProcessError> {
        let mut child = self.options.start_worker(&self.coordinator, name, None)?;
        let exited = self.exits.0.clone();
        self.waits.spawn(async move {
            let status = child.wait().await;
            let _ = exited.send(status.ok().and_then(|status| status.code()));
        });
        Ok(())
    }

    /// The exit code of the next worker that ends; `None` if it was killed.
    async fn next_exit(&mut self) -> Option<i32> {
        self.exits.1.recv().await.flatten()
    }

    /// Workers end when their coordinator does; those that do not in time are killed as their handles are dropped.
    fn end(self) -> impl Future<Output = ()> + Send + use<> {
        let mut waits = self.waits;
        async move {
            let all = async { while waits.join_next().await.is_some() {} };
            if tokio::time::timeout(GRACE, all).await.is_err() {
                tracing::warn!("workers did not end in time and are killed");
            }
        }
    }
}

/// Where a job's logs go by default.
#[must_use]
pub fn default_logs(config: &JobConfig) -> PathBuf {
    Path::new("truecut-runs").join(&config.name).join("logs")
}
