//! A running cluster: where it is, what it is, and what can be done to its brokers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all, try_join_all};
use tokio::sync::Mutex;

use crate::broker::{Action, Broker, BrokerId};
use crate::choice::KafkaChoice;
use crate::error::{ClusterError, IoContext as _};
use crate::fleet::Fleet;
use crate::network::Isolation;
use crate::options::{Options, Progress};
use crate::site::Site;
use crate::{features, probe};

/// How long a broker may take until it serves transactions.
const READY_LIMIT: Duration = Duration::from_secs(180);
/// The pause between two questions to a broker that is not ready.
const READY_PAUSE: Duration = Duration::from_millis(50);
/// The same where a whole cluster is waited for, which takes seconds.
const WHOLE_PAUSE: Duration = Duration::from_millis(250);
/// How often it is looked whether a broker has ended: to a container engine that is a costly question.
const ALIVE_PAUSE: Duration = Duration::from_secs(1);

/// What every broker's Java runs.
const BROKER_CLASS: &[u8] = b"kafka.Kafka";

/// A Kafka cluster in use. Dropping it takes it away, as [`Cluster::stop`] does; someone else's cluster is left as it is.
pub struct Cluster {
    bootstrap: String,
    version: String,
    kind: &'static str,
    host_network: bool,
    pub(crate) options: Options,
    /// Empty for someone else's cluster. Broker 1 comes first.
    nodes: Vec<Node>,
    /// What containers share, until it is taken away.
    site: Mutex<Option<Site>>,
}

/// A broker of ours and where it is.
struct Node {
    id: BrokerId,
    direct: SocketAddr,
    behind: Option<SocketAddr>,
    /// None once it is taken away.
    broker: Mutex<Option<Broker>>,
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
        if let KafkaChoice::Bootstrap(servers) = choice {
            return Self::external(servers, options).await;
        }
        let fleet = Fleet::start(&choice, &options).await?;
        let node = |(id, broker): (BrokerId, Broker)| Node {
            id,
            direct: broker.direct(),
            behind: broker.behind(),
            broker: Mutex::new(Some(broker)),
        };
        let nodes: Vec<Node> = fleet.brokers.into_iter().map(node).collect();
        let bootstrap: Vec<String> = nodes.iter().map(|node| node.direct.to_string()).collect();
        let cluster = Self {
            bootstrap: bootstrap.join(","),
            version: fleet.version,
            kind: fleet.kind,
            host_network: fleet.site.as_ref().is_some_and(|site| site.host_network),
            options,
            nodes,
            site: Mutex::new(fleet.site),
        };
        cluster.until_ready().await?; // on failure the drop takes it away
        if let Some(level) = cluster.options.transaction_version {
            features::set_transaction_version(&bootstrap, level).await?;
        }
        Ok(cluster)
    }

    /// Reaches a cluster that is not ours.
    async fn external(servers: String, options: Options) -> Result<Self, ClusterError> {
        let first = servers.split(',').next().unwrap_or_default();
        let version = probe::release(first)
            .await
            .map_err(|detail| ClusterError::Unreachable { bootstrap: servers.clone(), detail })?;
        let (nodes, site) = (Vec::new(), Mutex::new(None));
        Ok(Self { bootstrap: servers, version, kind: "external", host_network: false, options, nodes, site })
    }

    /// Where clients connect: `HOST:PORT` of each broker, separated by commas. It stays the same over restarts.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// `container`, `process` or `external`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its broker is in a container on this machine's own network ([`Options::host_network`]).
    pub fn on_host_network(&self) -> bool {
        self.host_network
    }

    /// The Kafka release: exact for brokers that were started here, `MAJOR.MINOR` for someone else's.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The brokers that were started here, in order; none for someone else's cluster.
    pub fn brokers(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.nodes.iter().map(|node| node.id)
    }

    /// Where clients reach a broker directly.
    ///
    /// # Errors
    /// When there is no such broker of ours.
    pub fn address(&self, broker: BrokerId) -> Result<SocketAddr, ClusterError> {
        Ok(self.node(broker)?.direct)
    }

    /// The process of a broker, by this machine's number, so that what it uses can be told. None for someone else's broker, for one
    /// that does not run, and where the engine is on another machine.
    pub fn pid(&self, broker: BrokerId) -> BoxFuture<'_, Option<u32>> {
        Box::pin(async move {
            let pid = self.node(broker).ok()?.broker.lock().await.as_ref()?.pid().await?;
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            command.split(|byte| *byte == 0).any(|argument| argument == BROKER_CLASS).then_some(pid)
        })
    }

    /// Where a proxy connects to pass clients on to a broker: the listener that tells its clients the proxy's address.
    /// What bootstraps through the proxy stays behind it.
    ///
    /// # Errors
    /// When there is no such broker of ours, or [`Options::proxies`] was empty.
    pub fn behind(&self, broker: BrokerId) -> Result<SocketAddr, ClusterError> {
        let none = || ClusterError::Refused(format!("broker {broker} was started without a proxy"));
        self.node(broker)?.behind.ok_or_else(none)
    }

    /// Takes the cluster away: saves its logs, removes the brokers and their data unless they are to be kept.
    ///
    /// # Errors
    /// What the engine or the system answered; the reaper or `truecut clean` takes away what is left then.
    pub async fn stop(self) -> Result<(), ClusterError> {
        self.end().await
    }

    /// Ends a broker in good order (SIGTERM, and SIGKILL after `limit`), to start it again later.
    ///
    /// # Errors
    /// When there is no such broker of ours, or the engine or system refuses.
    pub async fn stop_broker(&self, broker: BrokerId, limit: Duration) -> Result<(), ClusterError> {
        self.act(broker, Action::Stop(limit)).await
    }

    /// Kills a broker with SIGKILL, to start it again later.
    ///
    /// # Errors
    /// When there is no such broker of ours, or the engine or system refuses.
    pub async fn kill_broker(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Kill).await
    }

    /// Starts a stopped or killed broker on its old data and port. [`Cluster::until_broker_ready`] waits until it serves.
    ///
    /// # Errors
    /// When there is no such broker of ours, it runs already, or the engine or system refuses.
    pub async fn start_broker(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Start).await
    }

    /// Freezes a broker: connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When there is no such broker of ours, or the engine or system refuses.
    pub async fn pause_broker(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Pause).await
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// When there is no such broker of ours, or the engine or system refuses.
    pub async fn resume_broker(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Resume).await
    }

    /// Cuts a broker off from the other brokers; its clients still reach it. It stays so over restarts, until it rejoins.
    ///
    /// # Errors
    /// When there is no such broker of ours, it is a process or the only one, it is isolated already, or what this takes
    /// is missing here.
    pub async fn isolate(&self, broker: BrokerId, isolation: Isolation) -> Result<(), ClusterError> {
        self.act(broker, Action::Isolate(isolation)).await
    }

    /// Ends a broker's isolation, if it is isolated.
    ///
    /// # Errors
    /// When there is no such broker of ours, or the engine or system refuses.
    pub async fn rejoin(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Rejoin).await
    }

    /// Takes up all that is free on a broker's disk ([`Options::disk_mib`]).
    ///
    /// Kafka gives a data directory up when writing to it fails, and a broker that has no other halts: so does this one,
    /// at its next write of any size. It takes [`Cluster::unfill`] and [`Cluster::start_broker`] to have it back.
    ///
    /// # Errors
    /// When there is no such broker of ours, it has no disk of its own, or the engine refuses.
    pub async fn fill(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Fill).await
    }

    /// Frees what [`Cluster::fill`] took up.
    ///
    /// # Errors
    /// As [`Cluster::fill`].
    pub async fn unfill(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.act(broker, Action::Unfill).await
    }

    /// Sets a broker's wall clock: so many milliseconds ahead of the machine's, or behind it if negative. It knows after
    /// [`crate::CLOCK_SEEN_AFTER`]. It needs [`Options::clock`].
    ///
    /// # Errors
    /// When there is no such broker of ours, it has no clock of its own, or the engine or system refuses.
    pub async fn set_clock(&self, broker: BrokerId, ahead_ms: i64) -> Result<(), ClusterError> {
        self.act(broker, Action::SetClock(ahead_ms)).await
    }

    /// Waits until the cluster is whole: every broker serves transactions and groups, sees all others, and every
    /// partition has a leader and all its replicas in sync. A broker that has ended is not waited for.
    ///
    /// # Errors
    /// [`ClusterError::NotReady`], after 180 s or as soon as a broker is seen to have ended.
    pub async fn until_ready(&self) -> Result<(), ClusterError> {
        let started = Instant::now();
        let whole = |node| self.until(node, Some(self.nodes.len()), started);
        try_join_all(self.nodes.iter().map(whole)).await.map(|_| ())
    }

    /// Waits until one broker serves transactions and groups, whatever became of the others.
    ///
    /// # Errors
    /// When there is no such broker of ours; [`ClusterError::NotReady`] as above.
    pub async fn until_broker_ready(&self, broker: BrokerId) -> Result<(), ClusterError> {
        self.until(self.node(broker)?, None, Instant::now()).await
    }

    /// Boxed as above.
    fn until<'a>(
        &'a self,
        node: &'a Node,
        whole: Option<usize>,
        started: Instant,
    ) -> BoxFuture<'a, Result<(), ClusterError>> {
        Box::pin(async move {
            let server = node.direct.to_string();
            let pause = if whole.is_some_and(|brokers| brokers > 1) { WHOLE_PAUSE } else { READY_PAUSE };
            let mut looked: Option<Instant> = None;
            let detail = loop {
                if looked.is_none_or(|at| at.elapsed() > ALIVE_PAUSE) {
                    looked = Some(Instant::now());
                    if let Some(broker) = node.broker.lock().await.as_mut()
                        && let Err(detail) = broker.alive().await
                    {
                        break detail;
                    }
                }
                let seen = match whole {
                    Some(brokers) => probe::is_whole(&server, brokers).await,
                    None => probe::serves(&server).await,
                };
                match seen {
                    Ok(()) => return Ok(()),
                    Err(detail) if started.elapsed() > READY_LIMIT => break detail,
                    Err(_) => tokio::time::sleep(pause).await,
                }
            };
            Err(ClusterError::NotReady { bootstrap: server, seconds: started.elapsed().as_secs(), detail })
        })
    }

    fn act(&self, broker: BrokerId, action: Action) -> BoxFuture<'_, Result<(), ClusterError>> {
        Box::pin(async move {
            match self.node(broker)?.broker.lock().await.as_mut() {
                Some(broker) => broker.act(action).await,
                None => Err(ClusterError::Refused(format!("broker {broker} was taken away"))),
            }
        })
    }

    fn node(&self, broker: BrokerId) -> Result<&Node, ClusterError> {
        self.nodes.iter().find(|node| node.id == broker).ok_or_else(|| {
            let why = match self.nodes.len() {
                0 => format!("truecut did not start the brokers at {}, and lets them be", self.bootstrap),
                count => format!("there is no broker {broker}: this cluster has the brokers 1 to {count}"),
            };
            ClusterError::Refused(why)
        })
    }

    /// Takes the brokers away if they are still there, and then what they shared.
    pub(crate) fn end(&self) -> BoxFuture<'_, Result<(), ClusterError>> {
        Box::pin(async {
            let mut brokers = Vec::new();
            for node in &self.nodes {
                brokers.extend(node.broker.lock().await.take());
            }
            let site = self.site.lock().await.take();
            end_all(brokers, site, &self.options).await
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let brokers: Vec<Broker> =
            self.nodes.iter_mut().filter_map(|node| node.broker.get_mut().take()).collect();
        let site = self.site.get_mut().take();
        if !brokers.is_empty() || site.is_some() {
            end_now(brokers, site, &self.options);
        }
    }
}

/// Takes brokers away, all at once, and then what they shared. Tries all of it, and tells the first failure.
pub(crate) async fn end_all(
    brokers: Vec<Broker>,
    site: Option<Site>,
    options: &Options,
) -> Result<(), ClusterError> {
    let ended = join_all(brokers.into_iter().map(|broker| broker.end(options.log_dir.as_deref()))).await;
    let site = match site {
        Some(site) => site.end().await,
        None => Ok(()),
    };
    ended.into_iter().chain([site]).collect()
}

/// Takes a cluster away from a drop, where nothing can be awaited: on a thread and a runtime of its own.
fn end_now(brokers: Vec<Broker>, site: Option<Site>, options: &Options) {
    let progress: Progress = options.progress.clone();
    let outcome =
        std::thread::scope(|scope| scope.spawn(|| block_on(end_all(brokers, site, options))).join());
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(e)) => {
            progress(&format!("the brokers could not be taken away: {e}; `truecut clean` removes them"))
        }
        Err(_) => progress("the brokers could not be taken away; `truecut clean` removes them"),
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
