//! The supervisor of a job: starts its processes, starts dead workers again, ends them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::config::JobConfig;
use crate::event::Event;
use crate::failure::{ProcessError, exit};
use crate::process::{COORDINATOR, Common, CoordinatorArguments, WORKER, WorkerArguments};

/// How long a coordinator gets to say why it ended.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How a job is run.
#[derive(Clone, Debug)]
pub struct JobOptions {
    /// The job.
    pub config: JobConfig,
    /// Leave the completed checkpoints behind.
    pub fresh: bool,
    /// Go on after a lost transaction.
    pub accept_loss: bool,
    /// Directory of the processes' logs; made if there is none.
    pub logs: PathBuf,
    /// Directory of the traces, if any are wanted; made if there is none.
    pub traces: Option<PathBuf>,
    /// Name of the wrong protocol to run: in chaos runs only.
    pub mutant: Option<String>,
}

impl JobOptions {
    /// Makes the directories.
    ///
    /// # Errors
    /// One can't be made.
    pub fn prepare(&self) -> Result<(), ProcessError> {
        for directory in [Some(&self.logs), self.traces.as_ref()].into_iter().flatten() {
            std::fs::create_dir_all(directory).map_err(|error| {
                ProcessError::environment(&format!("make the directory {}", directory.display()), &error)
            })?;
        }
        Ok(())
    }

    fn common(&self, name: &str) -> Common {
        Common {
            log: self.logs.join(format!("{name}.log")),
            traces: self.traces.clone(),
            mutant: self.mutant.clone(),
        }
    }

    /// Starts a worker. `name` is its log's; `crash_at` a crash point at which it kills itself.
    ///
    /// # Errors
    /// The process can't be started.
    pub fn start_worker(
        &self,
        coordinator: &str,
        name: &str,
        crash_at: Option<String>,
    ) -> Result<Child, ProcessError> {
        let arguments = WorkerArguments {
            coordinator: coordinator.into(),
            slots: self.config.slots_per_worker(),
            crash_at,
            common: self.common(name),
        };
        let json = serde_json::to_string(&arguments).expect("arguments are JSON");
        let mut command = again(WORKER, &json)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().map_err(|error| ProcessError::environment("start a worker process", &error))
    }

    /// Starts the coordinator and waits until workers may connect.
    ///
    /// # Errors
    /// The process can't be started, or ended at once: the error says why.
    pub async fn start_coordinator(&self) -> Result<Coordinator, ProcessError> {
        let arguments = CoordinatorArguments {
            config: self.config.clone(),
            fresh: self.fresh,
            accept_loss: self.accept_loss,
            common: self.common("coordinator"),
        };
        let json = serde_json::to_string(&arguments).expect("arguments are JSON");
        let mut command = again(COORDINATOR, &json)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| ProcessError::environment("start the coordinator process", &error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ProcessError::Internal {
                detail: "the coordinator was started without pipes".into(),
            });
        };
        let mut coordinator =
            Coordinator { child, stdin, events: read_events(stdout), address: String::new() };
        match coordinator.next_event().await {
            Some(Event::Listening { address }) => {
                coordinator.address = address;
                Ok(coordinator)
            }
            Some(Event::Ended { message, exit_code, .. }) => Err(match exit_code {
                exit::BAD_DATA => ProcessError::BadData { detail: message },
                exit::ENVIRONMENT => ProcessError::Environment { detail: message },
                _ => ProcessError::Internal { detail: message },
            }),
            other => Err(ProcessError::Internal { detail: format!("the coordinator began with {other:?}") }),
        }
    }
}

/// This program again. In a process group of its own, so that the terminal's Ctrl-C reaches the supervisor alone.
fn again(kind: &str, argument: &str) -> Result<Command, ProcessError> {
    let program =
        std::env::current_exe().map_err(|error| ProcessError::environment("find this program", &error))?;
    let mut command = Command::new(program);
    command.arg(kind).arg(argument).process_group(0).kill_on_drop(true);
    Ok(command)
}

fn read_events(stdout: ChildStdout) -> UnboundedReceiver<Event> {
    let (sender, events) = unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(event) => drop(sender.send(event)),
                Err(error) => tracing::warn!(line, %error, "a line that is no event"),
            }
        }
    });
    events
}

/// A coordinator process.
#[derive(Debug)]
pub struct Coordinator {
    child: Child,
    stdin: ChildStdin,
    events: UnboundedReceiver<Event>,
    address: String,
}

impl Coordinator {
    /// Where workers connect.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What happens next; `None` when the process ended. Cancel safe.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// How the job ended, if it ends within this time.
    async fn end_within(&mut self, limit: Duration) -> Option<Ended> {
        let end = async {
            loop {
                match self.next_event().await? {
                    Event::Ended { message, exit_code, .. } => return Some(Ended { message, exit_code }),
                    Event::Listening { .. }
                    | Event::WorkerJoined { .. }
                    | Event::WorkerLost { .. }
                    | Event::Attempt { .. }
                    | Event::Running { .. }
                    | Event::Triggered { .. }
                    | Event::Completed { .. }
                    | Event::Aborted { .. }
                    | Event::Restarting { .. } => {}
                }
            }
        };
        tokio::time::timeout(limit, end).await.ok()?
    }

    /// Asks for a last checkpoint and the end of the job.
    pub async fn stop(&mut self) {
        if self.stdin.write_all(b"stop\n").await.is_err() {
            tracing::debug!("the coordinator ended before it could be stopped");
        }
    }

    /// Waits for the end of the process.
    pub async fn wait(mut self) -> Option<i32> {
        drop(self.stdin);
        self.child.wait().await.ok()?.code()
    }
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// For a person.
    pub message: String,
    /// The exit code that says the same.
    pub exit_code: u8,
}

/// Runs a job until it ends: starts dead workers again, ends on Ctrl-C with a last checkpoint, on a second one at once.
/// `watch` hears of everything that happens.
///
/// # Errors
/// The job could not be started.
pub async fn run(options: &JobOptions, mut watch: impl FnMut(&Event)) -> Result<Ended, ProcessError> {
    options.prepare()?;
    let mut coordinator = options.start_coordinator().await?;
    let mut workers = Workers::new(options, coordinator.address());
    for _ in 0..options.config.workers.count {
        workers.start()?;
    }
    let mut interrupted = false;
    let ended = loop {
        tokio::select! {
            event = coordinator.next_event() => match event {
                Some(Event::Ended { message, exit_code, .. }) => break Ended { message, exit_code },
                Some(event) => watch(&event),
                None => break died("the coordinator"),
            },
            exit = workers.next_exit() => {
                if let Some(ended) = gave_up(exit) {
                    // A coordinator that ended too knows better why.
                    break coordinator.end_within(LAST_WORD).await.unwrap_or(ended);
                }
                workers.start()?;
            }
            _ = tokio::signal::ctrl_c() => {
                if interrupted {
                    let message = "ended at once; run the job again to resume from its latest checkpoint".into();
                    break Ended { message, exit_code: exit::INTERRUPTED };
                }
                interrupted = true;
                coordinator.stop().await;
            }
        }
    };
    workers.end().await;
    Ok(ended)
}

fn died(who: &str) -> Ended {
    let message = format!("{who} died; run the job again to resume from its latest checkpoint");
    Ended { message, exit_code: exit::JOB_FAILED }
}

/// A worker that ended by itself could not do its work, and would not the next time. One that was killed is started again.
fn gave_up(exit: Option<i32>) -> Option<Ended> {
    let code = u8::try_from(exit?).ok().filter(|code| *code != exit::OK)?;
    let message = "a worker could not do its work; it said why above, and its log says more".into();
    Some(Ended { message, exit_code: code })
}

/// The worker processes of a job.
struct Workers<'a> {
    options: &'a JobOptions,
    coordinator: String,
    started: u32,
    exits: (tokio::sync::mpsc::UnboundedSender<Option<i32>>, UnboundedReceiver<Option<i32>>),
    waits: tokio::task::JoinSet<()>,
}

impl<'a> Workers<'a> {
    fn new(options: &'a JobOptions, coordinator: &str) -> Self {
        let exits = unbounded_channel();
        Self {
            options,
            coordinator: coordinator.into(),
            started: 0,
            exits,
            waits: tokio::task::JoinSet::new(),
        }
    }

    fn start(&mut self) -> Result<(), ProcessError> {
        self.started += 1;
        let mut child =
            self.options.start_worker(&self.coordinator, &format!("worker-{}", self.started), None)?;
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
    async fn end(mut self) {
        let all = async { while self.waits.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(5), all).await.is_err() {
            tracing::warn!("workers did not end in time and are killed");
        }
    }
}

/// Where a job's logs go by default.
#[must_use]
pub fn default_logs(config: &JobConfig) -> PathBuf {
    Path::new("truecut-runs").join(&config.name).join("logs")
}
