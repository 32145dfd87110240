//! What keyed state costs at a checkpoint and at a recovery. Needs no Kafka.
//!
//! `cargo run -p truecut-runtime --example state_cost -- [KEYS [VALUE_BYTES [DIRECTORY]]]`
//!
//! For each number of keys: all of them get a value, which is captured and written; then, ten times, 10,000 keys get another one, which is
//! captured and written, and merged where that is due; then all is restored. *Capture* is on the stream's thread, which waits for it;
//! *write* is beside the stream. The directory is a temporary one unless it is given; what was just written is restored from memory of
//! the kernel, if there is room.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_core::{Attempt, CheckpointId, CheckpointName, Subtask};
use truecut_runtime::batch::{RecordBatch, RecordRef};
use truecut_runtime::function::{Function, FunctionError, Keyed, KeyedFunction};
use truecut_runtime::state::{StateWriter, read_parts};
use truecut_runtime::store::{Checkpoints, LocalDirectory, StateHandle};

const CHANGED: u64 = 10_000;
const ROUNDS: u64 = 10;
const SUBTASK: Subtask = Subtask::operator(0);

/// Keeps the latest value of each key.
#[derive(Debug)]
struct Latest;

impl KeyedFunction for Latest {
    type Value = Vec<u8>;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        value: &mut Vec<u8>,
        _out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        value.clear();
        value.extend_from_slice(record.value.unwrap_or_default());
        Ok(())
    }

    fn encode(value: &Vec<u8>, out: &mut Vec<u8>) {
        out.extend_from_slice(value);
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, FunctionError> {
        Ok(bytes.to_vec())
    }
}

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn main() -> Result<(), FunctionError> {
    let mut arguments = std::env::args().skip(1);
    let keys: Option<u64> = arguments.next().map(|keys| keys.parse()).transpose()?;
    let bytes = arguments.next().map_or(Ok(92), |bytes| bytes.parse())?;
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    println!(
        "{:>10} {:>8} | all: {:>9} {:>9} | {CHANGED} changed: capture p50, max; write p50, max{:9} | {:>7} {:>5} | {:>9}",
        "keys", "MB", "capture", "write", "", "MB", "files", "restore"
    );
    for keys in keys.map_or(vec![10_000, 1_000_000, 10_000_000], |keys| vec![keys]) {
        let place = tempfile::tempdir_in(&directory)?;
        let checkpoints = Checkpoints::new(Arc::new(LocalDirectory::open(place.path(), "state-cost")?));
        let mut job = Job::new(&checkpoints);
        job.put(0..keys, &vec![0; bytes])?;
        let all = job.checkpoint()?;
        let mut rounds = Vec::new();
        for round in 1..=ROUNDS {
            // Spread over all keys, others in each round.
            let changed = (0..CHANGED).map(|number| (number * keys / CHANGED + round) % keys);
            job.put(changed, &vec![1; bytes])?;
            rounds.push(job.checkpoint()?);
        }
        let state = job.state;
        drop(job.function);
        let before = Instant::now();
        let mut restored = Keyed::new(Latest);
        for part in read_parts(&checkpoints, &state) {
            restored.restore(part?.1)?;
        }
        let restore = before.elapsed();
        let (capture_p50, capture_max) = p50_and_max(rounds.iter().map(|times| times.capture));
        let (write_p50, write_max) = p50_and_max(rounds.iter().map(|times| times.write));
        let size = keys * u64::try_from(8 + bytes)? / 1_000_000;
        println!(
            "{keys:>10} {size:>8} | {:>14.1?} {:>9.1?} | {capture_p50:>12.1?} {capture_max:>10.1?} {write_p50:>10.1?} {write_max:>10.1?} | {:>7} {:>5} | {restore:>9.1?}",
            all.capture,
            all.write,
            state.length() / 1_000_000,
            state.files.len(),
        );
    }
    Ok(())
}

/// An operator's state, with what makes it durable.
struct Job {
    function: Keyed<Latest>,
    writer: StateWriter,
    state: StateHandle,
    next: CheckpointId,
}

/// What a checkpoint took.
struct Times {
    capture: Duration,
    write: Duration,
}

impl Job {
    fn new(checkpoints: &Checkpoints) -> Self {
        Self {
            function: Keyed::new(Latest),
            writer: StateWriter::new(checkpoints.clone(), SUBTASK),
            state: StateHandle::default(),
            next: CheckpointId::new(1),
        }
    }

    fn put(&mut self, keys: impl Iterator<Item = u64>, value: &[u8]) -> Result<(), FunctionError> {
        let mut out = RecordBatch::default();
        for key in keys {
            let key = key.to_be_bytes();
            let (key, value) = (Some(key.as_slice()), Some(value));
            self.function
                .process(RecordRef { key, value, timestamp_ms: 0, partition: 0, offset: 0 }, &mut out)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Times, FunctionError> {
        let name = CheckpointName { attempt: Attempt::new(1), id: self.next };
        self.next = self.next.next();
        let before = Instant::now();
        let captured = self.function.snapshot();
        let capture = before.elapsed();
        self.state = self.writer.write(name, captured)?;
        Ok(Times { capture, write: before.elapsed() - capture })
    }
}

fn p50_and_max(times: impl Iterator<Item = Duration>) -> (Duration, Duration) {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}
