//! Checkpoints in a local directory: a state and a checkpoint are made durable and named by the head, and read back. Most of a write is
//! waiting for the file system.

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use truecut_core::{
    Checkpoint, CheckpointId, CheckpointName, Head, HeadVersion, Outcome, Request, Snapshot, Subtask, Token,
};
use truecut_runtime::store::{Checkpoints, LocalDirectory, StateHandle, StoredState};

use crate::input::{self, ATTEMPT};

const STATE_BYTES: u32 = 256 << 10;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Bytes(STATE_BYTES.into()));
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(directory.path());
    group.bench_function("write", |bencher| bencher.iter(|| store.write()));
    store.write();
    group.bench_function("restore", |bencher| bencher.iter(|| store.restore()));
    group.finish();
}

struct Store {
    checkpoints: Checkpoints,
    state: Vec<u8>,
    /// The version of the head.
    version: HeadVersion,
    /// The checkpoint that is written next.
    next: u64,
}

impl Store {
    fn open(directory: &Path) -> Self {
        let directory = LocalDirectory::open(directory, "job").expect("a new directory");
        let state = (0..STATE_BYTES).map(|number| number.to_le_bytes()[0]).collect();
        let checkpoints = Checkpoints::new(Arc::new(directory));
        Self { checkpoints, state, version: HeadVersion::new(0), next: 1 }
    }

    fn write(&mut self) {
        let id = CheckpointId::new(self.next);
        let name = CheckpointName { attempt: ATTEMPT, id };
        let subtask = Subtask::operator(0);
        let written = self.checkpoints.write_state(name, subtask, &self.state);
        let handle = StateHandle { files: vec![written.and_then(|stored| stored).expect("it is stored")] };
        let mut checkpoint = input::checkpoint(&input::job(4), self.next);
        checkpoint.snapshots.insert(subtask, Snapshot::Operator(Some(handle)));
        let latest = Some(checkpoint.name);
        assert_eq!(self.checkpoints.perform(&Request::WriteCheckpoint(checkpoint)), Outcome::Written);
        let head = Head { token: Token::new(1), attempt: ATTEMPT, latest, next: id.next() };
        let swap = Request::SwapHead { expected: self.version, head };
        assert_eq!(self.checkpoints.perform(&swap), Outcome::Swapped);
        assert_eq!(self.checkpoints.perform(&Request::DiscardBelow(id)), Outcome::Written);
        self.version = self.version.next();
        self.next += 1;
    }

    fn restore(&self) -> (Checkpoint<StateHandle>, StoredState) {
        let Outcome::Head { head: Some(Head { latest: Some(latest), .. }), .. } =
            self.checkpoints.perform(&Request::ReadHead)
        else {
            panic!("the head names a checkpoint")
        };
        let Outcome::Checkpoint(checkpoint) = self.checkpoints.perform(&Request::ReadCheckpoint(latest))
        else {
            panic!("it is there")
        };
        let Some(Snapshot::Operator(Some(handle))) = checkpoint.snapshots.get(&Subtask::operator(0)) else {
            panic!("it has the operator's state")
        };
        let state = self.checkpoints.read_state(&handle.files[0]).expect("it is there");
        (checkpoint, state)
    }
}
