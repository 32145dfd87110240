//! The recorded run that tests change: the traces of a short chaos run on real Kafka, with what must be known of it. How it is
//! recorded again, after the protocol or the layout of traces changed, is said in `docs/trace-validation.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tempfile::TempDir;
use truecut_runtime::trace::Reader;

use super::super::Circumstances;
use crate::chaos::kafka_log::KafkaLog;
use crate::chaos::packed;

/// The recorded run, packed.
const RECORDED: &[u8] = include_bytes!("../../../tests/data/recorded-run.traces");

/// A recorded run, unpacked.
pub(crate) struct Sample {
    pub(crate) _directory: TempDir,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) circumstances: Circumstances,
}

pub(crate) fn unpack() -> Sample {
    let directory = tempfile::tempdir().unwrap();
    let paths = packed::unpack(RECORDED, directory.path()).unwrap();
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
