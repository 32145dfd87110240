//! What this machine is: distribution, rights, whether a person sits before it, which programs it has.
//!
//! Decides nothing; answers questions about the machine.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Whether packages can be installed here with `apt-get`: Debian or a relative of it.
pub(crate) fn is_debian_like() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let like = |key: &str| {
        let value = release.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        value.trim_matches('"').split(' ').any(|id| id == "debian" || id == "ubuntu")
    };
    (like("ID=") || like("ID_LIKE=")) && program("apt-get").is_some()
}

/// Whether a library is here to compile with, by pkg-config's word.
pub(crate) fn library(name: &str) -> bool {
    let mut asked = Command::new("pkg-config");
    asked.args(["--exists", name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    // The owner of a process's own entry in /proc is its effective user.
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

/// Whether this is a CI job, where nobody can be asked.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Whether a person can be asked.
pub(crate) fn has_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Where the program `name` is, by `PATH` and the folders for root's programs.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The major version of the `java` in `PATH`, if there is one that runs.
pub(crate) fn java_major() -> Option<u32> {
    let answer = Command::new("java").arg("-version").output().ok()?;
    parse_java_major(&String::from_utf8_lossy(&answer.stderr))
}

/// From `openjdk version "17.0.15" 2025-04-15` to 17; the old `"1.8.0_402"` is 8.
fn parse_java_major(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    let mut numbers = version.split(['.', '_', '-', '+']);
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

/// Whether the package lists know a package of this name that can be installed.
pub(crate) fn package_is_known(name: &str) -> bool {
    Command::new("apt-cache")
        .args(["show", "--no-all-versions", name])
        .output()
        .is_ok_and(|answer| answer.status.success() && !answer.stdout.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_old_and_new_are_read() {
        assert_eq!(parse_java_major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(parse_java_major("java version \"1.8.0_402\""), Some(8));
        assert_eq!(parse_java_major("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(parse_java_major("no java here"), None);
    }
}
