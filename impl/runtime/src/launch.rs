//! Starts the processes of a job, and talks with its coordinator. When to start which is the supervisor's.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use truecut_core::Token;

use crate::config::JobConfig;
use crate::crash_point::CrashAt;
use crate::event::Event;
use crate::failure::{ProcessError, exit};
use crate::process::{COORDINATOR, Common, CoordinatorArguments, WORKER, WorkerArguments};
use crate::store::{LocalDirectory, Lock};

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
    /// What coordinators have in their environment beside what this process has: names and values.
    pub coordinator_environment: Vec<(String, String)>,
}

/// How one coordinator is started.
#[derive(Clone, Debug)]
pub struct CoordinatorStart {
    /// Its log's name.
    pub name: String,
    /// Tells it from every other one.
    pub token: Token,
    /// Leave the completed checkpoints behind. Only before the first deployment: what a job has done since is not to be repeated.
    pub fresh: bool,
    /// `POINT:ORDINAL` at which it kills itself.
    pub crash_at: Option<String>,
}

/// What came of starting a coordinator.
#[derive(Debug)]
pub enum Started {
    /// Workers may connect.
    Listening(Box<Coordinator>),
    /// It died before it said a word.
    Died(ExitStatus),
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

    /// Keeps other supervisors away from the checkpoint directory, until the lock is dropped or this process dies. It is held by
    /// supervisors and not by coordinators: it saves a person from running a job twice, and must not be what keeps a coordinator
    /// that was thought dead from doing harm. That is the compare-and-set on the head.
    ///
    /// # Errors
    /// The directory can't be used, or another supervisor has it.
    pub fn lock(&self) -> Result<Lock, ProcessError> {
        let directory = LocalDirectory::open(&self.config.checkpoints.directory, &self.config.name)?;
        Ok(directory.lock()?)
    }

    /// Where the log of this process is.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn common(&self, name: &str) -> Common {
        Common { log: self.log(name), traces: self.traces.clone(), mutant: self.mutant.clone() }
    }

    /// Starts a worker. `name` is its log's; `crash_at` a crash point at which it kills itself. Lines on its standard input arm others:
    /// see [`crash_point::listen`](crate::crash_point::listen).
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
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().map_err(|error| ProcessError::environment("start a worker process", &error))
    }

    /// Starts a coordinator and waits until workers may connect.
    ///
    /// # Errors
    /// The process can't be started, or ended at once: the error says why.
    pub async fn start_coordinator(&self, start: CoordinatorStart) -> Result<Started, ProcessError> {
        let CoordinatorStart { name, token, fresh, crash_at } = start;
        let common = self.common(&name);
        let (config, accept_loss) = (self.config.clone(), self.accept_loss);
        let arguments =
            CoordinatorArguments { config, token: token.get(), fresh, accept_loss, crash_at, common };
        let json = serde_json::to_string(&arguments).expect("arguments are JSON");
        let mut command = again(COORDINATOR, &json)?;
        command.envs(self.coordinator_environment.iter().cloned());
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
                Ok(Started::Listening(Box::new(coordinator)))
            }
            Some(Event::Ended { message, exit_code, .. }) => Err(match exit_code {
                exit::BAD_DATA => ProcessError::BadData { detail: message },
                exit::ENVIRONMENT => ProcessError::Environment { detail: message },
                _ => ProcessError::Internal { detail: message },
            }),
            None => Ok(Started::Died(coordinator.exit_status().await?)),
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

/// A coordinator process. It is killed when this is dropped.
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

    /// Asks for a last checkpoint and the end of the job.
    pub async fn stop(&mut self) {
        self.tell("stop").await;
    }

    /// Arms a crash point of the process.
    pub async fn arm(&mut self, at: &CrashAt) {
        self.tell(&format!("arm {at}")).await;
    }

    async fn tell(&mut self, line: &str) {
        if self.stdin.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            tracing::debug!(line, "the coordinator ended before it could be told");
        }
    }

    /// How the process ended: waits for that.
    ///
    /// # Errors
    /// The kernel does not say.
    pub async fn exit_status(&mut self) -> Result<ExitStatus, ProcessError> {
        let status = self.child.wait().await;
        status.map_err(|error| ProcessError::environment("wait for the coordinator process", &error))
    }

    /// Waits for the end of the process.
    pub async fn wait(mut self) -> Option<i32> {
        drop(self.stdin);
        self.child.wait().await.ok()?.code()
    }
}

/// How a process ended, in words: `signal 9` or `exit code 0`.
#[must_use]
pub fn status_text(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => status.to_string(),
    }
}
