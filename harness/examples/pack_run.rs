//! Packs the traces of a run directory, and what Kafka's transaction coordinators wrote, into the sample that the tests of trace
//! validation change: `cargo run -p truecut --example pack_run -- RUN`.

use std::io;
use std::path::{Path, PathBuf};

use truecut::chaos::TRACES;
use truecut::chaos::kafka_log::STATES_FILE;

fn main() -> io::Result<()> {
    let run = std::env::args_os().nth(1).map(PathBuf::from);
    let run = run.ok_or_else(|| io::Error::other("name a run directory"))?;
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(run.join(TRACES))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.push(run.join(STATES_FILE));
    let mut packed = Vec::new();
    for path in paths {
        let mut bytes = std::fs::read(&path)?;
        if path.extension().is_some_and(|extension| extension == "trace") {
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
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded-run.traces"), packed)
}
