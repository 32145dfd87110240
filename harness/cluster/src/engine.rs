//! The container engine: reaching it, and removing what carries truecut's labels.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use tokio::time::timeout;

use crate::error::ClusterError;

/// On every container of truecut.
pub(crate) const LABEL: &str = "truecut";
/// Holds the run that a container belongs to.
pub(crate) const LABEL_RUN: &str = "truecut.run";
/// Holds the process that owns a container.
pub(crate) const LABEL_OWNER: &str = "truecut.owner";
/// On a container that was left behind on purpose.
pub(crate) const LABEL_KEEP: &str = "truecut.keep";

/// How long an engine may take to say that it is there.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// Connects to the engine that testcontainers would use, and makes sure that it answers.
///
/// # Errors
/// [`ClusterError::NoEngine`].
pub(crate) async fn connect() -> Result<Docker, ClusterError> {
    let docker = testcontainers::core::client::docker_client_instance()
        .await
        .map_err(|e| ClusterError::NoEngine(e.to_string()))?;
    match timeout(PING_LIMIT, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(e)) => Err(ClusterError::NoEngine(with_causes(&e))),
        Err(_) => Err(ClusterError::NoEngine(format!("no answer within {} s", PING_LIMIT.as_secs()))),
    }
}

/// All containers with a label, running or not.
pub(crate) async fn labelled(docker: &Docker, label: &str) -> Result<Vec<ContainerSummary>, ClusterError> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    docker
        .list_containers(Some(options))
        .await
        .map_err(|e| ClusterError::engine(format!("list the containers labelled {label}"), with_causes(&e)))
}

/// Removes a container and its volumes, running or not; one that is gone is removed.
pub(crate) async fn remove(docker: &Docker, container: &str) -> Result<(), ClusterError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(container, Some(options)).await {
        // 404: no such container. 409: somebody else is removing it.
        Ok(()) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {
            Ok(())
        }
        Err(e) => Err(ClusterError::engine(format!("remove the container {container}"), with_causes(&e))),
    }
}

/// Removes the containers of a run except those left behind on purpose; says how many there were.
pub(crate) async fn remove_run(docker: &Docker, run: &str) -> Result<usize, ClusterError> {
    let containers = labelled(docker, &format!("{LABEL_RUN}={run}")).await?;
    let mut count = 0;
    for container in containers.iter().filter(|container| label_of(container, LABEL_KEEP).is_none()) {
        count += 1;
        remove(docker, container.id.as_deref().unwrap_or_default()).await?;
    }
    Ok(count)
}

/// The value of a label.
pub(crate) fn label_of<'a>(container: &'a ContainerSummary, label: &str) -> Option<&'a str> {
    container.labels.as_ref()?.get(label).map(String::as_str)
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
