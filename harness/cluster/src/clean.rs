//! Taking away what runs left behind that were killed without a reaper: the backstop.
//!
//! Only what belongs to a process that is certainly gone is touched; a run that lives keeps everything.

use std::fs;
use std::path::PathBuf;

use bollard::Docker;
use bollard::models::ContainerSummary;
use futures::future::BoxFuture;

use crate::engine::{self, LABEL, LABEL_KEEP, LABEL_OWNER, label_of};
use crate::error::ClusterError;
use crate::owner::Owner;
use crate::process::{FOLDER_PREFIX, OWNER_FILE};

/// Removes the containers, their volumes and the data folders of dead runs, those that were kept on purpose included.
/// Returns what was removed, a line each. Without a container engine only folders are looked at.
///
/// # Errors
/// [`ClusterError::Engine`] when an engine answers but does not do it.
pub async fn clean() -> Result<Vec<String>, ClusterError> {
    clean_boxed().await
}

fn clean_boxed() -> BoxFuture<'static, Result<Vec<String>, ClusterError>> {
    Box::pin(clean_all())
}

async fn clean_all() -> Result<Vec<String>, ClusterError> {
    let mut removed = match engine::connect().await {
        Ok(docker) => sweep_containers(&docker, true).await?,
        Err(ClusterError::NoEngine(_)) => Vec::new(),
        Err(other) => return Err(other),
    };
    removed.extend(sweep_folders());
    Ok(removed)
}

/// Removes the containers of dead owners; those that were kept on purpose only if `kept`.
pub(crate) async fn sweep_containers(docker: &Docker, kept: bool) -> Result<Vec<String>, ClusterError> {
    let mut removed = Vec::new();
    for container in engine::labelled(docker, LABEL).await? {
        if is_left(&container) && (kept || label_of(&container, LABEL_KEEP).is_none()) {
            let id = container.id.as_deref().unwrap_or_default();
            engine::remove(docker, id).await?;
            removed.push(format!("container {}", name_of(&container)));
        }
    }
    Ok(removed)
}

/// The names of containers whose owner is dead.
pub(crate) async fn left_containers(docker: &Docker) -> Result<Vec<String>, ClusterError> {
    Ok(engine::labelled(docker, LABEL).await?.iter().filter(|c| is_left(c)).map(name_of).collect())
}

/// Removes the data folders of dead owners; says which. What cannot be removed stays for the next time.
pub(crate) fn sweep_folders() -> Vec<String> {
    let removed = left_folders().into_iter().filter(|folder| fs::remove_dir_all(folder).is_ok());
    removed.map(|folder| format!("folder {}", folder.display())).collect()
}

/// The data folders of dead owners.
pub(crate) fn left_folders() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return Vec::new() };
    let ours =
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX));
    ours.map(|entry| entry.path())
        .filter(|folder| {
            let owner =
                fs::read_to_string(folder.join(OWNER_FILE)).ok().and_then(|text| text.parse::<Owner>().ok());
            owner.is_some_and(|owner| owner.is_dead())
        })
        .collect()
}

/// Whether a container's owner is known and dead.
fn is_left(container: &ContainerSummary) -> bool {
    label_of(container, LABEL_OWNER)
        .and_then(|text| text.parse::<Owner>().ok())
        .is_some_and(|owner| owner.is_dead())
}

fn name_of(container: &ContainerSummary) -> String {
    let name =
        container.names.as_ref().and_then(|names| names.first()).map(|name| name.trim_start_matches('/'));
    name.or(container.id.as_deref()).unwrap_or("without a name").to_owned()
}
