//! The coordinators of the job under test: the one in charge, its successors, and those that were thought dead.

use std::process::ExitStatus;
use std::time::Instant;

use nix::sys::signal::Signal;
use truecut_runtime::crash_point::CrashAt;
use truecut_runtime::event::{End, Event as Told};
use truecut_runtime::launch::{Coordinator, CoordinatorStart, JobOptions, Started, status_text};
use truecut_runtime::tokens::Tokens;

use super::super::log;
use super::super::seen::Ended;
use super::{Subject, unwritable};
use crate::failure::Failure;
use crate::history::{Event, KillAt, Who};

/// The coordinator in charge.
pub(super) struct Chief {
    pub(super) process: Box<Coordinator>,
    /// Which one since the run began, from 1.
    pub(super) number: u32,
    pub(super) pid: u32,
    /// Its log's name.
    name: String,
    armed: Option<CrashAt>,
    /// The signal that it was sent to end it, and when.
    pub(super) struck: Option<(Signal, Instant)>,
    paused: Option<Instant>,
}

/// A coordinator that another one took over from has ended.
pub(super) struct Haunted {
    number: u32,
    pid: u32,
    paused: Option<Instant>,
    /// Its last word.
    end: Option<End>,
    /// Checkpoints that it called complete after it had come back.
    completed: Vec<u64>,
    status: Option<ExitStatus>,
}

impl Chief {
    pub(super) async fn start(
        options: &JobOptions,
        tokens: &mut Tokens,
        number: u32,
        armed: Option<CrashAt>,
    ) -> Result<Self, Failure> {
        let name = if number == 1 { "coordinator".to_owned() } else { format!("coordinator-{number}") };
        let crash_at = armed.as_ref().map(ToString::to_string);
        let start =
            CoordinatorStart { name: name.clone(), token: tokens.draw(), fresh: options.fresh, crash_at };
        let process = match options.start_coordinator(start).await? {
            Started::Listening(process) => process,
            Started::Died(status) => {
                let log = options.log(&name);
                return Err(Failure::environment(format!(
                    "a coordinator ended as it was started ({}); its log {} may say why",
                    status_text(status),
                    log.display()
                )));
            }
        };
        let pid = process.pid().ok_or_else(|| Failure::internal("a new process has no id"))?;
        Ok(Self { process, number, pid, name, armed, struck: None, paused: None })
    }

    pub(super) async fn arm(&mut self, at: CrashAt) {
        self.process.arm(&at).await;
        self.armed = Some(at);
    }
}

impl Subject {
    /// The process of the coordinator in charge.
    pub(in super::super) fn coordinator(&self) -> u32 {
        self.chief.pid
    }

    pub(super) fn tell_start(&self) -> Result<(), Failure> {
        let Chief { number, pid, armed, .. } = &self.chief;
        self.record(Event::CoordinatorStarted { coordinator: *number, pid: *pid })?;
        if let Some(at) = armed {
            self.note(format!("coordinator {number} (process {pid}) is armed for {at}"))?;
        }
        Ok(())
    }

    /// The coordinator's last event was read: was it a kill, and was it the planned one? Another one takes over.
    pub(super) async fn coordinator_gone(&mut self) -> Result<(), Failure> {
        let status = self.chief.process.exit_status().await?;
        let at = Instant::now();
        let Chief { number, pid, .. } = self.chief;
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        let signal = signal.and_then(|signal| Signal::try_from(signal).ok());
        let is_by = |wanted: Signal| signal == Some(wanted);
        let log = self.options.log(&self.chief.name);
        let crash_point = self.chief.armed.as_ref().map(|at| at.point.clone()).filter(|point| {
            is_by(Signal::SIGKILL) && log::names_crash_point(&self.options.logs, &self.chief.name, point)
        });
        let who = (Who::Coordinator, number, pid);
        if let Some(point) = crash_point {
            self.killed(who, at, KillAt::CrashPoint(point), true)?;
        } else if let Some((Signal::SIGKILL, when)) = self.chief.struck {
            self.killed(who, when, KillAt::Random, is_by(Signal::SIGKILL))?;
        } else if let Some((signal, when)) = self.chief.struck {
            self.stopped(who, when, is_by(signal))?;
        }
        let exited = Event::CoordinatorExited { coordinator: number, pid, status: status_text(status) };
        self.history.record_at(at, exited).map_err(unwritable)?;
        let expected = self.chief.struck.is_some_and(|(signal, _)| is_by(signal));
        if !is_by(Signal::SIGKILL) && !expected {
            let message = format!("the coordinator died ({}); see {}", status_text(status), log.display());
            return self.end(Ended { exit_code: truecut_runtime::failure::exit::INTERNAL, message });
        }
        if self.seen.ended.is_some() {
            return Ok(());
        }
        match self.take_over().await {
            Ok(_) => Ok(()),
            // What a person would be told who starts the job again.
            Err(failure) => self.end(Ended { exit_code: failure.exit.code(), message: failure.message }),
        }
    }

    /// Starts another coordinator, with workers of its own, and returns the one that was in charge.
    pub(super) async fn take_over(&mut self) -> Result<Chief, Failure> {
        let armed = self.next_coordinator.take();
        let chief = Chief::start(&self.options, &mut self.tokens, self.chief.number + 1, armed).await?;
        let old = std::mem::replace(&mut self.chief, chief);
        self.tell_start()?;
        self.joined.clear();
        self.seen.active.clear();
        self.seen.attempt_is_lost();
        self.start_workers()?;
        if self.stopping {
            self.chief.process.stop().await;
        }
        Ok(old)
    }

    /// The coordinator in charge is paused and given up for dead: another one takes over, while the old one's workers still run.
    pub(in super::super) async fn supplant(&mut self) -> Result<(), Failure> {
        let old = self.take_over().await?;
        let ended = self.haunted.0.clone();
        self.seen.zombies += 1;
        self.waits.spawn(async move {
            let Chief { mut process, number, pid, paused, .. } = old;
            let (mut end, mut completed) = (None, Vec::new());
            while let Some(event) = process.next_event().await {
                if let Told::Ended { end: word, .. } = event {
                    end = Some(word);
                } else if let Told::Completed { checkpoint, .. } = event {
                    completed.push(checkpoint);
                }
            }
            let status = process.exit_status().await.ok();
            drop(ended.send(Haunted { number, pid, paused, end, completed, status }));
        });
        Ok(())
    }

    /// A zombie has ended: it must have found out that another one took over, and have completed nothing.
    pub(super) fn zombie_ended(&mut self, haunted: Haunted) -> Result<(), Failure> {
        let Haunted { number, pid, paused, end, completed, status } = haunted;
        self.seen.zombies -= 1;
        self.seen.zombies_ended += 1;
        self.faults.extend(paused.map(|paused| (paused, Instant::now())));
        let text = status.map_or_else(|| "unknown".to_owned(), status_text);
        self.record(Event::CoordinatorExited { coordinator: number, pid, status: text.clone() })?;
        let end = match end {
            Some(End::Superseded) => "superseded".to_owned(),
            Some(other) => format!("not superseded but {other:?}"),
            None => format!("without a word ({text})"),
        };
        self.note(format!("coordinator {number} came back as a zombie and ended: {end}"))?;
        if completed.is_empty() {
            return Ok(());
        }
        self.note(format!("coordinator {number} called checkpoints {completed:?} complete as a zombie"))
    }

    pub(super) fn mark_coordinator_paused(&mut self) {
        self.chief.paused = Some(Instant::now());
    }
}
