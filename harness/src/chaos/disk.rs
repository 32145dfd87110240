//! A small disk of its own for the checkpoints of a run, so that it can be full. It is memory, mounted where only this process and its
//! children see it: nothing of it is left when they are gone, however they end.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::plan::Plan;
use crate::failure::Failure;

/// Its size, MiB: much more than a run's checkpoints take.
const MIB: u32 = 64;
/// What takes all the space.
const FILLER: &str = "filler";

/// The disk.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
}

/// Makes this process able to mount such a disk for itself alone, if the plan needs one. Must come before any other thread is started.
///
/// # Errors
/// The system does not allow it: that takes the rights of root.
pub fn prepare_process(plan: &Plan) -> Result<(), Failure> {
    if plan.steps.iter().any(|step| step.fault.needs_own_disk()) { prepare_for_disks() } else { Ok(()) }
}

/// The same, for plans that are not known yet.
///
/// # Errors
/// As [`prepare_process`].
pub fn prepare_for_disks() -> Result<(), Failure> {
    let refused = |error| {
        Failure::environment(format!(
            "the faults store_full and store_read_only need a disk of their own, which can't be mounted: {error}; run as root"
        ))
    };
    unshare(CloneFlags::CLONE_NEWNS).map_err(refused)?;
    let (nothing, all) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
    mount(nothing, "/", nothing, all, nothing).map_err(refused)
}

impl Disk {
    /// Mounts it.
    pub(super) fn mount(path: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).map_err(Failure::at("make", path))?;
        let size = format!("size={MIB}m");
        mount(Some("truecut"), path, Some("tmpfs"), MsFlags::empty(), Some(size.as_str())).map_err(
            |error| {
                Failure::environment(format!(
                    "can't mount a disk on {}: {error}; run as root",
                    path.display()
                ))
            },
        )?;
        Ok(Self { path: path.to_owned() })
    }

    /// Takes all the space that is left; how many bytes that was.
    pub(super) fn fill(&self) -> Result<u64, Failure> {
        let path = self.path.join(FILLER);
        let mut file = File::create(&path).map_err(Failure::at("make", &path))?;
        let (block, mut taken) = (vec![0_u8; 4096], 0);
        loop {
            match file.write(&block) {
                Ok(bytes) => taken += u64::try_from(bytes).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(taken),
                Err(error) => return Err(Failure::at("fill", &path)(error)),
            }
        }
    }

    /// Gives the space back.
    pub(super) fn empty(&self) -> Result<(), Failure> {
        let path = self.path.join(FILLER);
        std::fs::remove_file(&path).map_err(Failure::at("remove", &path))
    }

    /// Lets no file be made or removed in any of its directories, or lets it again: by the flag that binds root, too.
    pub(super) fn read_only(&self, is: bool) -> Result<(), Failure> {
        let flag = if is { "+i" } else { "-i" };
        let mut command = Command::new("chattr");
        let run = command.args([flag]).args(self.directories()?).output();
        let said = run.map_err(|error| {
            Failure::environment(format!("can't start chattr: {error}; install it (e2fsprogs)"))
        })?;
        if said.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        Err(Failure::environment(format!("chattr {flag} does not work on a disk in memory here: {why}")))
    }

    fn directories(&self) -> Result<Vec<PathBuf>, Failure> {
        let entries = std::fs::read_dir(&self.path).map_err(Failure::at("read", &self.path))?;
        Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It goes with the process at the latest.
        let _ = self.read_only(false);
        let _ = nix::mount::umount2(&self.path, nix::mount::MntFlags::MNT_DETACH);
    }
}
