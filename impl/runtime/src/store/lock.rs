//! One job at a time works in a checkpoint directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::error::StoreError;

/// Name of the lock file. It stays when the lock is released: removing it would let two processes lock two files.
pub(super) const FILE: &str = "lock";

/// Holds a directory until it is dropped or its process dies.
#[derive(Debug)]
pub struct Lock {
    /// The kernel releases the lock when the last handle to this open file is gone. Children do not inherit it.
    _file: File,
}

impl Lock {
    pub(super) fn acquire(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let error = |action| move |source| StoreError::io(action, &directory.join(FILE), source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(error("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(error("read"))?;
                let holder =
                    Some(holder.trim()).filter(|holder| !holder.is_empty()).unwrap_or("unknown").to_owned();
                return Err(StoreError::Locked { path: directory.to_path_buf(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(error("lock")(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(error("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(error("write"))?;
        Ok(Self { _file: file })
    }
}
