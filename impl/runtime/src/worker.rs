//! A worker process: hosts the worker role and the tasks that it launches.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "one alphabet serves all roles; only some of it concerns this one"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use truecut_core::{Attempt, Deployment, Effect, Input, Job, Peer, Subtask, Task, Vertex, WorkerId};

use crate::batch::BatchPool;
use crate::config::JobConfig;
use crate::control::{self, Incoming};
use crate::credit::{CREDITS, CreditReturn, Credits};
use crate::data::{self, Accepted, ChannelName, Offer};
use crate::driver::{Driver, Hosting};
use crate::exchange::{ElementInbox, OutputChannel, Outputs, Target};
use crate::failure::ProcessError;
use crate::inbox::Inbox;
use crate::kafka::producer::TransactionalProducers;
use crate::kafka::raw::RawClient;
use crate::metrics;
use crate::program::Functions;
use crate::store::{Checkpoints, LocalDirectory, StateHandle};
use crate::task::{Chain, Reported, Shared, SourceInbox, SourceTask, Stepped};
use crate::trace::{Construction, Stamp};
use crate::types::{Mail, Out};
use crate::wire::{Address, Frame, VERSION};

/// Batches that producers have emptied and that are kept, and the most bytes of one.
pub(crate) const POOLED_BATCHES: usize = 16;
pub(crate) const POOLED_BYTES: usize = 1 << 20;
/// How long a process that ends waits for its tasks.
const GRACE: std::time::Duration = std::time::Duration::from_secs(3);

/// What a worker process is told when it is started.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Where the coordinator listens.
    pub coordinator: String,
    /// Slots to offer.
    pub slots: u16,
    /// How roles are hosted.
    pub hosting: Hosting,
}

/// Runs a worker until its coordinator is gone.
///
/// # Errors
/// It could not begin: the coordinator does not answer, or the checkpoint directory can't be opened.
pub async fn run(options: WorkerOptions, functions: &Functions) -> Result<(), ProcessError> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| ProcessError::environment("listen for data channels", &error))?;
    let data_address = listener
        .local_addr()
        .map_err(|error| ProcessError::environment("listen for data channels", &error))?;
    let unreachable = |error| {
        ProcessError::environment(&format!("connect to the coordinator at {}", options.coordinator), &error)
    };
    let stream = TcpStream::connect(&options.coordinator).await.map_err(unreachable)?;
    let (mut incoming, outgoing) = control::split(stream).map_err(unreachable)?;
    let hello = Frame::Hello {
        version: VERSION,
        pid: std::process::id(),
        slots: options.slots,
        data_address: data_address.to_string(),
    };
    drop(outgoing.send(hello));
    let Some(Frame::Welcome { worker, config, partitions, accept_loss }) = incoming.next().await else {
        tracing::info!("the coordinator ended before it took this worker on");
        return Ok(());
    };
    let config: JobConfig = serde_json::from_str(&config)
        .map_err(|error| ProcessError::Internal { detail: error.to_string() })?;
    let job = config.job(partitions, accept_loss);
    if config.metrics.is_some() {
        metrics::enable();
        tokio::spawn(send_metrics(outgoing.clone()));
    }
    let mut host = Host::new(WorkerId::new(worker), &options, config, job, outgoing, functions)?;
    host.serve(incoming, listener).await;
    host.finish();
    Ok(())
}

/// Sends what this process has counted, until the coordinator is gone.
async fn send_metrics(outgoing: UnboundedSender<Frame>) {
    while outgoing.send(Frame::Metrics(metrics::samples())).is_ok() {
        tokio::time::sleep(metrics::INTERVAL).await;
    }
}

/// The role and what its effects act on.
struct Host {
    driver: Option<Driver>,
    hands: Hands,
    reports: UnboundedReceiver<Reported>,
    /// To itself: subtasks are told of what the worker sends to them.
    broken: (UnboundedSender<ChannelName>, UnboundedReceiver<ChannelName>),
}

struct Hands {
    worker: WorkerId,
    shared: Shared,
    hosting: Hosting,
    outgoing: UnboundedSender<Frame>,
    broken: UnboundedSender<ChannelName>,
    /// What runs, by attempt.
    running: BTreeMap<Attempt, Running>,
    /// Where the workers of the newest deployment listen.
    addresses: Vec<Address>,
    /// The launch that failed, until the role is told.
    failed: Option<(Attempt, String)>,
    /// Offers that the role has not settled.
    offers: BTreeMap<ChannelName, oneshot::Sender<Accepted>>,
    /// Threads of tasks that were stopped.
    ending: Vec<std::thread::JoinHandle<()>>,
}

/// The tasks of one attempt.
struct Running {
    stop: CancellationToken,
    sources: BTreeMap<u16, Arc<SourceInbox>>,
    chains: BTreeMap<u16, Arc<ElementInbox>>,
    credits: Vec<Arc<Credits>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Host {
    fn new(
        worker: WorkerId,
        options: &WorkerOptions,
        config: JobConfig,
        job: Job,
        outgoing: UnboundedSender<Frame>,
        functions: &Functions,
    ) -> Result<Self, ProcessError> {
        let driver = Driver::new(&options.hosting, Construction::Worker, worker)?;
        let (reporter, reports) = unbounded_channel();
        let directory = LocalDirectory::open(&config.checkpoints.directory, &config.name)?;
        let cluster = config.cluster(&format!("{}-{worker}", config.name))?;
        let raw = RawClient::new(cluster.clone());
        let shared = Shared {
            function: functions.named(&config.operator.function)?,
            producers: TransactionalProducers::new(
                config.sink.producer_settings(cluster.clone()),
                raw.clone(),
                BatchPool::new(POOLED_BATCHES, POOLED_BYTES),
            ),
            checkpoints: Checkpoints::new(Arc::new(directory)),
            runtime: Handle::current(),
            reports: reporter,
            config: Arc::new(config),
            job: Arc::new(job),
            cluster,
            raw,
        };
        let broken = unbounded_channel();
        let hands = Hands {
            worker,
            shared,
            hosting: options.hosting.clone(),
            outgoing,
            broken: broken.0.clone(),
            running: BTreeMap::new(),
            addresses: Vec::new(),
            failed: None,
            offers: BTreeMap::new(),
            ending: Vec::new(),
        };
        Ok(Self { driver: Some(driver), hands, reports, broken })
    }

    async fn serve(&mut self, mut incoming: Incoming, listener: TcpListener) {
        let (offers, mut offered) = unbounded_channel();
        let server = tokio::spawn(data::serve(listener, offers, self.broken.0.clone()));
        self.step(Input::Begin.into());
        loop {
            tokio::select! {
                frame = incoming.next() => match frame {
                    Some(Frame::Core { stamp, message, addresses }) => {
                        if !addresses.is_empty() {
                            self.hands.addresses = addresses;
                        }
                        self.step(Stepped { input: Input::Message { from: Peer::Coordinator, message }, stamp: Some(stamp) });
                    }
                    Some(Frame::Hello { .. } | Frame::Welcome { .. } | Frame::Metrics(_)) => tracing::error!("a frame that no coordinator sends now"),
                    None => break,
                },
                Some(Reported { from, message, stamp }) = self.reports.recv() => {
                    self.step(Stepped { input: Input::Message { from: Peer::Subtask(from), message }, stamp });
                }
                Some(Offer { name, decision }) = offered.recv() => {
                    self.hands.offers.insert(name, decision);
                    let ChannelName { attempt, from, to } = name;
                    self.step(Input::ChannelOffered { attempt, from, to }.into());
                }
                Some(name) = self.broken.1.recv() => {
                    let subtask = self.hands.end_of(name);
                    self.step(Input::ChannelBroken { attempt: name.attempt, subtask }.into());
                }
            }
        }
        tracing::info!("the coordinator is gone");
        self.step(Input::CoordinatorLost.into());
        server.abort();
    }

    fn step(&mut self, stepped: Stepped) {
        let hands = &mut self.hands;
        if let Some(driver) = &mut self.driver {
            driver.step(stepped, |effect, stamp| hands.perform(effect, stamp));
            if let Some((attempt, detail)) = hands.failed.take() {
                let input = Input::LaunchFailed { attempt, detail };
                driver.step(input.into(), |effect, stamp| hands.perform(effect, stamp));
            }
        }
    }

    fn finish(mut self) {
        self.hands.join();
        if let Some(driver) = self.driver.take() {
            driver.finish();
        }
    }
}

impl Hands {
    fn perform(&mut self, effect: Out, stamp: Stamp) {
        match effect {
            Effect::Send { to: Peer::Coordinator, message } => {
                drop(self.outgoing.send(Frame::Core { stamp, message, addresses: Vec::new() }));
            }
            Effect::Send { to: Peer::Subtask(subtask), message } => self.pass_on(subtask, message, stamp),
            Effect::Launch(deployment) => self.launch(deployment),
            Effect::Stop(attempt) => self.stop(attempt),
            Effect::Accept { attempt, from, to } => self.accept(ChannelName { attempt, from, to }),
            // Dropping the decision closes the connection.
            Effect::Refuse { attempt, from, to } => {
                drop(self.offers.remove(&ChannelName { attempt, from, to }))
            }
            _ => unreachable!("no effect of a worker"),
        }
    }

    fn pass_on(&self, subtask: Subtask, message: Mail, stamp: Stamp) {
        let Mail::ToSubtask { attempt, .. } = &message else { return };
        let Some(running) = self.running.get(attempt) else { return };
        let stepped =
            Stepped { input: Input::Message { from: Peer::Coordinator, message }, stamp: Some(stamp) };
        match subtask.vertex {
            Vertex::Source => {
                if let Some(inbox) = running.sources.get(&subtask.index) {
                    inbox.push_control(subtask, stepped);
                }
            }
            Vertex::Operator | Vertex::Sink => {
                if let Some(inbox) = running.chains.get(&subtask.index) {
                    inbox.push_control(subtask, stepped);
                }
            }
        }
    }

    /// The subtask at this end of a channel.
    fn end_of(&self, name: ChannelName) -> Subtask {
        let is_here = self
            .running
            .get(&name.attempt)
            .is_some_and(|running| running.chains.contains_key(&name.to.index));
        if is_here { name.to } else { name.from }
    }

    fn launch(&mut self, deployment: Deployment<StateHandle>) {
        let attempt = deployment.attempt;
        tracing::info!(attempt = attempt.get(), tasks = deployment.tasks.len(), restored = %deployment.restored, "launch");
        let mut tasks: BTreeMap<Subtask, Task<StateHandle>> = BTreeMap::new();
        for task in deployment.tasks.iter().cloned() {
            tasks.insert(task.subtask, task);
        }
        let mut running = Running {
            stop: CancellationToken::new(),
            sources: BTreeMap::new(),
            chains: BTreeMap::new(),
            credits: Vec::new(),
            threads: Vec::new(),
        };
        let operators: Vec<u16> = tasks
            .keys()
            .filter(|subtask| subtask.vertex == Vertex::Operator)
            .map(|subtask| subtask.index)
            .collect();
        let sources: Vec<u16> = tasks
            .keys()
            .filter(|subtask| subtask.vertex == Vertex::Source)
            .map(|subtask| subtask.index)
            .collect();
        // All gates before any thread: a source may send to its neighbour at once.
        for index in &operators {
            running.chains.insert(*index, Arc::new(Inbox::new(self.shared.job.operator_channels())));
        }
        let mut launched = Ok(());
        for index in operators {
            launched =
                launched.and_then(|()| self.launch_chain(index, &deployment, &mut tasks, &mut running));
        }
        for index in sources {
            launched =
                launched.and_then(|()| self.launch_source(index, &deployment, &mut tasks, &mut running));
        }
        self.running.insert(attempt, running);
        if let Err(detail) = launched {
            tracing::error!(attempt = attempt.get(), detail, "launch failed");
            self.failed = Some((attempt, detail));
        }
    }

    fn driver(
        &self,
        deployment: &Deployment<StateHandle>,
        task: Option<Task<StateHandle>>,
    ) -> Result<Driver, String> {
        let task = task.ok_or("a deployment without one of its tasks")?;
        let drained_at = deployment.drained_at();
        let construction = Construction::Subtask {
            job: Job::clone(&self.shared.job),
            attempt: deployment.attempt,
            origin: deployment.origin,
            task,
            drained_at,
        };
        Driver::new(&self.hosting, construction, self.worker).map_err(|error| error.to_string())
    }

    fn launch_chain(
        &self,
        index: u16,
        deployment: &Deployment<StateHandle>,
        tasks: &mut BTreeMap<Subtask, Task<StateHandle>>,
        running: &mut Running,
    ) -> Result<(), String> {
        let operator = self.driver(deployment, tasks.remove(&Subtask::operator(index)))?;
        let sink = self.driver(deployment, tasks.remove(&Subtask::sink(index)))?;
        let inbox = running.chains.get(&index).expect("its gate was made");
        let stop = running.stop.clone();
        let (chain, snapshots) =
            Chain::new(index, self.shared.clone(), Arc::clone(inbox), stop, operator, sink);
        running.threads.push(thread(format!("state-{index}"), move || snapshots.run())?);
        running.threads.push(thread(format!("operator-{index}"), move || chain.run())?);
        Ok(())
    }

    fn launch_source(
        &self,
        index: u16,
        deployment: &Deployment<StateHandle>,
        tasks: &mut BTreeMap<Subtask, Task<StateHandle>>,
        running: &mut Running,
    ) -> Result<(), String> {
        let subtask = Subtask::source(index);
        let driver = self.driver(deployment, tasks.remove(&subtask))?;
        let channel = self.shared.job.channel_of_source(index);
        let mut channels = Vec::new();
        for operator in self.shared.job.outputs_of_source(index) {
            let credits = Arc::new(Credits::new());
            running.credits.push(Arc::clone(&credits));
            let target = if let Some(inbox) = running.chains.get(&operator) {
                inbox.connect(channel, CreditReturn::Local(Arc::clone(&credits)));
                credits.give(CREDITS);
                Target::Local(Arc::clone(inbox), channel)
            } else {
                self.connect(subtask, operator, deployment, &credits, running)?
            };
            channels.push(OutputChannel { credits, target });
        }
        let inbox: Arc<SourceInbox> = Arc::new(Inbox::new(1));
        running.sources.insert(index, Arc::clone(&inbox));
        let task = SourceTask::new(
            subtask,
            self.shared.clone(),
            inbox,
            Outputs::new(self.shared.job.exchange, channels),
        );
        running.threads.push(thread(format!("source-{index}"), move || task.run(driver))?);
        Ok(())
    }

    fn connect(
        &self,
        from: Subtask,
        operator: u16,
        deployment: &Deployment<StateHandle>,
        credits: &Arc<Credits>,
        running: &Running,
    ) -> Result<Target, String> {
        let to = Subtask::operator(operator);
        let worker = deployment.worker_of(to).get();
        let address = self.addresses.iter().find(|address| address.worker == worker);
        let address = address.ok_or_else(|| format!("nobody said where worker {worker} listens"))?.at.clone();
        let name = ChannelName { attempt: deployment.attempt, from, to };
        let (writer, elements) = unbounded_channel();
        let (credits, stop, broken) = (Arc::clone(credits), running.stop.clone(), self.broken.clone());
        self.shared.runtime.spawn(data::send(address, name, elements, credits, stop, broken));
        Ok(Target::Remote(writer))
    }

    fn accept(&mut self, name: ChannelName) {
        let Some(decision) = self.offers.remove(&name) else { return };
        let Some(running) = self.running.get(&name.attempt) else { return };
        let Some(inbox) = running.chains.get(&name.to.index) else { return };
        let accepted = Accepted {
            inbox: Arc::clone(inbox),
            channel: self.shared.job.channel_of_source(name.from.index),
            stop: running.stop.clone(),
        };
        drop(decision.send(accepted)); // the offering worker may be gone
    }

    fn stop(&mut self, attempt: Attempt) {
        tracing::info!(attempt = attempt.get(), "stop");
        let Some(running) = self.running.remove(&attempt) else { return };
        running.credits.iter().for_each(|credits| credits.close());
        running.sources.values().for_each(|inbox| inbox.close());
        running.chains.values().for_each(|inbox| inbox.close());
        // Last: a sink that waits for Kafka leaves records out from here on, and must find nothing more to take then.
        running.stop.cancel();
        // Not joined here: a task may be storing its state, and the next attempt must not wait for it.
        self.ending.extend(running.threads);
    }

    /// Gives tasks that were stopped time to end in good order.
    fn join(&mut self) {
        let deadline = std::time::Instant::now() + GRACE;
        for thread in self.ending.drain(..) {
            while !thread.is_finished() && std::time::Instant::now() < deadline {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            if !thread.is_finished() {
                tracing::warn!(thread = thread.thread().name(), "a task did not end in time");
            }
        }
    }
}

fn thread(name: String, body: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, String> {
    let spawned = std::thread::Builder::new().name(name.clone()).spawn(body);
    spawned.map_err(|error| format!("can't start the thread {name}: {error}; is there a limit of threads?"))
}
