//! One self-contained page that answers a chaos run at a glance: no scripts, no files beside it, light and dark, wide and
//! on a phone. It tells what verdict and history say; it judges nothing itself.

mod bands;
mod chart;
mod checks;
mod faults;
mod head;
mod job;
mod lag;
mod lives;
mod metrics;
mod protocol;
mod recovery;
mod run;
mod tail;
#[cfg(test)]
mod tests;
mod text;
mod throughput;
mod timeline;

use std::io;
use std::path::{Path, PathBuf};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::history::ReadError;
use crate::verdict::Verdict;
use run::Run;

/// The page's name in a run directory.
pub const REPORT_FILE: &str = "report.html";

const STYLE: &str = include_str!("style.css");

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The directory or a file in it could not be read or written.
    #[error("{path}: {source}; a run directory holds {file} and {history}", file = crate::verdict::VERDICT_FILE, history = crate::history::FILE_NAME)]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The verdict is not a document of `chaos`.
    #[error("{path}: not the verdict of a chaos run: {source}")]
    Verdict {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: serde_json::Error,
    },
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] ReadError),
}

/// The page for the run in this directory, as HTML.
///
/// # Errors
/// If the verdict or the history is missing or damaged.
pub fn render(run_directory: &Path) -> Result<String, ReportError> {
    Ok(page(&Run::load(run_directory)?).into_string())
}

/// Renders the page into the run directory; returns its path.
///
/// # Errors
/// As [`render`], and if the file cannot be written.
pub fn write(run_directory: &Path) -> Result<PathBuf, ReportError> {
    let path = run_directory.join(REPORT_FILE);
    let page = render(run_directory)?;
    std::fs::write(&path, page).map_err(|source| ReportError::Io { path: path.clone(), source })?;
    Ok(path)
}

fn page(run: &Run) -> Markup {
    let verdict = run.document.verdict.name();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "truecut: " (verdict) ", seed " (run.document.seed) }
                link rel="icon" href=(icon(run.document.verdict));
                style { (PreEscaped(STYLE)) }
            }
            body class=(verdict) {
                main {
                    (head::head(run))
                    (head::numbers(run))
                    (timeline::section(run))
                    (throughput::section(run))
                    (lag::section(run))
                    (recovery::section(run))
                    (metrics::section(run))
                    (faults::section(run))
                    (checks::section(run))
                    (tail::facts(run))
                    (tail::replay(run))
                    (tail::limits(run))
                    (tail::files(run))
                }
            }
        }
    }
}

/// A dot in the verdict's colour, so that the tab tells it too.
fn icon(verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Holds => "1a7f4b",
        Verdict::Violated => "c8322b",
        Verdict::Unknown => "b07300",
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
         %3Ccircle cx='8' cy='8' r='7' fill='%23{colour}'/%3E%3C/svg%3E"
    )
}
