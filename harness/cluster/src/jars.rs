//! Kafka's own jars, fetched once with Maven and kept in the cache: for brokers as processes, and for the image.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::error::{ClusterError, IoContext as _, cache_dir};
use crate::options::Progress;
use crate::release::Release;
use crate::tool;

/// The Kafka release that truecut starts unless another is asked for.
pub const KAFKA_VERSION: &str = Release::V4_3.version();
/// The oldest Java that brokers are run on.
pub(crate) const JAVA_MIN: u32 = 17;
/// How long Maven may take.
const MAVEN_LIMIT: Duration = Duration::from_secs(600);

/// The folder with a release's jars; fetches them if they are not there yet.
///
/// # Errors
/// [`ClusterError::Tools`] when Java or Maven is missing, or Maven fails.
pub(crate) async fn ensure(release: Release, progress: &Progress) -> Result<PathBuf, ClusterError> {
    let folder = folder(release)?;
    if is_complete(&folder, release) {
        return Ok(folder);
    }
    let _lock = lock("jars").await?;
    if is_complete(&folder, release) {
        return Ok(folder); // another process fetched them meanwhile
    }
    demand_java().await?;
    demand_maven()?;
    progress(&format!("fetching Kafka {release} with Maven"));
    fetch(release, &folder).await?;
    Ok(folder)
}

/// Whether a release's jars are here already.
pub(crate) fn are_here(release: Release) -> bool {
    folder(release).is_ok_and(|folder| is_complete(&folder, release))
}

/// An exclusive lock among all processes of this user; held until dropped.
pub(crate) async fn lock(name: &str) -> Result<File, ClusterError> {
    let path = cache_dir()?.join(format!("{name}.lock"));
    let file = File::create(&path).at("create the lock file", &path)?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(std::io::Error::other).and_then(std::convert::identity).at("lock", &path)
}

/// Says if there is no Java that brokers run on.
///
/// # Errors
/// [`ClusterError::Tools`].
pub(crate) async fn demand_java() -> Result<(), ClusterError> {
    let found = match tool::java_major().await {
        Some(major) if major >= JAVA_MIN => return Ok(()),
        Some(major) => format!("the java in PATH is {major}"),
        None => "no java in PATH runs".to_owned(),
    };
    Err(ClusterError::Tools(format!(
        "Kafka needs Java {JAVA_MIN} or newer: {found}. On Debian, as root: \
         apt-get install openjdk-17-jre-headless"
    )))
}

/// Says if there is no Maven.
///
/// # Errors
/// [`ClusterError::Tools`].
pub(crate) fn demand_maven() -> Result<(), ClusterError> {
    if tool::is_here("mvn") {
        return Ok(());
    }
    Err(ClusterError::Tools(
        "Kafka is fetched with Maven, and no mvn is in PATH. On Debian, as root: apt-get install maven"
            .to_owned(),
    ))
}

fn folder(release: Release) -> Result<PathBuf, ClusterError> {
    Ok(cache_dir()?.join(format!("kafka-{release}")).join("libs"))
}

/// The folder gets its name only when it is whole.
fn is_complete(folder: &Path, release: Release) -> bool {
    folder.join(format!("kafka_2.13-{release}.jar")).is_file()
}

async fn fetch(release: Release, folder: &Path) -> Result<(), ClusterError> {
    let home = folder.parent().unwrap_or(folder);
    let partial = home.join("libs.partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).at("remove", &partial)?;
    }
    std::fs::create_dir_all(&partial).at("create", &partial)?;
    let pom = home.join("pom.xml");
    std::fs::write(&pom, project(release)).at("write", &pom)?;
    let mut maven = Command::new("mvn");
    maven
        .args(["--quiet", "--batch-mode", "--no-transfer-progress", "--file"])
        .arg(&pom)
        .arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies")
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", partial.display()));
    tool::run(maven, MAVEN_LIMIT)
        .await
        .map_err(|said| ClusterError::Tools(format!("Kafka {release} could not be fetched: {said}")))?;
    std::fs::rename(&partial, folder).at("rename to", folder)
}

/// A Maven project that has nothing but Kafka as its dependency.
fn project(release: Release) -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    let [group, artifact, version] = release.logging().jar;
    let dependencies = dependency("org.apache.kafka", "kafka_2.13", release.version())
        + &dependency(group, artifact, version);
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>truecut</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>\n  \
         <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}
