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

/// Apache's own image.
pub const PULLED_IMAGE: &str = "apache/kafka:4.3.0";
/// The image that truecut builds where Apache's cannot be pulled.
pub const BUILT_IMAGE: &str = "truecut/kafka:4.3.0";

/// On the built image: which recipe made it. An image of another recipe is built again.
const LABEL_RECIPE: &str = "truecut.recipe";

/// How long the registry may take to say whether it has the image.
const ASK_LIMIT: Duration = Duration::from_secs(15);
/// How long pulling may take.
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// Makes a Kafka image available and names it. The first time this pulls one or builds one, which `progress` is told.
///
/// # Errors
/// [`ClusterError::NoEngine`]; [`ClusterError::Image`] when none is here and none can be pulled or built.
pub async fn ensure_image(progress: &Progress) -> Result<String, ClusterError> {
    ensure_boxed(progress).await
}

fn ensure_boxed(progress: &Progress) -> BoxFuture<'_, Result<String, ClusterError>> {
    Box::pin(ensure(progress))
}

async fn ensure(progress: &Progress) -> Result<String, ClusterError> {
    let docker = engine::connect().await?;
    if let Some(image) = local(&docker).await {
        return Ok(image.to_owned());
    }
    let _lock = jars::lock("image").await?;
    if let Some(image) = local(&docker).await {
        return Ok(image.to_owned()); // another process made it meanwhile
    }
    progress(&format!("no Kafka image is here; asking the registry for {PULLED_IMAGE}"));
    match pull(&docker, progress).await {
        Ok(()) => return Ok(PULLED_IMAGE.to_owned()),
        Err(why) => progress(&format!("{PULLED_IMAGE} cannot be pulled ({why}); building {BUILT_IMAGE}")),
    }
    recipe::build(&docker, progress).await?;
    match local(&docker).await {
        Some(image) => Ok(image.to_owned()),
        None => Err(ClusterError::Image(format!("{BUILT_IMAGE} was built, but the engine does not have it"))),
    }
}

/// The image that is already here, if one is.
pub(crate) async fn local(docker: &Docker) -> Option<&'static str> {
    if docker.inspect_image(PULLED_IMAGE).await.is_ok() {
        return Some(PULLED_IMAGE);
    }
    let image = docker.inspect_image(BUILT_IMAGE).await.ok()?;
    let made_by =
        image.config.and_then(|config| config.labels).and_then(|labels| labels.get(LABEL_RECIPE).cloned());
    (made_by == Some(recipe::revision())).then_some(BUILT_IMAGE)
}

/// Pulls Apache's image; the error is why not.
async fn pull(docker: &Docker, progress: &Progress) -> Result<(), String> {
    // Pulling without a registry can hang for long; this question is answered or refused at once.
    match timeout(ASK_LIMIT, docker.inspect_registry_image(PULLED_IMAGE, None)).await {
        Err(_) => return Err(format!("no answer within {} s", ASK_LIMIT.as_secs())),
        Ok(Err(e)) => return Err(one_line(&with_causes(&e))),
        Ok(Ok(_)) => progress(&format!("pulling {PULLED_IMAGE}")),
    }
    let options = CreateImageOptionsBuilder::new().from_image(PULLED_IMAGE).build();
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
