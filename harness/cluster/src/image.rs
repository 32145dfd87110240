//! Which image Kafka runs from: one that is here, else one pulled, else one built here with the same interface.

mod recipe;

use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::time::timeout;

use crate::engine::{self, with_causes};
use crate::error::ClusterError;
use crate::jars;
use crate::options::Progress;
use crate::release::Release;

/// Apache's own image.
pub(crate) fn pulled(release: Release) -> String {
    format!("apache/kafka:{release}")
}

/// The image that truecut builds where Apache's cannot be pulled.
pub(crate) fn built(release: Release) -> String {
    format!("truecut/kafka:{release}")
}

/// On the built image: which recipe made it. An image of another recipe is built again.
const LABEL_RECIPE: &str = "truecut.recipe";

/// How long the registry may take to say whether it has the image.
const ASK_LIMIT: Duration = Duration::from_secs(15);
/// How long pulling may take.
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// Makes an image of a release available and names it. The first time this pulls one or builds one, which `progress` is
/// told.
///
/// # Errors
/// [`ClusterError::NoEngine`]; [`ClusterError::Image`] when none is here and none can be pulled or built.
pub async fn ensure_image(release: Release, progress: &Progress) -> Result<String, ClusterError> {
    ensure_boxed(release, progress).await
}

fn ensure_boxed(release: Release, progress: &Progress) -> BoxFuture<'_, Result<String, ClusterError>> {
    Box::pin(ensure(release, progress))
}

/// As [`ensure_image`], but only the image that is built here will do.
///
/// # Errors
/// As [`ensure_image`].
pub(crate) async fn ensure_built(release: Release, progress: &Progress) -> Result<String, ClusterError> {
    let docker = engine::connect().await?;
    let _lock = jars::lock("image").await?;
    if let Some(image) = local_built(&docker, release).await {
        return Ok(image);
    }
    recipe::build(&docker, release, progress).await?;
    let missing =
        || ClusterError::Image(format!("{} was built, but the engine does not have it", built(release)));
    local_built(&docker, release).await.ok_or_else(missing)
}

async fn ensure(release: Release, progress: &Progress) -> Result<String, ClusterError> {
    let docker = engine::connect().await?;
    if let Some(image) = local(&docker, release).await {
        return Ok(image);
    }
    let _lock = jars::lock("image").await?;
    if let Some(image) = local(&docker, release).await {
        return Ok(image); // another process made it meanwhile
    }
    let (pulled, built) = (pulled(release), built(release));
    progress(&format!("no image of Kafka {release} is here; asking the registry for {pulled}"));
    match pull(&docker, &pulled, progress).await {
        Ok(()) => return Ok(pulled),
        Err(why) => progress(&format!("{pulled} cannot be pulled ({why}); building {built}")),
    }
    recipe::build(&docker, release, progress).await?;
    match local(&docker, release).await {
        Some(image) => Ok(image),
        None => Err(ClusterError::Image(format!("{built} was built, but the engine does not have it"))),
    }
}

/// The image that is already here, if one is.
pub(crate) async fn local(docker: &Docker, release: Release) -> Option<String> {
    let pulled = pulled(release);
    if docker.inspect_image(&pulled).await.is_ok() {
        return Some(pulled);
    }
    local_built(docker, release).await
}

/// The image that was built here by today's recipe, if it is here.
async fn local_built(docker: &Docker, release: Release) -> Option<String> {
    let built = built(release);
    let image = docker.inspect_image(&built).await.ok()?;
    let made_by =
        image.config.and_then(|config| config.labels).and_then(|labels| labels.get(LABEL_RECIPE).cloned());
    (made_by == Some(recipe::revision(release))).then_some(built)
}

/// Pulls Apache's image; the error is why not.
async fn pull(docker: &Docker, image: &str, progress: &Progress) -> Result<(), String> {
    // Pulling without a registry can hang for long; this question is answered or refused at once.
    match timeout(ASK_LIMIT, docker.inspect_registry_image(image, None)).await {
        Err(_) => return Err(format!("no answer within {} s", ASK_LIMIT.as_secs())),
        Ok(Err(e)) => return Err(one_line(&with_causes(&e))),
        Ok(Ok(_)) => progress(&format!("pulling {image}")),
    }
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let mut steps = Box::pin(docker.create_image(Some(options), None, None));
    let all = async {
        while let Some(step) = steps.next().await {
            step.map_err(|e| one_line(&with_causes(&e)))?;
        }
        Ok(())
    };
    timeout(PULL_LIMIT, all)
        .await
        .unwrap_or_else(|_| Err(format!("not done within {} s", PULL_LIMIT.as_secs())))
}

/// The first line of what an engine said, not too long for a progress line.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

/// Whether this machine has what building an image takes, apart from Kafka's jars.
pub(crate) fn can_build() -> bool {
    recipe::missing_tool().is_none()
}
