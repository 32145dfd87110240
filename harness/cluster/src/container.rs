//! A broker in a container: made by testcontainers from an image with the interface of `apache/kafka`.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::path::Path;

use bollard::Docker;
use bollard::query_parameters::{KillContainerOptionsBuilder, LogsOptionsBuilder};
use futures::StreamExt as _;
use testcontainers::core::{ContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, Image, ImageExt as _};

use crate::engine::{self, LABEL, LABEL_KEEP, LABEL_OWNER, LABEL_RUN, with_causes};
use crate::error::{ClusterError, IoContext as _};
use crate::image::ensure_image;
use crate::options::Options;
use crate::owner::Owner;
use crate::reaper::{self, Leftover};
use crate::settings::{self, Place};
use crate::{clean, port, tool};

/// Where clients reach the broker inside its container.
const CLIENT_PORT: ContainerPort = ContainerPort::Tcp(9092);
/// How often another port is tried when somebody took the chosen one.
const PORT_ATTEMPTS: usize = 5;
/// How many lines of a broker's log an error quotes.
const QUOTED_LINES: usize = 15;

/// A broker container that exists.
pub(crate) struct ContainerBroker {
    /// Never dropped by testcontainers, whose `Drop` needs a running tokio; [`ContainerBroker::end`] removes it.
    container: ManuallyDrop<ContainerAsync<KafkaImage>>,
    docker: Docker,
    name: String,
    leftover: Leftover,
    keep: bool,
    pub(crate) bootstrap: String,
    pub(crate) image: String,
}

impl ContainerBroker {
    /// Makes and starts a broker; it is not ready yet.
    pub(crate) async fn start(options: &Options) -> Result<Self, ClusterError> {
        let docker = engine::connect().await?;
        // What earlier runs left behind when they were killed and had no reaper.
        clean::sweep_containers(&docker, false).await?;
        let image = match &options.image {
            Some(image) => image.clone(),
            None => ensure_image(&options.progress).await?,
        };
        (options.progress)(&format!("starting Kafka in a container from {image}"));
        let leftover = Leftover::Run(options.run.clone());
        if !options.keep_data {
            reaper::watch(&leftover);
        }
        let name = format!("truecut-{}-kafka-1", options.run);
        let mut attempt = 1;
        let (container, host_port) = loop {
            let host_port = port::free()?;
            match request(options, &image, &name, host_port).start().await {
                Ok(container) => break (container, host_port),
                Err(e) => {
                    let said = with_causes(&e);
                    let taken =
                        said.contains("port is already allocated") || said.contains("address already in use");
                    if said.contains("is already in use by container") {
                        return Err(ClusterError::Refused(format!(
                            "a container named {name} is there already: the run {} lives, or was kept (`truecut clean`)",
                            options.run
                        )));
                    }
                    engine::remove(&docker, &name).await?; // it was made, though it did not start
                    if !taken || attempt == PORT_ATTEMPTS {
                        return Err(ClusterError::engine(
                            format!("start the container {name} from {image}"),
                            said,
                        ));
                    }
                    attempt += 1;
                }
            }
        };
        Ok(Self {
            container: ManuallyDrop::new(container),
            docker,
            name,
            leftover,
            keep: options.keep_data,
            bootstrap: format!("127.0.0.1:{host_port}"),
            image,
        })
    }

    /// Whether the container runs; the error quotes its log.
    pub(crate) async fn alive(&self) -> Result<(), String> {
        match self.container.is_running().await {
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

    /// SIGTERM, and SIGKILL after `seconds`.
    pub(crate) async fn stop(&self, seconds: i32) -> Result<(), ClusterError> {
        self.container.stop_with_timeout(Some(seconds)).await.map_err(|e| self.failed("stop", &e))
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self) -> Result<(), ClusterError> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        self.docker.kill_container(&self.name, Some(options)).await.map_err(|e| self.failed("kill", &e))
    }

    /// Starts the stopped or killed broker again, on the same data and port.
    pub(crate) async fn start_again(&self) -> Result<(), ClusterError> {
        self.container.start().await.map_err(|e| self.failed("start", &e))
    }

    pub(crate) async fn pause(&self) -> Result<(), ClusterError> {
        self.container.pause().await.map_err(|e| self.failed("pause", &e))
    }

    pub(crate) async fn resume(&self) -> Result<(), ClusterError> {
        self.container.unpause().await.map_err(|e| self.failed("resume", &e))
    }

    /// Saves the log and removes the container, or only stops it if it is to be kept.
    pub(crate) async fn end(self, log_dir: Option<&Path>) -> Result<(), ClusterError> {
        // A client of its own: this may run on another runtime than the one that made the container.
        let docker = engine::connect().await?;
        if let Some(folder) = log_dir {
            let log = read_log(&docker, &self.name, None).await?;
            let path = folder.join("kafka-1.log");
            let mut file = File::create(&path).at("create", &path)?;
            file.write_all(log.as_bytes()).at("write", &path)?;
        }
        if self.keep {
            let stopped = docker.stop_container(&self.name, None).await;
            return stopped.map_err(|e| self.failed("stop", &e));
        }
        engine::remove(&docker, &self.name).await?;
        reaper::release(&self.leftover);
        Ok(())
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

/// What testcontainers is asked for.
fn request(
    options: &Options,
    image: &str,
    name: &str,
    host_port: u16,
) -> testcontainers::ContainerRequest<KafkaImage> {
    let place = Place {
        listen: ":9092".to_owned(),
        advertise: format!("127.0.0.1:{host_port}"),
        between: "localhost:9094".to_owned(),
        controller: "localhost:9093".to_owned(),
        data: "/tmp/kraft-combined-logs".to_owned(),
    };
    let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let properties = settings::properties(&place, &options.config);
    let mut environment: Vec<_> = properties.into_iter().map(|(k, v)| (settings::variable(&k), v)).collect();
    if !options.java_options.is_empty() {
        environment.push(("KAFKA_OPTS".to_owned(), options.java_options.join(" ")));
    }
    let mut labels = vec![
        (LABEL, "1".to_owned()),
        (LABEL_RUN, options.run.clone()),
        (LABEL_OWNER, Owner::me().to_string()),
    ];
    if options.keep_data {
        labels.push((LABEL_KEEP, "1".to_owned()));
    }
    KafkaImage { repository: repository.to_owned(), tag: tag.to_owned(), environment }
        .with_container_name(name)
        .with_labels(labels)
        .with_mapped_port(host_port, CLIENT_PORT)
        .with_host_config_modifier(|host| {
            // Nobody outside this machine is let in.
            for binding in host.port_bindings.iter_mut().flat_map(|all| all.values_mut()).flatten().flatten()
            {
                binding.host_ip = Some("127.0.0.1".to_owned());
            }
        })
}

/// An image with the interface of `apache/kafka`, for testcontainers. Readiness is asked by protocol, not here.
#[derive(Debug)]
struct KafkaImage {
    repository: String,
    tag: String,
    environment: Vec<(String, String)>,
}

impl Image for KafkaImage {
    fn name(&self) -> &str {
        &self.repository
    }

    fn tag(&self) -> &str {
        &self.tag
    }

    fn ready_conditions(&self) -> Vec<WaitFor> {
        Vec::new()
    }

    fn env_vars(&self) -> impl IntoIterator<Item = (impl Into<Cow<'_, str>>, impl Into<Cow<'_, str>>)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
