//! What becomes bytes and comes back: batches between workers, Kafka's record batches, control frames, checkpoints.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use truecut_core::{Checkpoint, CheckpointId, Decode, Element, Encode, Message, Reader, Report, Subtask};
use truecut_runtime::batch::RecordBatch;
use truecut_runtime::data;
use truecut_runtime::exchange::Stamped;
use truecut_runtime::kafka::producer::{Compression, encode_records};
use truecut_runtime::kafka::raw::ProducerIdentity;
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::{RoleId, Stamp};
use truecut_runtime::wire::Frame;

use crate::input::{self, ATTEMPT};

/// Records of a batch on its way through a channel, which carries 64 KiB at a time.
const RECORDS: i64 = 656;
/// Records of a batch for Kafka, which carries 256 KiB at a time.
const RECORDS_FOR_KAFKA: i64 = 2_300;
const STAMP: Stamp = Stamp { role: RoleId::Coordinator, instance: 7, sequence: 1_000_000 };

pub(crate) fn measure(criterion: &mut Criterion) {
    batches(criterion);
    for_kafka(criterion);
    frames(criterion);
    checkpoints(criterion);
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    let batch = input::records(RECORDS, 10_000);
    let mut bytes = Vec::new();
    batch.encode(&mut bytes);
    group.throughput(Throughput::Bytes(length(&bytes)));
    let mut out = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            batch.encode(&mut out);
            black_box(&out);
        });
    });
    let mut back = RecordBatch::default();
    group.bench_function("decode", |bencher| {
        bencher.iter(|| back.decode_from(black_box(&bytes)).expect("what was encoded"));
    });
    group.finish();
}

/// As our own producer does it.
fn for_kafka(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kafka_batch");
    let batch = input::records(RECORDS_FOR_KAFKA, 10_000);
    let identity = ProducerIdentity { producer_id: 4_711, producer_epoch: 3 };
    group.throughput(Throughput::Bytes(u64::try_from(batch.byte_len()).expect("a length fits")));
    for (name, compression) in
        [("none", Compression::None), ("lz4", Compression::Lz4), ("zstd", Compression::Zstd)]
    {
        group.bench_function(BenchmarkId::new("encode", name), |bencher| {
            bencher.iter(|| encode_records(black_box(&batch), identity, compression).expect("encoded"));
        });
    }
    group.finish();
}

/// A barrier on a data channel, an acknowledgement on a control connection.
fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    let checkpoint = CheckpointId::new(42);
    let barrier = Stamped { element: Element::Barrier { checkpoint, last: false }, stamp: Some(STAMP) };
    let mut bytes = Vec::new();
    group.bench_function("barrier", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            data::encode(&barrier, &mut bytes);
            data::decode(black_box(&bytes)).expect("what was encoded")
        });
    });
    let subtask = Subtask::sink(0);
    let report = Report::Acknowledged { checkpoint, snapshot: input::snapshot(subtask, checkpoint) };
    let message = Message::FromSubtask { attempt: ATTEMPT, subtask, report };
    let frame = Frame::Core { stamp: STAMP, message, addresses: Vec::new() };
    group.bench_function("acknowledgement", |bencher| {
        bencher.iter(|| Frame::from_bytes(&black_box(&frame).to_bytes()).expect("what was encoded"));
    });
    group.finish();
}

fn checkpoints(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checkpoint");
    let checkpoint = input::checkpoint(&input::job(32), 42);
    let mut bytes = Vec::new();
    checkpoint.encode(&mut bytes);
    group.throughput(Throughput::Bytes(length(&bytes)));
    let mut out = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            checkpoint.encode(&mut out);
            black_box(&out);
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::new(black_box(&bytes));
            Checkpoint::<StateHandle>::decode(&mut reader).expect("what was encoded")
        });
    });
    group.finish();
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits")
}
