//! The traces of a run, and Kafka's own account of its transactions, in one file: what tests and measurements of trace validation begin
//! with. For each file its name and its bytes, each after its length.

use std::io;
use std::path::{Path, PathBuf};

use super::TRACES;
use super::kafka_log::STATES_FILE;

/// Packs what lies in a run directory.
///
/// # Errors
/// Something can't be read, or is too large.
pub fn pack(run: &Path) -> io::Result<Vec<u8>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(run.join(TRACES))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.push(run.join(STATES_FILE));
    let mut packed = Vec::new();
    for path in paths {
        let mut bytes = std::fs::read(&path)?;
        if is_trace(&path) {
            // Of the room that was never written a little is kept: a frame may end with zeros, and a trace ends before one.
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            bytes.truncate(bytes.len().min((end + 64).next_multiple_of(4)));
        }
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        for part in [name, &bytes] {
            let length = u32::try_from(part.len()).map_err(io::Error::other)?;
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(part);
        }
    }
    Ok(packed)
}

/// Puts what was packed into a directory, and names the traces.
///
/// # Errors
/// It was not packed by [`pack`], or can't be written.
pub fn unpack(mut packed: &[u8], directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut traces = Vec::new();
    while !packed.is_empty() {
        let name = std::str::from_utf8(part(&mut packed)?).map_err(io::Error::other)?;
        let bytes = part(&mut packed)?;
        let path = directory.join(name);
        std::fs::write(&path, bytes)?;
        if is_trace(&path) {
            traces.push(path);
        }
    }
    Ok(traces)
}

fn is_trace(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "trace")
}

/// Takes a part off the front.
fn part<'a>(packed: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (length, rest) = packed.split_first_chunk::<4>().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(io::Error::other)?;
    let (part, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    *packed = rest;
    Ok(part)
}
