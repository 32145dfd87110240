//! All that the harness saw of a run, as lines of JSON that are only ever appended: time since the start, kind, facts.
//! Everything told about a run afterwards is computed from this file; what it means is decided in `summary` and `recovery`.

mod event;
mod recovery;
mod span;
mod summary;
mod totals;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use event::{Entry, Event, KillAt, Phase, Who};
pub use recovery::{Recovery, recoveries};
pub use span::{FaultSpan, fault_spans};
pub use summary::{CheckpointKey, FaultCount, Summary};
pub use totals::Totals;

/// The name of the history in a run directory.
pub const FILE_NAME: &str = "history.ndjson";

/// Appends events to a history, each with one write to the file, so that a harness that dies loses at most a torn last line.
/// Clones write to the same file.
#[derive(Clone, Debug)]
pub struct Writer {
    start: Instant,
    file: Arc<Mutex<File>>,
}

impl Writer {
    /// Starts a history whose time 0 is now.
    ///
    /// # Errors
    /// If the file cannot be created or exists already: a history is never written over.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Writer { start: Instant::now(), file: Arc::new(Mutex::new(file)) })
    }

    /// Appends an event that happens now.
    ///
    /// # Errors
    /// If the file cannot be written, for example on a full disk.
    pub fn record(&self, event: Event) -> io::Result<()> {
        self.record_at(Instant::now(), event)
    }

    /// Appends an event that happened at `when`, for events that are only confirmed later (a kill).
    /// Readers sort by time, so the order of lines does not matter.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record_at(&self, when: Instant, event: Event) -> io::Result<()> {
        let t_ms = ms(when.saturating_duration_since(self.start));
        let mut line = serde_json::to_vec(&Entry { t_ms, event }).map_err(io::Error::other)?;
        line.push(b'\n');
        // A writer that panicked cannot have left half a line that was not written: the lock is still good.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }

    /// Time since the start of the history, in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        ms(self.start.elapsed())
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A history as read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// All entries by time; entries of equal time in the order in which they were written.
    pub entries: Vec<Entry>,
    /// The last line was cut off: its writer died.
    pub torn: bool,
}

/// Why a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("cannot read the history {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A line that is not the torn last one makes no sense.
    #[error(
        "{path}, line {line}: not an event of a run ({source}); the history was damaged or is of another version"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What went wrong.
        source: serde_json::Error,
    },
}

/// Reads a history back. Only a last line without its line end may be torn.
///
/// # Errors
/// If the file cannot be read, or any other line is not an event.
pub fn read(path: &Path) -> Result<History, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    let mut history = History::default();
    for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(entry) => history.entries.push(entry),
            Err(_) if !line.ends_with(b"\n") => history.torn = true,
            Err(source) => return Err(ReadError::Line { path: path.to_owned(), line: number + 1, source }),
        }
    }
    history.entries.sort_by_key(|entry| entry.t_ms);
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let writer = Writer::create(&path).unwrap();
        writer.record(Event::RunStarted { seed: 7 }).unwrap();
        writer.clone().record(Event::Fed { records_total: 10 }).unwrap();
        writer.record(Event::Drained).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (_folder, path) = written();
        let history = read(&path).unwrap();
        let events: Vec<_> = history.entries.into_iter().map(|entry| entry.event).collect();
        assert_eq!(events, [Event::RunStarted { seed: 7 }, Event::Fed { records_total: 10 }, Event::Drained]);
        assert!(!history.torn);
    }

    #[test]
    fn wherever_the_last_line_is_cut_the_lines_before_it_are_read() {
        let (_folder, path) = written();
        let bytes = std::fs::read(&path).unwrap();
        let last_line = bytes[..bytes.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
        for length in last_line..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let history = read(&path).unwrap();
            // Without its line end alone, the last line is still whole.
            let whole = length == bytes.len() - 1;
            assert_eq!(history.entries.len(), if whole { 3 } else { 2 });
            assert_eq!(history.torn, length > last_line && !whole);
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error_that_names_it() {
        let (_folder, path) = written();
        let text = std::fs::read_to_string(&path).unwrap().replace("\"fed\"", "\"fde\"");
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("history.ndjson, line 2:") && error.contains("fde"), "{error}");
    }

    #[test]
    fn a_history_is_never_written_over() {
        let (_folder, path) = written();
        assert_eq!(Writer::create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn an_event_confirmed_late_is_sorted_to_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let writer = Writer::create(&path).unwrap();
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        writer.record(Event::Drained).unwrap();
        writer.record_at(before, Event::Attempt { attempt: 1 }).unwrap();
        let kinds: Vec<_> = read(&path).unwrap().entries.into_iter().map(|entry| entry.event).collect();
        assert_eq!(kinds, [Event::Attempt { attempt: 1 }, Event::Drained]);
    }
}
