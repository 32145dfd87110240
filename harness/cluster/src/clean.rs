//! Taking away what runs left behind that were killed without a reaper: the backstop.
//!
//! Only what belongs to a process that is certainly gone is touched; a run that lives keeps everything.

use std::fs;
use std::path::PathBuf;

use bollard::Docker;
use futures::future::BoxFuture;

use crate::engine::{self, LABEL, LABEL_KEEP, LABEL_OWNER, Thing};
use crate::error::ClusterError;
use crate::owner::Owner;
use crate::process::{FOLDER_PREFIX, OWNER_FILE};

/// Removes the containers, networks, volumes and data folders of dead runs, those that were kept on purpose included.
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
        Ok(docker) => sweep_engine(&docker, true).await?,
        Err(ClusterError::NoEngine(_)) => Vec::new(),
        Err(other) => return Err(other),
    };
    removed.extend(sweep_folders());
    Ok(removed)
}

/// Removes what dead owners left at the engine; what was kept on purpose only if `kept`.
pub(crate) async fn sweep_engine(docker: &Docker, kept: bool) -> Result<Vec<String>, ClusterError> {
    let mut removed = Vec::new();
    for thing in engine::labelled(docker, LABEL).await? {
        if is_left(&thing) && (kept || thing.label(LABEL_KEEP).is_none()) {
            engine::remove(docker, thing.kind, &thing.id).await?;
            removed.push(thing.to_string());
        }
    }
    Ok(removed)
}

/// What dead owners left at the engine.
pub(crate) async fn left_at_engine(docker: &Docker) -> Result<Vec<String>, ClusterError> {
    Ok(engine::labelled(docker, LABEL).await?.iter().filter(|t| is_left(t)).map(Thing::to_string).collect())
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

/// Whether its owner is known and dead.
fn is_left(thing: &Thing) -> bool {
    thing.label(LABEL_OWNER).and_then(|text| text.parse::<Owner>().ok()).is_some_and(|owner| owner.is_dead())
}
