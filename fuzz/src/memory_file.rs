//! Files in memory, for readers that take a path.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::sys::memfd::{MFdFlags, memfd_create};

/// Shows a reader the path of a file that holds these bytes. It is there until the reader returns; one at a time in each thread.
///
/// # Panics
/// If there is no memory.
pub(crate) fn with_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FILE: RefCell<File> = RefCell::new(File::from(
            memfd_create(c"truecut-fuzz", MFdFlags::MFD_CLOEXEC).expect("Linux has files in memory"),
        ));
    }
    FILE.with_borrow_mut(|file| {
        file.set_len(0).and_then(|()| file.write_all_at(bytes, 0)).expect("there is memory");
        read(&PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())))
    })
}
