//! The recipe of the built image: a Java runtime from the machine's own Debian mirror, Kafka's jars from Maven, and a
//! start script with the interface of `apache/kafka`.
//!
//! The packages are only unpacked, not installed, so that it needs neither root nor a builder and takes seconds: a broker
//! uses a C library, a C++ library, zlib, Java, and the shell of its start script, and nothing else is in the image.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::StreamExt as _;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use super::LABEL_RECIPE;
use crate::engine::with_causes;
use crate::error::{ClusterError, IoContext as _, cache_dir};
use crate::options::Progress;
use crate::release::Release;
use crate::{clock, jars, tool};

const RUN: &str = include_str!("run.sh");
const SERVER: &str = include_str!("server.properties");

/// Java runtimes, best first; the first that the distribution has is taken.
const JAVA_PACKAGES: [&str; 3] =
    ["openjdk-17-jre-headless", "openjdk-21-jre-headless", "openjdk-25-jre-headless"];
/// What Java and the start script need beside it.
const BASE_PACKAGES: [&str; 6] =
    ["busybox-static", "libc6", clock::PACKAGE, "libgcc-s1", "libstdc++6", "zlib1g"];
/// The commands that the shell of the image has.
const COMMANDS: [&str; 17] = [
    "sh", "cat", "cut", "df", "env", "find", "grep", "head", "kill", "ls", "mkdir", "mv", "ps", "rm", "sed",
    "sleep", "tail",
];
/// What no broker reads.
const SUPERFLUOUS: [&str; 4] = ["usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/locale"];

/// How long the mirror may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
/// How long unpacking one package may take.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);

/// Names this recipe: it changes whenever what goes into the image changes.
pub(super) fn revision(release: Release) -> String {
    let mut hasher = DefaultHasher::new();
    let (run, (_, log)) = (run_script(release), release.logging().config);
    (run, log, SERVER, JAVA_PACKAGES, BASE_PACKAGES, COMMANDS, release.version()).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The start script, which tells Java where this release's logger finds its settings.
fn run_script(release: Release) -> String {
    let option = |of: Release| {
        let logging = of.logging();
        format!("-D{}=file:/opt/kafka/config/{}", logging.property, logging.config.0)
    };
    RUN.replace(&option(Release::default()), &option(release))
}

/// Builds the image of a release.
///
/// # Errors
/// [`ClusterError::Image`] on a machine that has no Debian packages or cannot fetch them; [`ClusterError::Tools`]
/// without Java and Maven.
pub(super) async fn build(
    docker: &Docker,
    release: Release,
    progress: &Progress,
) -> Result<(), ClusterError> {
    if let Some(needed) = missing_tool() {
        return Err(ClusterError::Image(format!(
            "none can be pulled, and building one needs Debian or Ubuntu (`{needed}` is missing). Bring one here: \
             docker pull {}",
            super::pulled(release)
        )));
    }
    let libs = jars::ensure(release, progress).await?;
    let work = tempfile::Builder::new()
        .prefix("image-")
        .tempdir_in(cache_dir()?)
        .doing("create a folder to build the image in")?;
    let root = work.path().join("root");
    fs::create_dir(&root).at("create", &root)?;
    progress("fetching a Java runtime from the Debian mirror");
    unpack_packages(work.path(), &root).await?;
    furnish(release, &root, &libs)?;
    progress(&format!("importing {}", super::built(release)));
    import(docker, release, &root).await
}

/// What of the machine's own tools the recipe misses, if anything.
pub(super) fn missing_tool() -> Option<&'static str> {
    ["apt-get", "dpkg-deb", "tar"].into_iter().find(|needed| !tool::is_here(needed))
}

/// Downloads the packages with the machine's own package sources, which also checks their signatures, and unpacks them.
async fn unpack_packages(work: &Path, root: &Path) -> Result<(), ClusterError> {
    let mut missing = String::new();
    for java in JAVA_PACKAGES {
        let mut apt = Command::new("apt-get");
        apt.args(["download", "--quiet", "-o", "Acquire::Retries=3"])
            .arg(java)
            .args(BASE_PACKAGES)
            .current_dir(work);
        match tool::run(apt, DOWNLOAD_LIMIT).await {
            Ok(_) => return unpack(work, root).await,
            Err(said) => missing = said,
        }
    }
    Err(ClusterError::Image(format!(
        "the packages for one could not be fetched. `apt-get update` as root may help. {missing}"
    )))
}

async fn unpack(work: &Path, root: &Path) -> Result<(), ClusterError> {
    for entry in fs::read_dir(work).at("read", work)? {
        let file = entry.at("read", work)?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            let mut command = Command::new("dpkg-deb");
            command.arg("--extract").arg(&file).arg(root);
            tool::run(command, UNPACK_LIMIT).await.map_err(ClusterError::Image)?;
        }
    }
    Ok(())
}

/// Puts Kafka, its start script and a minimal system around it into the image's root.
fn furnish(release: Release, root: &Path, libs: &Path) -> Result<(), ClusterError> {
    for folder in
        ["etc/kafka/docker", "opt/kafka/libs", "opt/kafka/config", "mnt/shared/config", "tmp", "root", "var"]
    {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).at("create", &folder)?;
    }
    // Newer releases keep programs and libraries under /usr only; older ones ship them in both.
    for name in ["bin", "lib", "lib64", "sbin"] {
        let (link, target) = (root.join(name), root.join("usr").join(name));
        if !link.exists() && target.exists() {
            symlink(Path::new("usr").join(name), &link).at("link", &link)?;
        }
    }
    for name in SUPERFLUOUS.map(|name| root.join(name)).iter().filter(|name| name.exists()) {
        fs::remove_dir_all(name).at("remove", name)?;
    }
    for command in COMMANDS {
        let link = root.join("bin").join(command);
        symlink("busybox", &link).at("link", &link)?;
    }
    let docker = root.join("etc/kafka/docker");
    let (run, (log_name, log)) = (run_script(release), release.logging().config);
    let files = [
        (root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n"),
        (root.join("etc/group"), "root:x:0:\n"),
        (docker.join("run"), run.as_str()),
        (docker.join(log_name), log),
        (docker.join(format!("tools-{log_name}")), log),
        (docker.join("server.properties"), SERVER),
    ];
    for (file, content) in &files {
        fs::write(file, content).at("write", file)?;
    }
    set_mode(&docker.join("run"), 0o755)?;
    set_mode(&root.join("tmp"), 0o1777)?;
    for entry in fs::read_dir(libs).at("read", libs)? {
        let jar = entry.at("read", libs)?;
        fs::copy(jar.path(), root.join("opt/kafka/libs").join(jar.file_name())).at("copy", &jar.path())?;
    }
    Ok(())
}

fn set_mode(file: &Path, mode: u32) -> Result<(), ClusterError> {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).at("set the mode of", file)
}

/// Streams the root folder into the engine as an image.
async fn import(docker: &Docker, release: Release, root: &Path) -> Result<(), ClusterError> {
    let image = super::built(release);
    let failed = |detail: String| ClusterError::Image(format!("{image} could not be imported: {detail}"));
    let mut tar = Command::new("tar")
        .args(["--create", "--numeric-owner", "--owner=0", "--group=0", "--directory"])
        .arg(root)
        .arg(".")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .doing("start tar")?;
    let archive = tar.stdout.take().ok_or_else(|| failed("tar gives no output".to_owned()))?;
    let changes = vec![
        "CMD [\"/etc/kafka/docker/run\"]".to_owned(),
        "EXPOSE 9092".to_owned(),
        "ENV LANG=C.UTF-8 PATH=/usr/bin:/bin".to_owned(),
        format!("LABEL {LABEL_RECIPE}={}", revision(release)),
    ];
    let (repository, tag) = image.split_once(':').unwrap_or((&image, "latest"));
    let options =
        CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).changes(changes).build();
    let body = bollard::body_try_stream(ReaderStream::with_capacity(archive, 1 << 18));
    let mut steps = Box::pin(docker.create_image(Some(options), Some(body), None));
    while let Some(step) = steps.next().await {
        step.map_err(|e| failed(with_causes(&e)))?;
    }
    let status = tar.wait().await.doing("wait for tar")?;
    if !status.success() {
        return Err(failed(format!("tar failed ({status})")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_is_started_with_its_own_loggers_settings() {
        assert_eq!(run_script(Release::V4_3), RUN);
        let old = run_script(Release::V3_9);
        assert!(old.contains("-Dlog4j.configuration=file:/opt/kafka/config/log4j.properties"), "{old}");
        assert!(!old.contains("log4j2"), "{old}");
        assert_ne!(revision(Release::V3_9), revision(Release::V4_3));
    }
}
