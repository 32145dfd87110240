//! Is this machine able to run truecut? A list of checks, each with what was seen and what to do.

use std::path::Path;

use bollard::Docker;
use futures::future::BoxFuture;

use crate::error::{ClusterError, cache_dir};
use crate::image;
use crate::jars::{self, JAVA_MIN};
use crate::release::Release;
use crate::{clean, clock, engine, kernel, port, tool};

/// Free memory below which a broker and workers are tight, in MiB.
const MEMORY_MIB_MIN: u64 = 2_048;
/// Free memory that three brokers and workers want, in MiB.
const MEMORY_MIB_THREE: u64 = 4_096;
/// How many ports three broker processes behind proxies take.
const PORTS: usize = 12;
/// Free disk space below which an image and a run do not fit, in MiB.
const DISK_MIB_MIN: u64 = 2_048;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    Ok,
    /// Something is missing that there is another way for.
    Warn,
    /// Runs on Kafka will not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do about it, unless it is as it should be.
    pub remedy: Option<String>,
}

impl Check {
    pub(crate) fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), remedy: None }
    }

    pub(crate) fn warn(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    fn fail(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, detail: detail.into(), remedy: Some(remedy.into()) }
    }
}

/// Looks at everything that runs on Kafka need. Changes nothing: what is tried in the kernel is tried in a network
/// namespace of its own.
pub async fn doctor() -> Vec<Check> {
    look_boxed().await
}

fn look_boxed() -> BoxFuture<'static, Vec<Check>> {
    Box::pin(look())
}

async fn look() -> Vec<Check> {
    let docker = engine::connect().await;
    let java = java().await;
    let maven = maven();
    let process_works =
        java.status == Status::Ok && (maven.status == Status::Ok || jars::are_here(Release::default()));
    let mut checks = vec![container_engine(docker.as_ref(), process_works).await];
    if let Ok(docker) = &docker {
        for release in Release::ALL {
            checks.push(kafka_image(docker, release, process_works).await);
        }
    }
    checks.extend([java, maven, free_ports(), disk(), memory()]);
    checks.extend(kernel::checks().await);
    checks.push(clock::check());
    checks.push(leftovers(docker.as_ref().ok()).await);
    checks
}

async fn container_engine(docker: Result<&Docker, &ClusterError>, process_works: bool) -> Check {
    let name = "container engine";
    match docker {
        Ok(docker) => {
            let version = docker.version().await.unwrap_or_default();
            let text = |part: Option<String>| part.unwrap_or_else(|| "unknown".to_owned());
            Check::ok(name, format!("version {}, API {}", text(version.version), text(version.api_version)))
        }
        Err(e) if process_works => Check::warn(name, e.to_string(), "runs use `--kafka process` instead"),
        Err(e) => Check::fail(
            name,
            e.to_string(),
            "start an engine, or install Java 17 and Maven for `--kafka process`",
        ),
    }
}

async fn kafka_image(docker: &Docker, release: Release, jars_come: bool) -> Check {
    let name = "kafka image";
    if let Some(image) = image::local(docker, release).await {
        return Check::ok(name, format!("{image} is here"));
    }
    let (pulled, built) = (image::pulled(release), image::built(release));
    let absent = format!("neither {pulled} nor {built} is here");
    if image::can_build() && jars_come {
        return Check::ok(name, format!("{absent}; the first run on Kafka {release} pulls or builds one"));
    }
    Check::warn(
        name,
        format!("{absent}, and this machine cannot build one"),
        format!("docker pull {pulled}; or, on Debian, install Java 17 and Maven"),
    )
}

async fn java() -> Check {
    let name = "java";
    let remedy = "on Debian, as root: apt-get install openjdk-17-jre-headless";
    match tool::java_major().await {
        Some(major) if major >= JAVA_MIN => Check::ok(name, format!("version {major}")),
        Some(major) => Check::warn(name, format!("version {major}; brokers need {JAVA_MIN}"), remedy),
        None => Check::warn(name, "not found; needed for `--kafka process` and to build the image", remedy),
    }
}

fn maven() -> Check {
    let name = "maven";
    if jars::are_here(Release::default()) {
        return Check::ok(name, "Kafka's jars are in the cache already");
    }
    if tool::is_here("mvn") {
        return Check::ok(name, "mvn is in PATH");
    }
    let detail = "not found; needed once to fetch Kafka's jars, unless the image can be pulled";
    Check::warn(name, detail, "on Debian, as root: apt-get install maven")
}

fn free_ports() -> Check {
    let name = "free ports";
    match (0..PORTS).map(|_| port::free()).collect::<Result<Vec<u16>, _>>() {
        Ok(ports) => {
            let some: Vec<String> = ports.iter().take(3).map(ToString::to_string).collect();
            Check::ok(name, format!("{}, and more", some.join(", ")))
        }
        Err(e) => Check::fail(name, e.to_string(), "end programs that listen on many ports"),
    }
}

fn disk() -> Check {
    let name = "disk space";
    let temp = std::env::temp_dir();
    let cache = cache_dir().unwrap_or_else(|_| temp.clone());
    let Some((folder, free)) = [temp, cache]
        .into_iter()
        .filter_map(|f| Some((f.clone(), free_mib(&f)?)))
        .min_by_key(|(_, free)| *free)
    else {
        return Check::warn(name, "could not be asked for", "make sure that some GB are free");
    };
    let detail = format!("{free} MiB free at {}", folder.display());
    if free >= DISK_MIB_MIN {
        return Check::ok(name, detail);
    }
    Check::warn(name, detail, format!("free at least {DISK_MIB_MIN} MiB, or set TMPDIR to a larger disk"))
}

fn free_mib(folder: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(stat.blocks_available() * stat.fragment_size() / (1 << 20))
}

fn memory() -> Check {
    let name = "memory";
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let Some(kib) =
        line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok())
    else {
        return Check::warn(name, "could not be asked for", "make sure that 2 GB are free");
    };
    let few = if kib / 1024 < MEMORY_MIB_THREE { ", which is tight for three brokers" } else { "" };
    let detail = format!("{} MiB available{few}", kib / 1024);
    if kib / 1024 >= MEMORY_MIB_MIN {
        return Check::ok(name, detail);
    }
    let remedy =
        format!("a broker and workers want {MEMORY_MIB_MIN} MiB, three brokers {MEMORY_MIB_THREE} MiB");
    Check::warn(name, detail, remedy)
}

async fn leftovers(docker: Option<&Docker>) -> Check {
    let name = "leftovers";
    let mut left = match docker {
        Some(docker) => clean::left_at_engine(docker).await.unwrap_or_default(),
        None => Vec::new(),
    };
    left.extend(clean::left_folders().iter().map(|folder| folder.display().to_string()));
    if left.is_empty() {
        return Check::ok(name, "none");
    }
    Check::warn(name, left.join(", "), "truecut clean")
}
