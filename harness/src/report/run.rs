//! Reads a run directory: the verdict, the history, and what other files there are to link to.

use std::path::Path;

use super::metrics;
use super::protocol::{self, Doing};
use super::{REPORT_FILE, ReportError};
use crate::chaos::{Reading, TRACES};
use crate::history::{self, FaultSpan, History, Recovery, Summary, Totals};
use crate::verdict::{ChaosDocument, VERDICT_FILE};

/// A run as the report needs it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) document: ChaosDocument,
    pub(super) history: History,
    pub(super) summary: Summary,
    pub(super) recoveries: Vec<Recovery>,
    pub(super) faults: Vec<FaultSpan>,
    pub(super) totals: Totals,
    pub(super) doing: Doing,
    pub(super) metrics: Vec<Reading>,
    pub(super) files: Vec<FileEntry>,
}

/// A file or directory beside the report.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileEntry {
    pub(super) name: String,
    pub(super) kind: FileKind,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileKind {
    File { bytes: u64 },
    Directory { entries: u64 },
}

impl Run {
    pub(super) fn load(directory: &Path) -> Result<Run, ReportError> {
        let path = directory.join(VERDICT_FILE);
        let bytes = std::fs::read(&path).map_err(|source| ReportError::Io { path: path.clone(), source })?;
        let document =
            serde_json::from_slice(&bytes).map_err(|source| ReportError::Verdict { path, source })?;
        let history = history::read(&directory.join(history::FILE_NAME))?;
        Ok(Run {
            document,
            summary: Summary::of(&history),
            recoveries: history::recoveries(&history),
            faults: history::fault_spans(&history),
            totals: Totals::of(&history),
            doing: protocol::read(&directory.join(TRACES), &history),
            metrics: metrics::read(directory),
            files: list(directory)
                .map_err(|source| ReportError::Io { path: directory.to_owned(), source })?,
            history,
        })
    }

    /// The end of the time axis, in milliseconds; never 0.
    pub(super) fn end_ms(&self) -> u64 {
        self.summary.end_ms.max(1)
    }
}

fn list(directory: &Path) -> std::io::Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata()?;
        let kind = if metadata.is_dir() {
            let entries = u64::try_from(std::fs::read_dir(entry.path())?.count()).unwrap_or(u64::MAX);
            FileKind::Directory { entries }
        } else {
            FileKind::File { bytes: metadata.len() }
        };
        if name != REPORT_FILE {
            files.push(FileEntry { name, kind });
        }
    }
    files.sort();
    Ok(files)
}
