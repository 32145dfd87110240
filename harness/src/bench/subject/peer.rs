//! Peers: programs that are started with the path of a properties file, and end on SIGTERM.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Running, Subject};
use crate::bench::settings::Settings;
use crate::failure::Failure;

/// The properties file in a peer's directory.
const PROPERTIES: &str = "peer.properties";
/// The raw peer's program: a package of this workspace.
const RAW: &str = "truecut-raw";

fn start(program: &Path, settings: &Settings, more: &str) -> Result<Running, Failure> {
    let file = settings.directory.join(PROPERTIES);
    std::fs::write(&file, settings.properties() + more).map_err(Failure::at("write", &file))?;
    let mut command = Command::new(program);
    command.arg(&file);
    Running::start(command, &settings.directory)
}

/// The Kafka client's own limit: benches/peers/raw.
pub(super) struct RawPeer {
    program: PathBuf,
}

impl RawPeer {
    /// Cargo puts it beside this program.
    pub(super) fn beside_this_program() -> Self {
        let program = std::env::current_exe().map(|program| program.with_file_name(RAW));
        Self { program: program.unwrap_or_else(|_| PathBuf::from(RAW)) }
    }
}

impl Subject for RawPeer {
    fn missing(&self) -> Option<String> {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        (!self.program.is_file()).then(|| {
            format!("{} is not there: build it with `cargo build{release} -p {RAW}`", self.program.display())
        })
    }

    fn versions(&self) -> Vec<(String, String)> {
        // Built with the same lockfile as this program.
        vec![("librdkafka".to_owned(), rdkafka::util::get_rdkafka_version().1)]
    }

    fn start(&self, settings: &Settings) -> Result<Running, Failure> {
        start(&self.program, settings, "")
    }
}

/// A Java program, built by Maven in a directory of its own, with a launcher.
pub(super) struct JavaPeer {
    directory: PathBuf,
    /// More properties.
    more: &'static str,
}

impl JavaPeer {
    pub(super) fn new(directory: PathBuf, more: &'static str) -> Self {
        // A launcher may change its directory.
        Self { directory: std::path::absolute(&directory).unwrap_or(directory), more }
    }

    fn launcher(&self) -> PathBuf {
        self.directory.join("run.sh")
    }

    fn is_built(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.directory.join("target")) else { return false };
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|kind| kind == "jar"))
    }
}

impl Subject for JavaPeer {
    fn missing(&self) -> Option<String> {
        let directory = self.directory.display();
        if !self.launcher().is_file() {
            return Some(format!(
                "{directory}/run.sh is not there: name the directory of peers with --peers"
            ));
        }
        if !self.is_built() {
            return Some(format!("{directory} is not built: {directory}/README.md says how"));
        }
        (!java_runs()).then(|| "there is no Java: install a Java 17 runtime".to_owned())
    }

    fn versions(&self) -> Vec<(String, String)> {
        versions(&std::fs::read_to_string(self.directory.join("pom.xml")).unwrap_or_default())
    }

    fn start(&self, settings: &Settings) -> Result<Running, Failure> {
        start(&self.launcher(), settings, self.more)
    }
}

fn java_runs() -> bool {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let mut java = Command::new(home.filter(|java| java.is_file()).unwrap_or_else(|| "java".into()));
    java.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    java.status().is_ok_and(|status| status.success())
}

/// Only tests of a peer are made with it.
const TESTED_WITH: &str = "junit";

/// The versions that a Maven project names among its properties: `<flink.version>2.2.0</flink.version>`.
fn versions(pom: &str) -> Vec<(String, String)> {
    let Some((_, rest)) = pom.split_once("<properties>") else { return Vec::new() };
    let properties = rest.split_once("</properties>").map_or(rest, |(properties, _)| properties);
    let entries = properties.split('<').filter_map(|entry| entry.split_once('>'));
    entries
        .filter_map(|(name, value)| {
            let name = name.strip_suffix(".version").filter(|name| !name.starts_with('/'))?;
            if name == TESTED_WITH {
                return None;
            }
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_maven_is_told() {
        let pom = "<project><version>1</version><properties>\n <flink.version>2.2.0</flink.version>\n \
                   <connector.version> 5.0.0-2.2 </connector.version><junit.version>5.11.4</junit.version><release>17</release>\n</properties>\
                   <x.version>no</x.version></project>";
        let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(versions(pom), [named("flink", "2.2.0"), named("connector", "5.0.0-2.2")]);
        assert_eq!(versions(""), []);
    }

    #[test]
    fn a_launcher_without_a_built_jar_is_missing() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("run.sh"), "").expect("it can be written");
        let why = JavaPeer::new(directory.path().to_owned(), "").missing().expect("no jar");
        assert!(why.contains("README.md"), "{why}");
    }
}
