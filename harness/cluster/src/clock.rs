//! A wall clock that can jump, for one program: by libfaketime, which stands between a program and its C library.
//!
//! The program asks a file how far its clock is ahead of the machine's. Clocks that only ever go forward, by which
//! timeouts are measured, are left alone: they do not jump on real machines either.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::doctor::Check;
use crate::error::{ClusterError, IoContext as _};

/// The Debian package that has the library.
pub(crate) const PACKAGE: &str = "libfaketime";
/// Where Debian puts it; the dynamic linker knows what `$LIB` is.
pub(crate) const IN_IMAGE: &str = "/usr/$LIB/faketime/libfaketime.so.1";
/// Where it may be on this machine; `*` is any one folder.
const PLACES: [&str; 4] =
    ["/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime"];
const LIBRARY: &str = "libfaketime.so.1";

/// So soon a program knows of a jump.
pub const SEEN_AFTER: Duration = Duration::from_millis(1_200);

/// The wall clock of programs that are started with its environment.
#[derive(Debug, Clone)]
pub struct Clock {
    file: PathBuf,
    preload: PathBuf,
}

impl Clock {
    /// A clock that goes right, told by this file, which is made.
    ///
    /// # Errors
    /// [`ClusterError::Tools`] without libfaketime; the file can't be written.
    pub fn create(file: &Path) -> Result<Self, ClusterError> {
        let clock = Self { file: file.to_owned(), preload: library()? };
        clock.set(0)?;
        Ok(clock)
    }

    /// What a program that is to have this clock needs in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.preload.display().to_string(), &self.file.display().to_string())
    }

    /// The same for a broker.
    pub(crate) fn environment_of_java(&self) -> Vec<(String, String)> {
        environment_of_java(&self.preload.display().to_string(), &self.file.display().to_string())
    }

    /// The clock is this many milliseconds ahead of the machine's from now on, or behind it if it is negative.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn set(&self, ahead_ms: i64) -> Result<(), ClusterError> {
        // Whoever reads it meanwhile must see all of it.
        let new = self.file.with_extension("new");
        fs::write(&new, offset(ahead_ms)).at("write", &new)?;
        fs::rename(&new, &self.file).at("write", &self.file)
    }
}

/// What makes a program take its wall clock from a file.
pub(crate) fn environment(library: &str, file: &str) -> Vec<(String, String)> {
    let settings = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_CACHE_DURATION", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The same for Java, which waits for ever with a workaround of libfaketime's for other programs.
pub(crate) fn environment_of_java(library: &str, file: &str) -> Vec<(String, String)> {
    let more = ("FAKETIME_FORCE_MONOTONIC_FIX".to_owned(), "0".to_owned());
    environment(library, file).into_iter().chain([more]).collect()
}

/// How libfaketime writes an offset: a sign, and seconds.
pub(crate) fn offset(ahead_ms: i64) -> String {
    let (sign, ms) = (if ahead_ms < 0 { '-' } else { '+' }, ahead_ms.unsigned_abs());
    format!("{sign}{}.{:03}\n", ms / 1_000, ms % 1_000)
}

/// Where libfaketime is here.
///
/// # Errors
/// [`ClusterError::Tools`]: nowhere.
pub(crate) fn library() -> Result<PathBuf, ClusterError> {
    let found = PLACES.iter().flat_map(|place| folders(place)).map(|folder| folder.join(LIBRARY));
    let missing = || {
        ClusterError::Tools(format!(
            "a clock that jumps needs {LIBRARY}, which is not here. On Debian, as root: apt-get install {PACKAGE}"
        ))
    };
    found.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}

fn folders(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once("/*/") else { return vec![PathBuf::from(place)] };
    let entries =
        fs::read_dir(before).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| Vec::new());
    entries.iter().map(|entry| entry.path().join(after)).collect()
}

/// Whether clocks can jump here.
pub(crate) fn check() -> Check {
    let name = "clock jumps";
    match library() {
        Ok(path) => Check::ok(name, format!("{} is here", path.display())),
        Err(_) => Check::warn(
            name,
            format!("{LIBRARY} was not found: no plan with the fault clock_jump can be carried out"),
            format!("on Debian, as root: apt-get install {PACKAGE}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn offsets_have_a_sign_and_three_digits_after_the_point() {
        assert_eq!(
            [0, 7_200_000, -1, -61_050].map(offset),
            ["+0.000\n", "+7200.000\n", "-0.001\n", "-61.050\n"]
        );
    }

    #[test]
    fn a_program_with_such_a_clock_is_ahead_of_this_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = match Clock::create(&folder.path().join("clock")) {
            Ok(clock) => clock,
            Err(missing) => return crate::testing::skip(&missing.to_string()),
        };
        clock.set(10_000_000_000).expect("it is written");
        let said = Command::new("date").arg("+%s").envs(clock.environment()).output().expect("date runs");
        let theirs: u64 = String::from_utf8_lossy(&said.stdout).trim().parse().expect("a number");
        let ours = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970").as_secs();
        assert!(theirs.abs_diff(ours + 10_000_000) < 1_000, "{theirs} beside {ours}");
    }
}
