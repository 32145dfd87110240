//! Writes a trace through a shared mapping: no call into the kernel per event, and nothing that was published is lost when
//! the process is killed.
//!
//! Room is reserved from the file system before it is mapped, so that a full disk is an error here and not a fault later.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use memmap2::{MmapMut, MmapOptions};
use nix::errno::Errno;
use nix::fcntl::posix_fallocate;
use nix::time::{ClockId, clock_gettime};
use truecut_core::{Effect, Encode, Input};

use super::error::TraceError;
use super::frame::{self, BodyPrefix, FRAME_PREFIX, Stamp};
use super::header::Header;
use crate::store::StateHandle;

/// Bytes that a small trace takes; each growth doubles it up to [`CHUNK_MAX`].
const CHUNK_MIN: usize = 64 << 10;
pub(crate) const CHUNK_MAX: usize = 4 << 20;
/// A mapping begins at a multiple of it: every page size in use divides it.
const PAGE: usize = 64 << 10;

/// Appends to the trace of one role instance.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    /// The mapped part of the file, from `window_start`.
    window: MmapMut,
    window_start: usize,
    /// Where the next frame goes, from the start of the file. Invariant: aligned, and zeros follow.
    position: usize,
    /// Sequence of the last frame; 0 before the first.
    sequence: u64,
    /// Bytes that the next growth takes.
    chunk: usize,
    body: Vec<u8>,
}

impl Writer {
    /// Creates a trace; the file must not exist. When it appears, its header is whole.
    ///
    /// # Errors
    /// It can't be created, or exists.
    pub fn create(path: &Path, header: &Header) -> Result<Self, TraceError> {
        let failed = |action| move |source| TraceError::Io { path: path.to_path_buf(), action, source };
        let mut start = Vec::new();
        frame::encode_header(header, &mut start);
        let unfinished = path.with_added_extension("unfinished");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&unfinished)
            .map_err(failed("create"))?;
        let linked = file.write_all(&start).and_then(|()| fs::hard_link(&unfinished, path));
        fs::remove_file(&unfinished).map_err(failed("clean up after"))?;
        linked.map_err(failed("create"))?;
        let position = start.len();
        let window = map(&file, 0, CHUNK_MIN.max(position * 2)).map_err(failed("grow"))?;
        let path = path.to_path_buf();
        Ok(Self {
            path,
            file,
            window,
            window_start: 0,
            position,
            sequence: 0,
            chunk: CHUNK_MIN * 2,
            body: Vec::new(),
        })
    }

    /// Records an input; before it is stepped. `stamp`: where another role sent it. Returns its sequence number.
    ///
    /// # Errors
    /// There is no room.
    pub fn input<B: Encode>(
        &mut self,
        input: &Input<B, StateHandle>,
        stamp: Option<Stamp>,
    ) -> Result<u64, TraceError> {
        self.append(|prefix, body| prefix.input(input, stamp, body))
    }

    /// Records an effect; before it is performed. Returns its sequence number, which is the stamp of what it sends.
    ///
    /// # Errors
    /// There is no room.
    pub fn effect<B: Encode>(&mut self, effect: &Effect<B, StateHandle>) -> Result<u64, TraceError> {
        self.append(|prefix, body| prefix.effect(effect, body))
    }

    /// Ends the trace: the role ended in good order. Without it, the trace is that of a process that was killed.
    ///
    /// # Errors
    /// There is no room.
    pub fn finish(mut self) -> Result<(), TraceError> {
        self.append(|prefix, body| prefix.end(body))?;
        let length = u64::try_from(self.position).expect("a length fits");
        let Self { path, file, window, .. } = self;
        drop(window);
        file.set_len(length).map_err(|source| TraceError::Io { path, action: "finish", source })
    }

    /// Where the trace is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append(&mut self, encode: impl FnOnce(&BodyPrefix, &mut Vec<u8>)) -> Result<u64, TraceError> {
        let prefix = BodyPrefix {
            sequence: self.sequence + 1,
            monotonic_us: microseconds(ClockId::CLOCK_MONOTONIC),
            wall_us: microseconds(ClockId::CLOCK_REALTIME),
        };
        self.body.clear();
        encode(&prefix, &mut self.body);
        let size = frame::aligned(FRAME_PREFIX + self.body.len());
        // Room for the length of the frame after it too, so that a reader always finds a zero there.
        if self.position + size + FRAME_PREFIX > self.window_start + self.window.len() {
            self.grow(size).map_err(|source| TraceError::Io {
                path: self.path.clone(),
                action: "grow",
                source,
            })?;
        }
        self.write_frame(size);
        self.position += size;
        self.sequence += 1;
        Ok(self.sequence)
    }

    fn write_frame(&mut self, size: usize) {
        let at = self.position - self.window_start;
        let length = u32::try_from(self.body.len()).expect("a frame is below 4 GiB");
        let room = &mut self.window[at..at + size];
        room[4..8].copy_from_slice(&length.to_le_bytes());
        compiler_fence(Ordering::Release); // whoever finds anything of an unfinished frame finds its length
        room[8..12].copy_from_slice(&crc32c::crc32c(&self.body).to_le_bytes());
        room[FRAME_PREFIX..FRAME_PREFIX + self.body.len()].copy_from_slice(&self.body);
        publish(room, length);
    }

    /// Moves the window to the current position.
    fn grow(&mut self, frame: usize) -> io::Result<()> {
        let start = self.position / PAGE * PAGE;
        let length = self.chunk.max((frame + PAGE * 2).next_multiple_of(PAGE));
        self.window = map(&self.file, start, length)?;
        self.window_start = start;
        self.chunk = (self.chunk * 2).min(CHUNK_MAX);
        Ok(())
    }
}

/// Stores the published length at the front of a frame, after everything else of it.
fn publish(room: &mut [u8], length: u32) {
    let word = room[..4].as_mut_ptr().cast::<u32>();
    assert!(word.is_aligned(), "frames are aligned, and so is the mapping");
    // SAFETY: the pointer is to four bytes of an exclusive borrow, and aligned. Nobody else writes this file.
    let word = unsafe { AtomicU32::from_ptr(word) };
    word.store(length.to_le(), Ordering::Release);
}

/// Reserves and maps a part of a file.
fn map(file: &File, start: usize, length: usize) -> io::Result<MmapMut> {
    let offset = i64::try_from(start).map_err(io::Error::other)?;
    let bytes = i64::try_from(length).map_err(io::Error::other)?;
    while let Err(error) = posix_fallocate(file, offset, bytes) {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    let start = u64::try_from(start).map_err(io::Error::other)?;
    // SAFETY: the file was created by this writer, which alone writes it and never makes it shorter while it is mapped.
    unsafe { MmapOptions::new().offset(start).len(length).map_mut(file) }
}

fn microseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("this clock exists on every Linux");
    let microseconds = time.tv_sec() * 1_000_000 + time.tv_nsec() / 1_000;
    u64::try_from(microseconds).expect("these clocks begin at zero")
}
