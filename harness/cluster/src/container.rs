//! A broker in a container, from an image with the interface of `apache/kafka`.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder, LogsOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use futures::StreamExt as _;

use crate::broker::{BrokerId, NO_CLOCK};
use crate::disk::{Disk, NO_DISK};
use crate::engine::{self, Kind, with_causes};
use crate::error::{ClusterError, IoContext as _};
use crate::exec::exec;
use crate::network::{ALONE, Isolation, Namespace, OneWay, RunNetwork};
use crate::options::Options;
use crate::port::{self, Ports, here};
use crate::request::{CLOCK_FILE, request};
use crate::site::Site;
use crate::{clock, tool};

/// How often another port is tried when somebody took the chosen one.
const PORT_ATTEMPTS: usize = 5;
/// How often the engine is asked to pause a container, and how long it is left alone in between.
const PAUSES: usize = 5;
const PAUSE_AGAIN: Duration = Duration::from_millis(200);
/// How many lines of a broker's log an error quotes.
const QUOTED_LINES: usize = 15;

/// A broker container that exists.
pub(crate) struct ContainerBroker {
    id: BrokerId,
    docker: Docker,
    name: String,
    network: Option<RunNetwork>,
    isolation: Option<Isolation>,
    disk: Option<Disk>,
    /// Its wall clock can jump.
    clock: bool,
    keep: bool,
    pub(crate) direct: SocketAddr,
    pub(crate) behind: Option<SocketAddr>,
}

/// How a broker in a container is reached from this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach {
    /// At ports that the engine publishes.
    Published { direct: u16, behind: Option<u16> },
    /// At its own ports, on this machine's network.
    HostNetwork(Ports),
}

impl Reach {
    fn choose(site: &Site, options: &Options, id: BrokerId) -> Result<Self, ClusterError> {
        if site.host_network {
            return Ok(Self::HostNetwork(Ports::free(options, id)?));
        }
        Ok(Self::Published { direct: port::free()?, behind: port::behind(options, id)? })
    }

    /// For clients that connect directly, and for a proxy.
    fn ports(self) -> (u16, Option<u16>) {
        match self {
            Self::Published { direct, behind } | Self::HostNetwork(Ports { direct, behind, .. }) => {
                (direct, behind)
            }
        }
    }
}

impl ContainerBroker {
    /// Makes and starts a broker; it is not ready yet.
    pub(crate) async fn start(site: &Site, options: &Options, id: BrokerId) -> Result<Self, ClusterError> {
        let disk = match options.disk_mib {
            Some(mib) => Some(Disk::create(&site.docker, &site.image, options, id, mib).await?),
            None => None,
        };
        let name = format!("truecut-{}-kafka-{id}", options.run);
        let started = start_on_free_ports(site, options, &name, id, disk.as_ref()).await;
        let reach = match (started, disk.as_ref()) {
            (Ok(started), _) => started,
            (Err(e), Some(disk)) => {
                disk.remove(&site.docker).await?;
                return Err(e);
            }
            (Err(e), None) => return Err(e),
        };
        let (direct, behind) = reach.ports();
        let broker = Self {
            id,
            docker: site.docker.clone(),
            name,
            network: site.network.clone(),
            isolation: None,
            disk,
            clock: options.clock,
            keep: options.keep_data,
            direct: here(direct),
            behind: behind.map(here),
        };
        // Java takes longer to start than this: nobody looks for the others before.
        if let Some(network) = &broker.network
            && let Err(e) = network.connect(&broker.docker, &broker.name, id).await
        {
            broker.end(None).await?;
            return Err(e);
        }
        Ok(broker)
    }

    /// Whether the container runs; the error quotes its log.
    pub(crate) async fn alive(&self) -> Result<(), String> {
        match self.runs().await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let log = self.log(Some(QUOTED_LINES)).await.unwrap_or_else(|e| e.to_string());
                Err(format!(
                    "its container has ended. The end of its log:\n{}",
                    tool::last_lines(&log, QUOTED_LINES)
                ))
            }
            Err(e) => Err(with_causes(&e)),
        }
    }

    async fn runs(&self) -> Result<bool, bollard::errors::Error> {
        let seen = self.docker.inspect_container(&self.name, None::<InspectContainerOptions>).await?;
        Ok(seen.state.and_then(|state| state.running).unwrap_or(false))
    }

    /// SIGTERM, and SIGKILL after `seconds`.
    pub(crate) async fn stop(&self, seconds: i32) -> Result<(), ClusterError> {
        let options = StopContainerOptionsBuilder::new().t(seconds).build();
        self.docker.stop_container(&self.name, Some(options)).await.map_err(|e| self.failed("stop", &e))
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self) -> Result<(), ClusterError> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        self.docker.kill_container(&self.name, Some(options)).await.map_err(|e| self.failed("kill", &e))
    }

    /// Starts the stopped or killed broker again, on the same data and port.
    ///
    /// It stays cut off from the others, if it was. One direction is cut off again as soon as its namespace is there,
    /// which is long before its Java listens.
    pub(crate) async fn start_again(&self) -> Result<(), ClusterError> {
        if self.runs().await.map_err(|e| self.failed("ask for", &e))? {
            return Err(ClusterError::Refused(format!("broker {} runs already", self.id)));
        }
        let started = self.docker.start_container(&self.name, None::<StartContainerOptions>).await;
        started.map_err(|e| self.failed("start", &e))?;
        match self.isolation.and_then(Isolation::one_way) {
            Some(one_way) => self.filter(one_way, true).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn pause(&self) -> Result<(), ClusterError> {
        // On a busy machine the kernel may not have stopped every thread by the time the engine looks ("unable to freeze").
        for _ in 1..PAUSES {
            match self.docker.pause_container(&self.name).await {
                Ok(()) => return Ok(()),
                Err(error) if !with_causes(&error).contains("unable to freeze") => {
                    return Err(self.failed("pause", &error));
                }
                Err(_) => tokio::time::sleep(PAUSE_AGAIN).await,
            }
        }
        self.docker.pause_container(&self.name).await.map_err(|e| self.failed("pause", &e))
    }

    pub(crate) async fn resume(&self) -> Result<(), ClusterError> {
        self.docker.unpause_container(&self.name).await.map_err(|e| self.failed("resume", &e))
    }

    /// Cuts it off from the other brokers.
    pub(crate) async fn isolate(&mut self, isolation: Isolation) -> Result<(), ClusterError> {
        if let Some(before) = self.isolation {
            let said = format!("broker {} is isolated already ({before:?}): let it rejoin first", self.id);
            return Err(ClusterError::Refused(said));
        }
        match isolation.one_way() {
            Some(one_way) => self.filter(one_way, true).await?,
            None => self.network()?.disconnect(&self.docker, &self.name).await?,
        }
        self.isolation = Some(isolation);
        Ok(())
    }

    /// Ends its isolation, if it is isolated.
    pub(crate) async fn rejoin(&mut self) -> Result<(), ClusterError> {
        let Some(isolation) = self.isolation else { return Ok(()) };
        match isolation.one_way() {
            // The filters of a container that ended have ended with it.
            Some(one_way) if self.runs().await.unwrap_or(true) => {
                self.filter(one_way, false).await?;
            }
            Some(_) => {}
            None => self.network()?.connect(&self.docker, &self.name, self.id).await?,
        }
        self.isolation = None;
        Ok(())
    }

    /// Its disk, which can be filled and emptied.
    pub(crate) fn disk(&self) -> Result<&Disk, ClusterError> {
        self.disk.as_ref().ok_or_else(|| ClusterError::Refused(NO_DISK.to_owned()))
    }

    /// Its wall clock is so far ahead of the machine's.
    pub(crate) async fn set_clock(&self, ahead_ms: i64) -> Result<(), ClusterError> {
        if !self.clock {
            return Err(ClusterError::Refused(NO_CLOCK.to_owned()));
        }
        let offset = clock::offset(ahead_ms);
        let command =
            format!("echo {} > {CLOCK_FILE}.new && mv {CLOCK_FILE}.new {CLOCK_FILE}", offset.trim());
        match exec(&self.docker, &self.name, &command).await? {
            (0, _) => Ok(()),
            (_, said) => Err(ClusterError::engine(format!("set the clock of {}", self.name), said)),
        }
    }

    async fn filter(&self, one_way: OneWay, drop: bool) -> Result<(), ClusterError> {
        let network = self.network()?;
        let seen = self.docker.inspect_container(&self.name, None::<InspectContainerOptions>).await;
        let seen = seen.map_err(|e| self.failed("ask for the network of", &e))?;
        let named = seen.network_settings.and_then(|network| network.sandbox_key).unwrap_or_default();
        let pid = seen.state.and_then(|state| state.pid).unwrap_or_default();
        if named.is_empty() || pid == 0 {
            return Err(ClusterError::Refused(format!("broker {} does not run", self.id)));
        }
        network.filter(&Namespace { named: named.into(), pid }, one_way, drop).await
    }

    /// Its first process, by the number that the engine's machine has for it.
    pub(crate) async fn pid(&self) -> Option<u32> {
        let seen = self.docker.inspect_container(&self.name, None::<InspectContainerOptions>).await.ok()?;
        u32::try_from(seen.state?.pid?).ok().filter(|pid| *pid != 0)
    }

    fn network(&self) -> Result<&RunNetwork, ClusterError> {
        let alone = || ClusterError::Refused(ALONE.to_owned());
        self.network.as_ref().ok_or_else(alone)
    }

    /// Saves the log and removes the container, or only stops it if it is to be kept.
    pub(crate) async fn end(self, log_dir: Option<&Path>) -> Result<(), ClusterError> {
        // A client of its own: this may run on another runtime than the one that made the container.
        let docker = engine::connect().await?;
        if let Some(folder) = log_dir {
            let log = read_log(&docker, &self.name, None).await?;
            let path = folder.join(format!("kafka-{}.log", self.id));
            let mut file = File::create(&path).at("create", &path)?;
            file.write_all(log.as_bytes()).at("write", &path)?;
        }
        if self.keep {
            let stopped = docker.stop_container(&self.name, None).await;
            return stopped.map_err(|e| self.failed("stop", &e));
        }
        engine::remove(&docker, Kind::Container, &self.name).await?;
        match &self.disk {
            Some(disk) => disk.remove(&docker).await,
            None => Ok(()),
        }
    }

    async fn log(&self, lines: Option<usize>) -> Result<String, ClusterError> {
        read_log(&self.docker, &self.name, lines).await
    }

    fn failed(&self, doing: &str, error: &dyn std::error::Error) -> ClusterError {
        ClusterError::engine(format!("{doing} the container {}", self.name), with_causes(error))
    }
}

/// Both outputs of a container, all or the last lines.
async fn read_log(docker: &Docker, name: &str, lines: Option<usize>) -> Result<String, ClusterError> {
    let tail = lines.map_or_else(|| "all".to_owned(), |count| count.to_string());
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&tail).build();
    let mut frames = Box::pin(docker.logs(name, Some(options)));
    let mut text = String::new();
    while let Some(frame) = frames.next().await {
        let frame =
            frame.map_err(|e| ClusterError::engine(format!("read the log of {name}"), with_causes(&e)))?;
        text.push_str(&String::from_utf8_lossy(&frame.into_bytes()));
    }
    Ok(text)
}

/// Makes the container and starts it, on other ports if somebody takes the chosen ones.
async fn start_on_free_ports(
    site: &Site,
    options: &Options,
    name: &str,
    id: BrokerId,
    disk: Option<&Disk>,
) -> Result<Reach, ClusterError> {
    let mut attempt = 1;
    loop {
        let reach = Reach::choose(site, options, id)?;
        let body = request(options, &site.image, id, reach, disk);
        let said = match create_and_start(&site.docker, name, body).await {
            Ok(()) => return Ok(reach),
            Err(e) => with_causes(&e),
        };
        if said.contains("is already in use by container") {
            return Err(run_lives(&options.run));
        }
        engine::remove(&site.docker, Kind::Container, name).await?; // it was made, though it did not start
        let taken = said.contains("port is already allocated") || said.contains("address already in use");
        if !taken || attempt == PORT_ATTEMPTS {
            return Err(ClusterError::engine(
                format!("start the container {name} from {}", site.image),
                said,
            ));
        }
        attempt += 1;
    }
}

async fn create_and_start(
    docker: &Docker,
    name: &str,
    body: ContainerCreateBody,
) -> Result<(), bollard::errors::Error> {
    let named = CreateContainerOptionsBuilder::new().name(name).build();
    docker.create_container(Some(named), body).await?;
    docker.start_container(name, None::<StartContainerOptions>).await
}

/// A run is started only once.
pub(crate) fn run_lives(run: &str) -> ClusterError {
    ClusterError::Refused(format!(
        "the run {run} has containers or a network already: it lives, or was kept (`truecut clean`)"
    ))
}
