//! What the parts are given: records of 100 bytes, a job, a checkpoint of it.

use std::collections::BTreeMap;

use truecut_core::{
    Attempt, Checkpoint, CheckpointId, CheckpointName, CommitBy, Committable, Exchange, Guarantee, Isolation,
    Job, NextOffset, Partition, Producer, Settings, Slot, Snapshot, StartPosition, Subtask, Token,
    TransactionProtocol, TransactionalId, Vertex,
};
use truecut_runtime::batch::{NO_TIMESTAMP, RecordBatch, RecordRef};
use truecut_runtime::store::{StateFile, StateHandle};

/// The attempt that everything belongs to.
pub(crate) const ATTEMPT: Attempt = Attempt::new(1);
/// Partitions of each source.
const PARTITIONS: u32 = 4;
const VALUE: [u8; 92] = [b'.'; 92];

/// Records with a key of 8 bytes, one of so many that take turns, and a value of 92.
pub(crate) fn records(count: i64, keys: i64) -> RecordBatch {
    let mut batch = RecordBatch::default();
    for offset in 0..count {
        let key = format!("{:08}", offset.wrapping_mul(7_919) % keys);
        let (key, value) = (Some(key.as_bytes()), Some(&VALUE[..]));
        batch.push(RecordRef { key, value, timestamp_ms: NO_TIMESTAMP, partition: 0, offset });
    }
    batch
}

/// A job by key, with as many sources as operators.
pub(crate) fn job(parallelism: u16) -> Job {
    Job {
        topic: "in".to_owned(),
        partitions: u32::from(parallelism) * PARTITIONS,
        sources: parallelism,
        operators: parallelism,
        exchange: Exchange::Key,
        guarantee: Guarantee::ExactlyOnce,
        commit_by: CommitBy::Resume,
        prefix: "job".to_owned(),
        start: StartPosition::Earliest,
        isolation: Isolation::ReadCommitted,
        bounded: false,
        transaction_timeout_ms: 60_000,
        accept_loss: false,
        settings: Settings::default(),
    }
}

/// Where a source is.
pub(crate) fn offsets(source: u16) -> BTreeMap<Partition, NextOffset> {
    let first = u32::from(source) * PARTITIONS;
    (first..first + PARTITIONS).map(|number| (Partition::new(number), NextOffset::new(1_000_000))).collect()
}

/// A handle to an operator's state.
pub(crate) fn handle() -> StateHandle {
    let file = StateFile {
        path: "layer-1-42-operator-0-0".to_owned(),
        length: 250_000,
        crc32c: 0x1234_5678,
        entries: 10_000,
    };
    StateHandle { files: vec![file] }
}

/// A subtask's part of a checkpoint.
pub(crate) fn snapshot(subtask: Subtask, checkpoint: CheckpointId) -> Snapshot<StateHandle> {
    match subtask.vertex {
        Vertex::Source => Snapshot::Source(offsets(subtask.index)),
        Vertex::Operator => Snapshot::Operator(Some(handle())),
        Vertex::Sink => Snapshot::Sink(vec![Committable {
            checkpoint,
            id: TransactionalId { attempt: ATTEMPT, subtask: subtask.index, slot: Slot::new(0) },
            producer: Producer { id: 4_711, epoch: 3 },
            protocol: TransactionProtocol::V2,
            records: 10_000,
        }]),
    }
}

/// A whole checkpoint of a job.
pub(crate) fn checkpoint(job: &Job, id: u64) -> Checkpoint<StateHandle> {
    let id = CheckpointId::new(id);
    let snapshots = job.subtasks().map(|subtask| (subtask, snapshot(subtask, id))).collect();
    let name = CheckpointName { attempt: ATTEMPT, id };
    Checkpoint { name, origin: Token::new(1), last: false, snapshots }
}
