//! A checkpoint store in a local directory.
//!
//! A new name appears by an exclusive `link` of a temporary file that is whole and synced; the directory is synced after it.
//! Nothing is ever renamed over or written in place. The directory belongs to one job, whose name is in `owner`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::envelope::{self, Kind};
use super::error::StoreError;
use super::lock::{self, Lock};
use super::{CheckpointStore, Put};

/// The file that makes a directory a checkpoint directory, and says whose.
const OWNER: &str = "owner";
/// How names of unfinished files begin.
const TEMPORARY: &str = "temporary-";
/// What a file system may put into a directory by itself.
const OF_THE_FILE_SYSTEM: &str = "lost+found";

/// A checkpoint directory. Any number of processes may have it open.
#[derive(Debug)]
pub struct LocalDirectory {
    path: PathBuf,
    next_temporary: AtomicU64,
}

impl LocalDirectory {
    /// Opens the checkpoint directory of a job; makes it if there is none.
    ///
    /// # Errors
    /// It can't be made, read or written; it is another job's; or it holds files that are not a checkpoint directory's.
    pub fn open(path: &Path, job: &str) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|error| StoreError::io("create", path, error))?;
        let path = path.canonicalize().map_err(|error| StoreError::io("find", path, error))?;
        let directory = Self { path, next_temporary: AtomicU64::new(0) };
        let foreign = directory.foreign()?; // looked for first: whoever made the directory wrote its owner first
        match directory.get(OWNER)? {
            Some(bytes) => directory.check_owner(&bytes, job)?,
            None => directory.claim(foreign, job)?,
        }
        Ok(directory)
    }

    /// Keeps other jobs out until the lock is dropped or this process dies, and removes what killed processes left unfinished.
    ///
    /// # Errors
    /// [`StoreError::Locked`] names the process that holds it.
    pub fn lock(&self) -> Result<Lock, StoreError> {
        let lock = Lock::acquire(&self.path)?;
        for name in self.names()?.iter().filter(|name| name.starts_with(TEMPORARY)) {
            self.remove(name)?;
        }
        Ok(lock)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name that has no business in a new checkpoint directory.
    fn foreign(&self) -> Result<Option<String>, StoreError> {
        let ours = |name: &String| {
            name.starts_with(TEMPORARY) || [lock::FILE, OF_THE_FILE_SYSTEM].contains(&name.as_str())
        };
        Ok(self.names()?.into_iter().find(|name| !ours(name)))
    }

    fn check_owner(&self, bytes: &[u8], job: &str) -> Result<(), StoreError> {
        let owner = envelope::open(OWNER, Kind::Owner, bytes)
            .map_err(|what| self.bad_owner(what, Kind::Owner.remedy()))?;
        if owner != job.as_bytes() {
            let what =
                format!("the directory belongs to the job `{}`, and this is `{job}`", owner.escape_ascii());
            return Err(self.bad_owner(what, "give each job its own checkpoint directory"));
        }
        Ok(())
    }

    fn claim(&self, foreign: Option<String>, job: &str) -> Result<(), StoreError> {
        if let Some(name) = foreign {
            let what = format!("missing, and `{name}` is there: this is no checkpoint directory");
            return Err(self.bad_owner(what, "choose an empty or a new directory"));
        }
        match self.put_new(OWNER, &[&envelope::seal(OWNER, Kind::Owner, job.as_bytes()), job.as_bytes()])? {
            Put::Stored => Ok(()),
            Put::Exists => self.check_owner(&self.get(OWNER)?.unwrap_or_default(), job), // another process was first
            Put::Unknown(error) => Err(error),
        }
    }

    fn bad_owner(&self, what: String, remedy: &'static str) -> StoreError {
        StoreError::BadData { path: self.place(OWNER), what, remedy }
    }

    /// Writes a whole, synced file under a name that nobody reads.
    fn write_temporary(&self, parts: &[&[u8]]) -> Result<PathBuf, StoreError> {
        loop {
            let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
            let path = self.place(&format!("{TEMPORARY}{}-{number}", std::process::id()));
            let mut file = match File::create_new(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue, // left by a process that had our id
                file => file.map_err(|error| StoreError::io("create", &path, error))?,
            };
            let written =
                parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.sync_all());
            if let Err(error) = written {
                let _ = fs::remove_file(&path); // the first error is the one to tell
                return Err(StoreError::io("write", &path, error));
            }
            return Ok(path);
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        let synced = File::open(&self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| StoreError::io("sync", &self.path, error))
    }
}

impl CheckpointStore for LocalDirectory {
    fn put_new(&self, name: &str, parts: &[&[u8]]) -> Result<Put, StoreError> {
        let path = self.place(name);
        let temporary = self.write_temporary(parts)?;
        let linked = fs::hard_link(&temporary, &path);
        let _ = fs::remove_file(&temporary); // what stays is removed when the directory is locked next
        let put = match linked {
            Ok(()) => Put::Stored,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Put::Exists,
            Err(error) if is_refusal(&error) => return Err(StoreError::io("create", &path, error)),
            Err(error) => return Ok(Put::Unknown(StoreError::io("create", &path, error))),
        };
        // Also for a name that exists: it may be our own, linked before and not synced.
        Ok(self.sync().map_or_else(Put::Unknown, |()| put))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.place(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound && self.path.is_dir() => Ok(None),
            Err(error) => Err(StoreError::io("read", &path, error)),
        }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let list = || -> io::Result<Vec<String>> {
            let entries = fs::read_dir(&self.path)?;
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        list().map_err(|error| StoreError::io("list", &self.path, error))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.place(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Whether a failed `link` certainly did nothing: the kernel refused it before it reached the device.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::TooManyLinks
            | ErrorKind::CrossesDevices
            | ErrorKind::Unsupported
            | ErrorKind::InvalidFilename
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_refused_certainly_did_not_happen() {
        let of = |code| is_refusal(&io::Error::from_raw_os_error(code));
        for refused in [2, 1, 13, 18, 20, 28, 30, 31, 95, 122] {
            assert!(of(refused), "{}", io::Error::from_raw_os_error(refused));
        }
        for unknown in [4, 5, 110, 116, 121] {
            assert!(!of(unknown), "{}", io::Error::from_raw_os_error(unknown));
        }
    }
}
