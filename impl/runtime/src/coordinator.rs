//! A coordinator process: hosts the coordinator role, its store, its timers and its connections to workers.
//!
//! It takes no lock: its supervisor holds the one of the checkpoint directory, and starts another coordinator when this one
//! dies. Of two that live, the compare-and-set on the head leaves one.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use truecut_core::{
    Attempt, Effect, Halt, Input, Job, Message, Op, Order, Outcome, Peer, Request, Subtask, Timer, Token,
    WorkerId,
};

use crate::admin::Admin;
use crate::config::JobConfig;
use crate::control;
use crate::crash_point;
use crate::driver::{Driver, Hosting};
use crate::event::{End, Event};
use crate::explain;
use crate::failure::{ProcessError, exit};
use crate::kafka::raw::{Isolation, RawClient};
use crate::metrics::{self, Board};
use crate::retries::Retries;
use crate::store::{Checkpoints, LocalDirectory, StateHandle};
use crate::task::Stepped;
use crate::timers::Timers;
use crate::trace::{Construction, Stamp};
use crate::types::Out;
use crate::wire::{Address, Frame, VERSION};

/// The most that an attempt waits for its first checkpoint, so that what waited for the attempt is committed soon. It is enough for
/// a source to have read: sooner, the checkpoint would find nothing, and what is read would wait for the next one.
const FIRST: Duration = Duration::from_millis(20);

/// What a coordinator process is told when it is started.
#[derive(Clone, Debug)]
pub struct CoordinatorOptions {
    /// The job.
    pub config: JobConfig,
    /// Tells it from every other coordinator.
    pub token: Token,
    /// Leave the completed checkpoints behind.
    pub fresh: bool,
    /// Go on after a lost transaction.
    pub accept_loss: bool,
    /// How roles are hosted.
    pub hosting: Hosting,
}

/// What happened to the process, as an input or not yet one.
enum Happening {
    Stepped(Stepped),
    Connected {
        stream: TcpStream,
    },
    Joined {
        pid: u32,
        data_address: String,
        outgoing: UnboundedSender<Frame>,
        closed: CancellationToken,
        reply: tokio::sync::oneshot::Sender<WorkerId>,
    },
    Left(WorkerId),
    SupervisorGone,
}

/// Runs a coordinator until its job ends. Events go to standard output; `stop` on standard input ends the job with a last
/// checkpoint, the end of standard input ends the process.
///
/// # Errors
/// It could not begin.
pub async fn run(options: CoordinatorOptions) -> Result<u8, ProcessError> {
    let config = &options.config;
    let directory = LocalDirectory::open(&config.checkpoints.directory, &config.name)?;
    let checkpoints = Checkpoints::new(Arc::new(directory));
    let raw = RawClient::new(config.cluster(&format!("{}-coordinator", config.name))?);
    let admin = Admin::new(raw.clone(), config.clone());
    let partitions = admin.check_topics().await?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| ProcessError::environment("listen for workers", &error))?;
    let address =
        listener.local_addr().map_err(|error| ProcessError::environment("listen for workers", &error))?;
    let job = config.job(partitions, options.accept_loss);
    let construction =
        Construction::Coordinator { job: job.clone(), token: options.token, fresh: options.fresh };
    let board = Board::default();
    if let Some(address) = &config.metrics {
        metrics::enable();
        tokio::spawn(metrics::serve(address.clone(), board.clone()));
        let isolation =
            if config.source.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
        tokio::spawn(metrics::follow_input(raw, config.source.topic.clone(), partitions, isolation));
    }
    let mut driver = Driver::new(&options.hosting, construction, WorkerId::new(0))?;

    let (happen, mut happenings) = unbounded_channel();
    let (fire, mut fired) = unbounded_channel();
    tokio::spawn(accept(listener, happen.clone()));
    tokio::spawn(listen_to_supervisor(happen.clone()));
    let mut hands = Hands {
        welcome: Welcome {
            config: serde_json::to_string(config).expect("a description is JSON"),
            partitions,
            accept_loss: options.accept_loss,
            board: board.clone(),
        },
        board,
        config: config.clone(),
        admin: Arc::new(admin),
        job: Arc::new(job),
        store: store_thread(checkpoints, happen.clone())?,
        timers: Timers::new(fire),
        retries: Retries::default(),
        happen,
        workers: BTreeMap::new(),
        joined: 0,
        attempt: Attempt::new(0),
        running: false,
        ended: None,
    };
    emit(&Event::Listening { address: address.to_string() });
    driver.step(Input::Begin.into(), |effect, stamp| hands.perform(effect, stamp));
    while hands.ended.is_none() {
        let stepped = tokio::select! {
            Some(happening) = happenings.recv() => match happening {
                Happening::SupervisorGone => return Ok(exit::INTERRUPTED),
                happening => hands.happened(happening),
            },
            Some((timer, armed)) = fired.recv() => {
                hands.timers.is_current(timer, armed).then(|| Stepped::from(Input::Fired(timer)))
            }
        };
        if let Some(stepped) = stepped {
            driver.step(stepped, |effect, stamp| hands.perform(effect, stamp));
        }
    }
    driver.finish();
    Ok(hands.ended.unwrap_or(exit::INTERNAL))
}

pub(crate) fn emit(event: &Event) {
    let mut out = std::io::stdout().lock();
    let line = serde_json::to_string(event).expect("an event is JSON");
    // A supervisor that is gone reads nothing; the end of standard input ends this process.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

async fn accept(listener: TcpListener, happen: UnboundedSender<Happening>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(happen.send(Happening::Connected { stream })),
            Err(error) => {
                tracing::warn!(%error, "can't accept a worker");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn listen_to_supervisor(happen: UnboundedSender<Happening>) {
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == "stop" {
            drop(happen.send(Happening::Stepped(Input::StopRequested.into())));
        }
        crash_point::listen(&line);
    }
    drop(happen.send(Happening::SupervisorGone));
}

/// Serves one worker: takes it on, passes on what it says, tells of its end. The connection ends with it.
async fn serve(stream: TcpStream, welcome: Welcome, happen: UnboundedSender<Happening>) {
    let Ok((mut incoming, outgoing)) = control::split(stream) else { return };
    let Some(Frame::Hello { version, pid, slots, data_address }) = incoming.next().await else { return };
    if version != VERSION {
        tracing::error!(version, "a worker of another version was turned away");
        return;
    }
    let (reply, accepted) = tokio::sync::oneshot::channel();
    let (closed, joining) = (CancellationToken::new(), outgoing.clone());
    drop(happen.send(Happening::Joined {
        pid,
        data_address,
        outgoing: joining,
        closed: closed.clone(),
        reply,
    }));
    let Ok(worker) = accepted.await else { return };
    let Welcome { config, partitions, accept_loss, board } = welcome;
    drop(outgoing.send(Frame::Welcome { worker: worker.get(), config, partitions, accept_loss }));
    drop(happen.send(Happening::Stepped(Input::WorkerJoined { worker, slots }.into())));
    while let Some(Some(frame)) = closed.run_until_cancelled(incoming.next()).await {
        match frame {
            Frame::Core { stamp, message, .. } => {
                let input = Input::Message { from: Peer::Worker(worker), message };
                drop(happen.send(Happening::Stepped(Stepped { input, stamp: Some(stamp) })));
            }
            Frame::Metrics(samples) => board.put(worker, samples),
            Frame::Hello { .. } | Frame::Welcome { .. } => {}
        }
    }
    drop(happen.send(Happening::Left(worker)));
}

/// Performs what goes to the store, in order, off the loop.
fn store_thread(
    checkpoints: Checkpoints,
    happen: UnboundedSender<Happening>,
) -> Result<std::sync::mpsc::Sender<(Op, Request<StateHandle>)>, ProcessError> {
    let (sender, requests) = std::sync::mpsc::channel::<(Op, Request<StateHandle>)>();
    let body = move || {
        for (op, request) in requests {
            let outcome = checkpoints.perform(&request);
            if let Outcome::Failed { detail } = &outcome {
                tracing::error!(op = op.name(), detail, "the checkpoint store refused");
            }
            drop(happen.send(Happening::Stepped(Input::Done { op, outcome }.into())));
        }
    };
    let spawned = std::thread::Builder::new().name("store".into()).spawn(body);
    spawned.map(|_| sender).map_err(|error| ProcessError::environment("start the store's thread", &error))
}

#[derive(Clone)]
struct Welcome {
    config: String,
    partitions: u32,
    accept_loss: bool,
    board: Board,
}

struct Connected {
    outgoing: UnboundedSender<Frame>,
    /// Closes the connection.
    closed: CancellationToken,
    data_address: String,
}

/// What the coordinator's effects act on.
struct Hands {
    welcome: Welcome,
    board: Board,
    config: JobConfig,
    admin: Arc<Admin>,
    job: Arc<Job>,
    store: std::sync::mpsc::Sender<(Op, Request<StateHandle>)>,
    timers: Timers,
    retries: Retries,
    happen: UnboundedSender<Happening>,
    workers: BTreeMap<WorkerId, Connected>,
    /// Workers that ever joined.
    joined: u32,
    /// For events only.
    attempt: Attempt,
    running: bool,
    ended: Option<u8>,
}

impl Hands {
    fn happened(&mut self, happening: Happening) -> Option<Stepped> {
        match happening {
            Happening::Stepped(stepped) => return Some(stepped),
            Happening::Connected { stream } => {
                drop(tokio::spawn(serve(stream, self.welcome.clone(), self.happen.clone())))
            }
            Happening::Joined { pid, data_address, outgoing, closed, reply } => {
                self.joined += 1;
                let worker = WorkerId::new(self.joined);
                self.workers.insert(worker, Connected { outgoing, closed, data_address });
                let _ = reply.send(worker);
                emit(&Event::WorkerJoined { worker: worker.get(), pid });
            }
            Happening::Left(worker) => {
                if self.workers.remove(&worker).is_some() {
                    self.board.remove(worker);
                    emit(&Event::WorkerLost { worker: worker.get() });
                }
                return Some(Input::WorkerLost(worker).into());
            }
            Happening::SupervisorGone => {}
        }
        None
    }

    fn perform(&mut self, effect: Out, stamp: Stamp) {
        match effect {
            Effect::Send { to: Peer::Worker(worker), message } => {
                self.tell(&message);
                self.send(worker, message, stamp);
            }
            Effect::Start { op, request } => self.start(op, request),
            Effect::Arm(timer) => {
                let after = self.after(timer);
                match timer {
                    Timer::Interval if self.running => return self.timers.arm_again(timer, after),
                    Timer::Interval => {
                        self.running = true;
                        emit(&Event::Running { attempt: self.attempt.get() });
                        return self.timers.arm(timer, after.min(FIRST));
                    }
                    Timer::Restart => emit(&Event::Restarting { attempt: self.attempt.get() }),
                    _ => {}
                }
                self.timers.arm(timer, after);
            }
            Effect::Disarm(timer) => self.timers.disarm(timer),
            Effect::Disconnect(worker) => {
                if let Some(connected) = self.workers.remove(&worker) {
                    connected.closed.cancel();
                    self.board.remove(worker);
                    emit(&Event::WorkerLost { worker: worker.get() });
                }
            }
            Effect::Halt(halt) => self.halt(&halt),
            _ => unreachable!("no effect of a coordinator"),
        }
    }

    fn send(&self, worker: WorkerId, message: Message<StateHandle>, stamp: Stamp) {
        let Some(connected) = self.workers.get(&worker) else { return };
        let addresses = match &message {
            Message::Deploy(deployment) => {
                deployment.placement.iter().filter_map(|worker| self.address(*worker)).collect()
            }
            _ => Vec::new(),
        };
        drop(connected.outgoing.send(Frame::Core { stamp, message, addresses }));
    }

    fn address(&self, worker: WorkerId) -> Option<Address> {
        let at = self.workers.get(&worker)?.data_address.clone();
        Some(Address { worker: worker.get(), at })
    }

    /// Events for the supervisor, once for each checkpoint: the first subtask stands for all.
    fn tell(&mut self, message: &Message<StateHandle>) {
        match message {
            Message::Deploy(deployment) if self.attempt != deployment.attempt => {
                self.attempt = deployment.attempt;
                self.running = false;
                emit(&Event::Attempt {
                    attempt: self.attempt.get(),
                    restored: deployment.restored.id.get(),
                    workers: deployment.placement.iter().map(|worker| worker.get()).collect(),
                });
            }
            Message::ToSubtask { attempt, subtask, order } if *subtask == Subtask::source(0) => {
                let attempt = attempt.get();
                emit(&match order {
                    Order::Trigger { checkpoint, last } => {
                        Event::Triggered { attempt, checkpoint: checkpoint.get(), last: *last }
                    }
                    Order::Completed(checkpoint) => {
                        Event::Completed { attempt, checkpoint: checkpoint.get() }
                    }
                    Order::Aborted(checkpoint) => Event::Aborted { attempt, checkpoint: checkpoint.get() },
                });
            }
            _ => {}
        }
    }

    fn start(&self, op: Op, request: Request<StateHandle>) {
        match request {
            Request::ReadHead
            | Request::SwapHead { .. }
            | Request::ReadCheckpoint(_)
            | Request::WriteCheckpoint(_)
            | Request::Discard(_)
            | Request::DiscardBelow(_) => drop(self.store.send((op, request))),
            request => {
                let (admin, job, happen) =
                    (Arc::clone(&self.admin), Arc::clone(&self.job), self.happen.clone());
                tokio::spawn(async move {
                    let outcome = admin.perform(&job, request).await;
                    drop(happen.send(Happening::Stepped(Input::Done { op, outcome }.into())));
                });
            }
        }
    }

    fn after(&mut self, timer: Timer) -> Duration {
        let (checkpoints, workers) = (&self.config.checkpoints, &self.config.workers);
        match timer {
            Timer::Interval => Duration::from_millis(checkpoints.interval_ms),
            Timer::MinPause => Duration::from_millis(checkpoints.min_pause_ms),
            Timer::Expiry(_) => Duration::from_millis(checkpoints.timeout_ms),
            Timer::Heartbeat => Duration::from_millis(workers.heartbeat_ms),
            Timer::Silence(_) => Duration::from_millis(workers.heartbeat_timeout_ms),
            Timer::Restart => Duration::from_millis(checkpoints.restart_delay_ms),
            Timer::Retry(op) => self.retries.pause(op),
        }
    }

    fn halt(&mut self, halt: &Halt) {
        let (end, exit_code) = match halt {
            Halt::Finished(_) => (End::Finished, exit::OK),
            Halt::Failed { reason, .. } if explain::is_bad_data(reason) => (End::Failed, exit::BAD_DATA),
            Halt::Failed { .. } => (End::Failed, exit::JOB_FAILED),
            Halt::DataLoss { .. } => (End::DataLoss, exit::JOB_FAILED),
            Halt::Superseded => (End::Superseded, exit::JOB_FAILED),
        };
        emit(&Event::Ended { end, message: explain::halt(halt, &self.config), exit_code });
        self.ended = Some(exit_code);
    }
}
