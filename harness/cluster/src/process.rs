//! A broker as a plain child process: for machines with Java and without a container engine.

use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::broker::{BrokerId, NO_CLOCK};
use crate::clock::Clock;
use crate::error::{ClusterError, IoContext as _};
use crate::options::Options;
use crate::owner::Owner;
use crate::port::{Ports, here};
use crate::reaper::{self, Leftover};
use crate::release::Release;
use crate::settings::{self, Place};
use crate::spawn::spawn_bound;
use crate::tool;

/// How the data folders of brokers are named, so that `clean` finds them.
pub(crate) const FOLDER_PREFIX: &str = "truecut-kafka-";
/// In a data folder: who owns it.
pub(crate) const OWNER_FILE: &str = "owner";

const FORMAT_LIMIT: Duration = Duration::from_secs(60);
const QUOTED_LINES: usize = 15;

/// A broker process and its data folder.
pub(crate) struct ProcessBroker {
    id: BrokerId,
    child: Child,
    owner: Option<Owner>,
    folder: PathBuf,
    libs: PathBuf,
    log: PathBuf,
    java_options: Vec<String>,
    clock: Option<Clock>,
    keep: bool,
    pub(crate) direct: SocketAddr,
    pub(crate) behind: Option<SocketAddr>,
}

impl ProcessBroker {
    /// Formats a new data folder and starts a broker on it, one of `all`; it is not ready yet.
    pub(crate) async fn start(
        libs: &Path,
        options: &Options,
        ports: Ports,
        all: &[Ports],
    ) -> Result<Self, ClusterError> {
        let folder = make_folder(options, ports.id)?;
        let libs = libs.to_path_buf();
        let place = Place::here(options, ports, all, &folder.join("data").display().to_string());
        let log = options.log_dir.as_ref().unwrap_or(&folder).join(format!("kafka-{}.log", ports.id));
        let log_option = log_option(options.release, &folder);
        let heap = options.heap().map(str::to_owned);
        let java_options: Vec<String> =
            std::iter::once(log_option.clone()).chain(heap).chain(options.java_options.clone()).collect();
        write(&folder.join("server.properties"), &settings::file(&settings::properties(&place, options))?)?;
        let (log_name, log_config) = options.release.logging().config;
        write(&folder.join(log_name), log_config)?;
        let prepared = async {
            format_storage(&libs, &folder, &log_option).await?;
            let clock = options.clock.then(|| Clock::create(&folder.join("clock"))).transpose()?;
            let child = launch(&libs, &folder, &log, &java_options, clock.as_ref())?;
            Ok((child, clock))
        };
        let (child, clock) = match prepared.await {
            Ok(prepared) => prepared,
            Err(e) => {
                remove_folder(&folder)?;
                return Err(e);
            }
        };
        let mut broker = Self {
            id: ports.id,
            child,
            owner: None,
            folder,
            libs,
            log,
            java_options,
            clock,
            keep: options.keep_data,
            direct: here(ports.direct),
            behind: ports.behind.map(here),
        };
        broker.tell_reaper();
        Ok(broker)
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process runs; the error quotes its log.
    pub(crate) fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let end = tool::last_lines(&log, QUOTED_LINES);
                Err(format!("its process has ended ({status}). The end of {}:\n{end}", self.log.display()))
            }
            Err(e) => Err(e.to_string()),
        }
    }

    /// SIGTERM, and SIGKILL after `limit`.
    pub(crate) async fn stop(&mut self, limit: Duration) -> Result<(), ClusterError> {
        self.signal(Signal::SIGTERM)?;
        let started = Instant::now();
        while self.child.try_wait().doing("wait for the broker")?.is_none() {
            if started.elapsed() > limit {
                return self.kill();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), ClusterError> {
        self.child.kill().doing("kill the broker")?;
        self.child.wait().doing("wait for the broker").map(|_| ())
    }

    /// Starts the stopped or killed broker again, on the same data and port.
    pub(crate) fn start_again(&mut self) -> Result<(), ClusterError> {
        if self.child.try_wait().doing("ask for the broker")?.is_none() {
            return Err(ClusterError::Refused(format!("broker {} runs already", self.id)));
        }
        self.forget_process();
        self.child = launch(&self.libs, &self.folder, &self.log, &self.java_options, self.clock.as_ref())?;
        self.tell_reaper();
        Ok(())
    }

    /// SIGSTOP.
    pub(crate) fn pause(&self) -> Result<(), ClusterError> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) -> Result<(), ClusterError> {
        self.signal(Signal::SIGCONT)
    }

    /// Its wall clock is so far ahead of the machine's.
    pub(crate) fn set_clock(&self, ahead_ms: i64) -> Result<(), ClusterError> {
        let none = || ClusterError::Refused(NO_CLOCK.to_owned());
        self.clock.as_ref().ok_or_else(none)?.set(ahead_ms)
    }

    /// Ends the process and removes its data, unless that is to be kept.
    pub(crate) async fn end(mut self) -> Result<(), ClusterError> {
        if self.keep {
            self.resume()?;
            self.stop(Duration::from_secs(20)).await?;
        } else {
            self.kill()?;
            remove_folder(&self.folder)?;
        }
        self.forget_process();
        Ok(())
    }

    /// The child is waited for only by this value, so its number cannot be another process's.
    fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        let pid = i32::try_from(self.child.id()).map_err(std::io::Error::other).doing("signal the broker")?;
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(e) => Err(std::io::Error::from(e)).doing("signal the broker"),
        }
    }

    fn tell_reaper(&mut self) {
        self.owner = Owner::of(self.child.id());
        if let Some(owner) = &self.owner {
            reaper::watch(&Leftover::Process(owner.clone()));
        }
    }

    fn forget_process(&mut self) {
        if let Some(owner) = self.owner.take() {
            reaper::release(&Leftover::Process(owner));
        }
    }
}

/// A new folder, known to the reaper and marked with its owner.
fn make_folder(options: &Options, id: BrokerId) -> Result<PathBuf, ClusterError> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("{FOLDER_PREFIX}{}-{id}-", options.run))
        .tempdir()
        .doing("create a folder for the broker's data")?
        .keep();
    if !options.keep_data {
        reaper::watch(&Leftover::Folder(folder.clone()));
    }
    write(&folder.join(OWNER_FILE), &Owner::me().to_string())?;
    Ok(folder)
}

fn remove_folder(folder: &Path) -> Result<(), ClusterError> {
    fs::remove_dir_all(folder).at("remove", folder)?;
    reaper::release(&Leftover::Folder(folder.to_path_buf()));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), ClusterError> {
    fs::write(path, text).at("write", path)
}

/// Kafka's own tool writes the identity of a new cluster into the data folder.
async fn format_storage(libs: &Path, folder: &Path, log_option: &str) -> Result<(), ClusterError> {
    let mut tool = tokio::process::Command::new("java");
    tool.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
        .arg(class_path(libs))
        .arg(log_option)
        .args(["kafka.tools.StorageTool", "format", "--cluster-id", "5L6g3nShT-eMCtK--X86sw", "--config"])
        .arg(folder.join("server.properties"));
    let done = tool::run(tool, FORMAT_LIMIT).await;
    done.map(|_| ())
        .map_err(|said| ClusterError::Refused(format!("the broker's storage cannot be formatted: {said}")))
}

/// Starts the broker; its output goes to the end of the log.
fn launch(
    libs: &Path,
    folder: &Path,
    log: &Path,
    java_options: &[String],
    clock: Option<&Clock>,
) -> Result<Child, ClusterError> {
    let output: File = OpenOptions::new().create(true).append(true).open(log).at("open", log)?;
    let errors = output.try_clone().at("open", log)?;
    let mut java = Command::new("java");
    java.args(["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Djava.awt.headless=true"])
        .args(java_options)
        .arg("-cp")
        .arg(class_path(libs))
        .arg("kafka.Kafka")
        .arg(folder.join("server.properties"))
        .envs(clock.map(Clock::environment_of_java).unwrap_or_default())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    spawn_bound(java).doing("start java")
}

fn class_path(libs: &Path) -> String {
    format!("{}/*", libs.display())
}

fn log_option(release: Release, folder: &Path) -> String {
    let logging = release.logging();
    format!("-D{}=file:{}", logging.property, folder.join(logging.config.0).display())
}
