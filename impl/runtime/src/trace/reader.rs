//! Reads a trace back. A tail that is missing, because its process was killed, is the end of the trace; a gap, a checksum that
//! does not match or another version is an error that says where.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::error::TraceError;
use super::frame::{self, Event, FRAME_PREFIX, Frame, word};
use super::header::Header;

/// Iterates over the frames of a trace. After an error it is at its end.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    header: Header,
    bytes: Mmap,
    position: usize,
    /// Sequence of the last frame; 0 before the first.
    sequence: u64,
    /// It was read to its end, or to an error.
    over: bool,
    /// It ended with [`Event::End`].
    finished: bool,
}

impl Reader {
    /// Opens a trace that nobody writes any more.
    ///
    /// # Errors
    /// It can't be read, or is no trace of this version.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let failed = |source| TraceError::Io { path: path.to_path_buf(), action: "read", source };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: a trace is written by one process and read after that has ended; nothing ever makes it shorter then.
        let bytes = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let (header, position) = frame::decode_header(&bytes).map_err(|what| TraceError::Invalid {
            path: path.to_path_buf(),
            offset: 0,
            what,
        })?;
        let path = path.to_path_buf();
        Ok(Self { path, header, bytes, position, sequence: 0, over: false, finished: false })
    }

    /// Whose trace it is.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sequence of the last frame that was read; 0 before the first.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether it was read to its end and its role had ended in good order.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// An error at a place in this trace.
    pub(super) fn invalid(&self, offset: u64, what: String) -> TraceError {
        TraceError::Invalid { path: self.path.clone(), offset, what }
    }

    fn here(&self) -> u64 {
        u64::try_from(self.position).expect("a position fits")
    }

    fn advance(&mut self) -> Result<Option<Frame>, String> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let Some((prefix, after)) = rest.split_at_checked(FRAME_PREFIX) else {
            return no_frame(rest, 0);
        };
        let (published, length, crc) = (word(prefix, 0), word(prefix, 4), word(prefix, 8));
        let size = usize::try_from(length).map_err(|error| error.to_string())?;
        if published == 0 {
            return no_frame(rest, if length == 0 { 0 } else { FRAME_PREFIX + size });
        }
        if self.finished {
            return Err("a frame follows the end of the trace".into());
        }
        if published != length {
            return Err(format!("a frame of {length} bytes is published as one of {published}"));
        }
        let Some(body) = after.get(..size) else {
            return Err(format!("a frame of {length} bytes is cut off"));
        };
        if crc32c::crc32c(body) != crc {
            return Err("the checksum of a frame does not match".into());
        }
        let padding = after.get(size..frame::aligned(FRAME_PREFIX + size) - FRAME_PREFIX).unwrap_or_default();
        if padding.iter().any(|byte| *byte != 0) {
            return Err("there is something between two frames".into());
        }
        let frame = frame::decode_body(self.here(), body)
            .map_err(|malformed| format!("a frame can't be read: {malformed}"))?;
        if frame.sequence != self.sequence + 1 {
            return Err(format!("frame {} follows frame {}", frame.sequence, self.sequence));
        }
        self.sequence = frame.sequence;
        self.finished = frame.event == Event::End;
        self.position += frame::aligned(FRAME_PREFIX + size);
        Ok(Some(frame))
    }
}

/// Nothing is published here: only one unfinished frame, of this size, may lie in front of the zeros.
fn no_frame(rest: &[u8], unfinished: usize) -> Result<Option<Frame>, String> {
    match rest.get(frame::aligned(unfinished)..) {
        Some(after) if after.iter().any(|byte| *byte != 0) => {
            Err("there is a gap: nothing is published here, and something follows".into())
        }
        Some(_) | None => Ok(None),
    }
}

impl Iterator for Reader {
    type Item = Result<Frame, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.advance() {
            Ok(Some(frame)) => Some(Ok(frame)),
            Ok(None) => {
                self.over = true;
                None
            }
            Err(what) => {
                self.over = true;
                Some(Err(self.invalid(self.here(), what)))
            }
        }
    }
}
