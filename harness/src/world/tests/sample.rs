//! The recorded run that tests change: the traces of a short chaos run on real Kafka, with what must be known of it. How it is
//! recorded again, after the protocol or the layout of traces changed, is said in `docs/trace-validation.md`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use truecut_runtime::trace::Reader;

use super::super::Circumstances;
use crate::chaos::kafka_log::{KafkaLog, STATES_FILE};

/// The recorded run: for each trace, and for Kafka's own account of its transactions, the name and the bytes, each after its length.
const RECORDED: &[u8] = include_bytes!("../../../tests/data/recorded-run.traces");

/// A recorded run, unpacked.
pub(super) struct Sample {
    pub(super) _directory: TempDir,
    pub(super) paths: Vec<PathBuf>,
    pub(super) circumstances: Circumstances,
}

pub(super) fn unpack() -> Sample {
    let directory = tempfile::tempdir().unwrap();
    let (mut rest, mut paths) = (RECORDED, Vec::new());
    while !rest.is_empty() {
        let (name, after) = part(rest);
        let (bytes, after) = part(after);
        let path = directory.path().join(std::str::from_utf8(name).unwrap());
        std::fs::write(&path, bytes).unwrap();
        if path.extension().is_some_and(|extension| extension == "trace") {
            paths.push(path);
        }
        rest = after;
    }
    let circumstances = Circumstances {
        dense_input: true,
        ended_well: ended_well(&paths),
        kafka_log: KafkaLog::load(directory.path()).unwrap(),
        ..Circumstances::default()
    };
    Sample { _directory: directory, paths, circumstances }
}

/// Processes whose traces all came to their end.
fn ended_well(paths: &[PathBuf]) -> BTreeSet<u64> {
    let (mut all, mut broken) = (BTreeSet::new(), BTreeSet::new());
    for path in paths {
        let mut reader = Reader::open(path).unwrap();
        let process = reader.header().instance >> 32;
        reader.by_ref().for_each(|frame| drop(frame.unwrap()));
        all.insert(process);
        if !reader.is_finished() {
            broken.insert(process);
        }
    }
    all.difference(&broken).copied().collect()
}

fn part(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_first_chunk().unwrap();
    rest.split_at(usize::try_from(u32::from_le_bytes(*length)).unwrap())
}

/// Packs the traces of the run directory that `TRUECUT_RECORDED_RUN` names.
#[test]
#[ignore = "records the sample again"]
fn pack() {
    let run = std::env::var_os("TRUECUT_RECORDED_RUN").expect("TRUECUT_RECORDED_RUN names a run directory");
    let mut packed = Vec::new();
    let mut names: Vec<PathBuf> = std::fs::read_dir(Path::new(&run).join("traces"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names.push(Path::new(&run).join(STATES_FILE));
    for path in names {
        let mut bytes = std::fs::read(&path).unwrap();
        let is_trace = path.extension().is_some_and(|extension| extension == "trace");
        // Of the room that was never written a little is kept: a frame may end with zeros, and a trace ends before one.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if is_trace {
            bytes.truncate(bytes.len().min((end + 64).next_multiple_of(4)));
        }
        for part in [path.file_name().unwrap().as_encoded_bytes(), &bytes] {
            packed.extend_from_slice(&u32::try_from(part.len()).unwrap().to_le_bytes());
            packed.extend_from_slice(part);
        }
    }
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded-run.traces");
    std::fs::write(to, packed).unwrap();
}
