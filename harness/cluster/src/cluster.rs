//! A running cluster: where it is, what it is, and what can be done to its broker.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::choice::KafkaChoice;
use crate::container::ContainerBroker;
use crate::error::{ClusterError, IoContext as _};
use crate::options::{Options, Progress};
use crate::process::ProcessBroker;
use crate::{engine, jars, probe};

/// How long a broker may take until it serves transactions.
const READY_LIMIT: Duration = Duration::from_secs(90);
/// The pause between two questions to a broker that is not ready.
const READY_PAUSE: Duration = Duration::from_millis(50);

/// A Kafka cluster in use. Dropping it takes it away, as [`Cluster::stop`] does; someone else's cluster is left as it is.
pub struct Cluster {
    bootstrap: String,
    version: String,
    kind: &'static str,
    options: Options,
    /// Empty for someone else's cluster, and once it is taken away.
    broker: Mutex<Option<Broker>>,
}

/// What can be done to a broker.
#[derive(Debug, Clone, Copy)]
enum Action {
    Stop(Duration),
    Kill,
    Start,
    Pause,
    Resume,
}

/// A broker that this process started.
enum Broker {
    Container(Box<ContainerBroker>),
    Process(Box<ProcessBroker>),
}

impl Cluster {
    /// Starts Kafka, or reaches someone else's, and waits until it serves transactions.
    ///
    /// # Errors
    /// [`ClusterError`], each of which means that the environment is not usable, and says what to do.
    pub async fn start(choice: KafkaChoice, options: Options) -> Result<Self, ClusterError> {
        Self::start_boxed(choice, options).await
    }

    /// Boxed in a plain function, as all that talks to the engine is: what is compiled here need not be compiled again,
    /// and optimised, in every program that awaits it.
    fn start_boxed(choice: KafkaChoice, options: Options) -> BoxFuture<'static, Result<Self, ClusterError>> {
        Box::pin(Self::start_here(choice, options))
    }

    async fn start_here(choice: KafkaChoice, options: Options) -> Result<Self, ClusterError> {
        options.check()?;
        if let Some(folder) = &options.log_dir {
            std::fs::create_dir_all(folder).at("create the log folder", folder)?;
        }
        let broker = match choice {
            KafkaChoice::Bootstrap(servers) => return Self::external(servers, options).await,
            KafkaChoice::Container => Broker::container(&options).await?,
            KafkaChoice::Process => Broker::process(&options).await?,
            KafkaChoice::Auto => match engine::connect().await {
                Ok(_) => Broker::container(&options).await?,
                Err(no_engine) => {
                    let why = |java: ClusterError| {
                        ClusterError::Tools(format!("{no_engine}. As a process: {java}"))
                    };
                    jars::demand_java().await.map_err(why)?;
                    (options.progress)("no container engine answers");
                    Broker::process(&options).await?
                }
            },
        };
        let (bootstrap, kind, version) = match &broker {
            Broker::Container(container) => {
                let version = container.image.rsplit_once(':').map_or("latest", |(_, tag)| tag);
                (container.bootstrap.clone(), "container", version.to_owned())
            }
            Broker::Process(process) => {
                (process.bootstrap.clone(), "process", jars::KAFKA_VERSION.to_owned())
            }
        };
        let cluster = Self { bootstrap, version, kind, options, broker: Mutex::new(Some(broker)) };
        cluster.until_ready().await?; // on failure the drop takes it away
        Ok(cluster)
    }

    /// Reaches a cluster that is not ours.
    async fn external(servers: String, options: Options) -> Result<Self, ClusterError> {
        let first = servers.split(',').next().unwrap_or_default();
        let version = probe::release(first)
            .await
            .map_err(|detail| ClusterError::Unreachable { bootstrap: servers.clone(), detail })?;
        Ok(Self { bootstrap: servers, version, kind: "external", options, broker: Mutex::new(None) })
    }

    /// Where clients connect: `HOST:PORT`, several separated by commas. It stays the same over restarts of the broker.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// `container`, `process` or `external`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The Kafka release: exact for brokers that were started here, `MAJOR.MINOR` for someone else's.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Takes the cluster away: saves its log, removes the broker and its data unless they are to be kept.
    ///
    /// # Errors
    /// What the engine or the system answered; the reaper or `truecut clean` takes away what is left then.
    pub async fn stop(self) -> Result<(), ClusterError> {
        self.end().await
    }

    /// Ends the broker in good order (SIGTERM, and SIGKILL after `limit`), to start it again later.
    ///
    /// # Errors
    /// When there is no broker of ours, or the engine or system refuses.
    pub async fn stop_broker(&self, limit: Duration) -> Result<(), ClusterError> {
        self.act(Action::Stop(limit)).await
    }

    /// Kills the broker with SIGKILL, to start it again later.
    ///
    /// # Errors
    /// When there is no broker of ours, or the engine or system refuses.
    pub async fn kill_broker(&self) -> Result<(), ClusterError> {
        self.act(Action::Kill).await
    }

    /// Starts a stopped or killed broker on its old data and port, and waits until it serves transactions.
    ///
    /// # Errors
    /// When there is no broker of ours, it runs already, or it does not get ready.
    pub async fn start_broker(&self) -> Result<(), ClusterError> {
        self.act(Action::Start).await
    }

    /// Freezes the broker: connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When there is no broker of ours, or the engine or system refuses.
    pub async fn pause_broker(&self) -> Result<(), ClusterError> {
        self.act(Action::Pause).await
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// When there is no broker of ours, or the engine or system refuses.
    pub async fn resume_broker(&self) -> Result<(), ClusterError> {
        self.act(Action::Resume).await
    }

    /// Waits until the broker serves transactions and groups. A broker that has ended is not waited for.
    async fn until_ready(&self) -> Result<(), ClusterError> {
        let started = Instant::now();
        let mut broker = self.broker.lock().await;
        let detail = loop {
            if let Some(broker) = broker.as_mut()
                && let Err(detail) = broker.alive().await
            {
                break detail;
            }
            match probe::ask(&self.bootstrap).await {
                Ok(()) => return Ok(()),
                Err(detail) if started.elapsed() > READY_LIMIT => break detail,
                Err(_) => tokio::time::sleep(READY_PAUSE).await,
            }
        };
        let bootstrap = self.bootstrap.clone();
        Err(ClusterError::NotReady { bootstrap, seconds: started.elapsed().as_secs(), detail })
    }

    fn act(&self, action: Action) -> BoxFuture<'_, Result<(), ClusterError>> {
        Box::pin(async move {
            match self.broker.lock().await.as_mut() {
                Some(Broker::Container(container)) => act_on_container(container, action).await?,
                Some(Broker::Process(process)) => act_on_process(process, action).await?,
                None => {
                    let detail =
                        format!("truecut did not start the broker at {}, and lets it be", self.bootstrap);
                    return Err(ClusterError::Refused(detail));
                }
            }
            match action {
                Action::Start => self.until_ready().await,
                Action::Stop(_) | Action::Kill | Action::Pause | Action::Resume => Ok(()),
            }
        })
    }

    /// Takes the broker away if it is still there.
    pub(crate) fn end(&self) -> BoxFuture<'_, Result<(), ClusterError>> {
        Box::pin(async {
            match self.broker.lock().await.take() {
                Some(broker) => broker.end(&self.options).await,
                None => Ok(()),
            }
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.get_mut().take() {
            end_now(broker, &self.options);
        }
    }
}

impl Broker {
    async fn container(options: &Options) -> Result<Self, ClusterError> {
        Ok(Self::Container(Box::new(ContainerBroker::start(options).await?)))
    }

    async fn process(options: &Options) -> Result<Self, ClusterError> {
        Ok(Self::Process(Box::new(ProcessBroker::start(options).await?)))
    }

    /// Whether it runs; the error quotes its log.
    async fn alive(&mut self) -> Result<(), String> {
        match self {
            Self::Container(container) => container.alive().await,
            Self::Process(process) => process.alive(),
        }
    }

    async fn end(self, options: &Options) -> Result<(), ClusterError> {
        match self {
            Self::Container(container) => container.end(options.log_dir.as_deref()).await,
            Self::Process(process) => process.end().await,
        }
    }
}

async fn act_on_container(container: &ContainerBroker, action: Action) -> Result<(), ClusterError> {
    match action {
        Action::Stop(limit) => container.stop(i32::try_from(limit.as_secs()).unwrap_or(i32::MAX)).await,
        Action::Kill => container.kill().await,
        Action::Start => container.start_again().await,
        Action::Pause => container.pause().await,
        Action::Resume => container.resume().await,
    }
}

async fn act_on_process(process: &mut ProcessBroker, action: Action) -> Result<(), ClusterError> {
    match action {
        Action::Stop(limit) => process.stop(limit).await,
        Action::Kill => process.kill(),
        Action::Start => process.start_again(),
        Action::Pause => process.pause(),
        Action::Resume => process.resume(),
    }
}

/// Takes a broker away from a drop, where nothing can be awaited: on a thread and a runtime of its own.
fn end_now(broker: Broker, options: &Options) {
    let progress: Progress = options.progress.clone();
    let outcome = std::thread::scope(|scope| scope.spawn(|| block_on(broker.end(options))).join());
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(e)) => {
            progress(&format!("the broker could not be taken away: {e}; `truecut clean` removes it"))
        }
        Err(_) => progress("the broker could not be taken away; `truecut clean` removes it"),
    }
}

/// Runs a future to its end on a new runtime of this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, ClusterError>>) -> Result<T, ClusterError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("start a runtime")?
        .block_on(future)
}
