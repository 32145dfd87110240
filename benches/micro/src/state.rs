//! Keyed state: a count for each of 10 000 keys, as records come, and as it is captured and restored.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use truecut_runtime::batch::RecordBatch;
use truecut_runtime::function::{Count, Function, Keyed, Part};

use crate::input;

const KEYS: u16 = 10_000;
const RECORDS: u16 = 4096;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keyed_state");
    let mut function = counted();
    let (batch, mut out) = (input::records(RECORDS.into(), KEYS.into()), RecordBatch::default());
    group.throughput(Throughput::Elements(RECORDS.into()));
    group.bench_function("process", |bencher| {
        bencher.iter(|| {
            out.clear();
            process(&mut function, &batch, &mut out);
            black_box(&out);
        });
    });
    group.throughput(Throughput::Elements(KEYS.into()));
    let every_key = input::records(KEYS.into(), KEYS.into());
    let changed = |function: &mut Keyed<Count>| process(function, &every_key, &mut RecordBatch::default());
    group.bench_function("capture", |bencher| {
        bencher.iter_custom(|times| {
            let mut taken = Duration::ZERO;
            for _ in 0..times {
                changed(&mut function);
                let since = Instant::now();
                black_box(function.snapshot());
                taken += since.elapsed();
            }
            taken
        });
    });
    changed(&mut function);
    let state = function.snapshot().into_part();
    group.bench_function("restore", |bencher| bencher.iter(|| restored(black_box(&state))));
    group.finish();
}

/// A function that has seen every key.
fn counted() -> Keyed<Count> {
    let mut function = Keyed::new(Count::default());
    process(&mut function, &input::records(KEYS.into(), KEYS.into()), &mut RecordBatch::default());
    function
}

fn process(function: &mut impl Function, batch: &RecordBatch, out: &mut RecordBatch) {
    for record in batch.iter() {
        function.process(record, out).expect("every record can be counted");
    }
}

fn restored(state: &Part) -> Keyed<Count> {
    let mut function = Keyed::new(Count::default());
    function.restore(state.clone()).expect("what was captured");
    function
}
