//! `truecut run`: runs a job until it ends or Ctrl-C asks for its last checkpoint.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use truecut::failure::Failure;
use truecut::verdict::SCHEMA;
use truecut_runtime::config::JobConfig;
use truecut_runtime::event::Event;
use truecut_runtime::failure::exit;
use truecut_runtime::supervise::{self, JobOptions};

use super::{Outcome, output, runtime, show};

/// Run a job: processes, checkpoints, recovery; Ctrl-C ends it with a last checkpoint
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The job's description
    #[arg(value_name = "JOB.toml")]
    job: PathBuf,
    /// Begin anew instead of resuming from the latest checkpoint; older ones are deleted once newer ones are complete
    #[arg(long)]
    fresh: bool,
    /// Go on after a transaction was lost
    #[arg(long)]
    accept_loss: bool,
    /// Directory of the processes' logs [default: truecut-runs/JOB/logs]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Record the traces of all roles in this directory
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Write what happens into this file: a JSON object a line, with the time
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Serve metrics there in Prometheus's text format, at /metrics [default: as the job's description says]
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
    /// Print one JSON document at the end, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    seconds: f64,
    exit_code: u8,
    message: String,
    attempts: u64,
    checkpoints_completed: u64,
    workers_lost: u64,
    coordinators_lost: u64,
}

impl Run {
    pub(super) fn run(&self) -> Outcome {
        let mut config = JobConfig::read(&self.job).map_err(|error| Failure::bad_data(error.to_string()))?;
        config.metrics = self.metrics.clone().or(config.metrics);
        let logs = self.logs.clone().unwrap_or_else(|| supervise::default_logs(&config));
        let options = JobOptions {
            config,
            fresh: self.fresh,
            accept_loss: self.accept_loss,
            logs,
            traces: self.traces.clone(),
            mutant: None,
            coordinator_environment: Vec::new(),
        };
        let started = Instant::now();
        let mut told = Told::new(self.json);
        let mut events = self.events.as_deref().map(Events::create).transpose()?;
        let runtime = runtime()?;
        let ended = runtime.block_on(supervise::run(&options, |event| {
            told.event(event);
            if let Some(events) = &mut events {
                events.write(event);
            }
        }));
        runtime.shutdown_background();
        told.clear();
        let ended = ended?;
        if self.json {
            output::document(&Document {
                schema: SCHEMA,
                command: "run",
                seconds: started.elapsed().as_secs_f64(),
                exit_code: ended.exit_code,
                message: ended.message.clone(),
                attempts: told.attempts,
                checkpoints_completed: told.checkpoints,
                workers_lost: told.workers_lost,
                coordinators_lost: told.coordinators_lost,
            });
        } else if ended.exit_code == exit::OK {
            output::line(&ended.message);
        } else {
            output::error(&format!("{}\nlogs: {}", ended.message, options.logs.display()));
        }
        Ok(ended.exit_code)
    }
}

/// The file of events.
struct Events {
    file: File,
    /// The first failure to write was told.
    failed: bool,
}

/// A line of it.
#[derive(Serialize)]
struct EventLine<'a> {
    /// By the wall clock, us since 1970.
    unix_us: u128,
    #[serde(flatten)]
    event: &'a Event,
}

impl Events {
    fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(Failure::at("write", path))?;
        Ok(Self { file, failed: false })
    }

    /// The job goes on if it can't be written.
    fn write(&mut self, event: &Event) {
        let unix_us =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        let line = serde_json::to_string(&EventLine { unix_us, event });
        let written = line.map_err(std::io::Error::from).and_then(|line| writeln!(self.file, "{line}"));
        if let Err(error) = written
            && !self.failed
        {
            self.failed = true;
            output::error(&format!("events can't be written: {error}"));
        }
    }
}

/// Tells a person what happens: lines for what is rare, one live line for checkpoints.
struct Told {
    quiet: bool,
    live: Option<ProgressBar>,
    attempts: u64,
    checkpoints: u64,
    workers_lost: u64,
    coordinators_lost: u64,
}

impl Told {
    fn new(quiet: bool) -> Self {
        let live = (!quiet && std::io::stderr().is_terminal()).then(show::spinner);
        Self { quiet, live, attempts: 0, checkpoints: 0, workers_lost: 0, coordinators_lost: 0 }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Attempt { attempt, restored, .. } => {
                self.attempts += 1;
                self.say(&format!("attempt {attempt} is deployed, from checkpoint {restored}"));
            }
            Event::Running { attempt } => {
                self.say(&format!("attempt {attempt} runs; Ctrl-C ends it with a last checkpoint"))
            }
            Event::Completed { checkpoint, .. } => {
                self.checkpoints += 1;
                self.show(format!("checkpoint {checkpoint} is complete, {} in all", self.checkpoints));
            }
            Event::Aborted { checkpoint, .. } => self.say(&format!("checkpoint {checkpoint} was given up")),
            Event::Triggered { last: true, .. } => self.say("last checkpoint"),
            Event::WorkerLost { worker } => {
                self.workers_lost += 1;
                self.say(&format!("worker {worker} is gone"));
            }
            Event::CoordinatorDied { status } => {
                self.coordinators_lost += 1;
                self.say(&format!("the coordinator died ({status}), another one takes over"));
            }
            Event::Restarting { attempt } => {
                self.say(&format!("attempt {attempt} failed, the job restarts from its latest checkpoint"))
            }
            Event::Listening { .. }
            | Event::WorkerJoined { .. }
            | Event::Triggered { .. }
            | Event::Ended { .. } => {}
        }
    }

    fn say(&self, text: &str) {
        match &self.live {
            Some(bar) => bar.println(text),
            None if self.quiet => {}
            None => drop(writeln!(std::io::stderr().lock(), "{text}")),
        }
    }

    fn show(&self, text: String) {
        if let Some(bar) = &self.live {
            bar.set_message(text);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }
}
