//! The container engine: reaching it, and removing what carries truecut's labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt};

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use tokio::time::timeout;

use crate::error::ClusterError;
use crate::owner::Owner;

/// On everything of truecut at an engine: containers, networks, volumes.
pub(crate) const LABEL: &str = "truecut";
/// Holds the run that something belongs to.
pub(crate) const LABEL_RUN: &str = "truecut.run";
/// Holds the process that owns it.
pub(crate) const LABEL_OWNER: &str = "truecut.owner";
/// On what was left behind on purpose.
pub(crate) const LABEL_KEEP: &str = "truecut.keep";

/// Where an engine of the whole machine listens.
const SOCKET: &str = "/var/run/docker.sock";
/// How long an engine may take to say that it is there.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// Connects to the engine that `DOCKER_HOST` names, else to a local one, and makes sure that it answers.
///
/// # Errors
/// [`ClusterError::NoEngine`].
pub(crate) async fn connect() -> Result<Docker, ClusterError> {
    let docker = Docker::connect_with_host(&host()).map_err(|e| ClusterError::NoEngine(with_causes(&e)))?;
    match timeout(PING_LIMIT, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(e)) => Err(ClusterError::NoEngine(with_causes(&e))),
        Err(_) => Err(ClusterError::NoEngine(format!("no answer within {} s", PING_LIMIT.as_secs()))),
    }
}

/// Where the engine listens: a user's own one, if the machine has none.
fn host() -> String {
    if let Some(named) = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        return named;
    }
    let users = env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("docker.sock"));
    match users {
        Some(socket) if !Path::new(SOCKET).exists() && socket.exists() => {
            format!("unix://{}", socket.display())
        }
        _ => format!("unix://{SOCKET}"),
    }
}

/// Whether what a container opens on its host's network is open on this machine: the engine runs here, as root.
pub(crate) async fn shares_network(docker: &Docker) -> bool {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let Ok(engine) = docker.info().await else { return false };
    let rootless =
        engine.security_options.unwrap_or_default().iter().any(|option| option.contains("rootless"));
    !rootless && engine.name.is_some_and(|name| name == host.trim())
}

/// What can carry truecut's labels. In the order in which they can be removed: containers use the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Container,
    Network,
    Volume,
}

/// Something at the engine that carries labels.
#[derive(Debug)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    /// What the engine calls it; unique.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    labels: HashMap<String, String>,
}

impl Thing {
    /// The value of a label.
    pub(crate) fn label(&self, label: &str) -> Option<&str> {
        self.labels.get(label).map(String::as_str)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Container => "container",
            Kind::Network => "network",
            Kind::Volume => "volume",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// The labels of something that is made for a run, by this process.
pub(crate) fn labels(run: &str, keep: bool) -> HashMap<String, String> {
    let mut labels = HashMap::from([
        (LABEL.to_owned(), "1".to_owned()),
        (LABEL_RUN.to_owned(), run.to_owned()),
        (LABEL_OWNER.to_owned(), Owner::me().to_string()),
    ]);
    if keep {
        labels.insert(LABEL_KEEP.to_owned(), "1".to_owned());
    }
    labels
}

/// Everything with a label, running or not; containers first.
pub(crate) async fn labelled(docker: &Docker, label: &str) -> Result<Vec<Thing>, ClusterError> {
    let filters = HashMap::from([("label", vec![label])]);
    let failed = |e| ClusterError::engine(format!("list what is labelled {label}"), with_causes(&e));
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = docker.list_containers(Some(options)).await.map_err(failed)?;
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = docker.list_networks(Some(options)).await.map_err(failed)?;
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let volumes = docker.list_volumes(Some(options)).await.map_err(failed)?;
    let mut all = Vec::new();
    for found in containers {
        let id = found.id.unwrap_or_default();
        let name = found.names.and_then(|names| names.first().map(|n| n.trim_start_matches('/').to_owned()));
        let name = name.unwrap_or_else(|| id.clone());
        all.push(Thing { kind: Kind::Container, id, name, labels: found.labels.unwrap_or_default() });
    }
    for found in networks {
        let (id, name) = (found.id.unwrap_or_default(), found.name.unwrap_or_default());
        all.push(Thing { kind: Kind::Network, id, name, labels: found.labels.unwrap_or_default() });
    }
    for found in volumes.volumes.unwrap_or_default() {
        let name = found.name;
        all.push(Thing { kind: Kind::Volume, id: name.clone(), name, labels: found.labels });
    }
    Ok(all)
}

/// Removes something, in use or not; what is gone is removed.
pub(crate) async fn remove(docker: &Docker, kind: Kind, id: &str) -> Result<(), ClusterError> {
    let outcome = match kind {
        Kind::Container => {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            docker.remove_container(id, Some(options)).await
        }
        Kind::Network => docker.remove_network(id).await,
        Kind::Volume => docker.remove_volume(id, None::<RemoveVolumeOptions>).await,
    };
    match (outcome, kind) {
        // 404: it is gone already. 409: somebody else is removing this container.
        (Ok(()), _)
        | (Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }), _)
        | (
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 409, .. }),
            Kind::Container,
        ) => Ok(()),
        (Err(e), _) => Err(ClusterError::engine(format!("remove {id}"), with_causes(&e))),
    }
}

/// Removes what belongs to a run except what was left behind on purpose; says how much there was.
pub(crate) async fn remove_run(docker: &Docker, run: &str) -> Result<usize, ClusterError> {
    let all = labelled(docker, &format!("{LABEL_RUN}={run}")).await?;
    let mut count = 0;
    for thing in all.iter().filter(|thing| thing.label(LABEL_KEEP).is_none()) {
        count += 1;
        remove(docker, thing.kind, &thing.id).await?;
    }
    Ok(count)
}

/// An error with what caused it: the outermost text alone often says nothing.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
