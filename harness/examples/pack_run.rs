//! Packs the traces of a run directory, and what Kafka's transaction coordinators wrote, into the sample that the tests of trace
//! validation change: `cargo run -p truecut --example pack_run -- RUN`.

use std::io;
use std::path::{Path, PathBuf};

use truecut::chaos::packed;

fn main() -> io::Result<()> {
    let run = std::env::args_os().nth(1).map(PathBuf::from);
    let run = run.ok_or_else(|| io::Error::other("name a run directory"))?;
    let packed = packed::pack(&run)?;
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded-run.traces"), packed)
}
