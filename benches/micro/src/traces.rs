//! Trace validation of a recorded run: its replay through the core alone, and all of it; per recorded event.

use std::path::PathBuf;

use criterion::{Criterion, Throughput};
use tempfile::TempDir;
use truecut::chaos::kafka_log::KafkaLog;
use truecut::chaos::{packed, validate};
use truecut::verdict::Verdict;
use truecut::world::Circumstances;
use truecut_runtime::trace::{Reader, replay};

/// A short run that was killed, on real Kafka.
const RECORDED: &[u8] = include_bytes!("../../../harness/tests/data/recorded-run.traces");

pub(crate) fn measure(criterion: &mut Criterion) {
    let run = Run::unpack();
    let mut group = criterion.benchmark_group("traces");
    group.throughput(Throughput::Elements(run.replay()));
    group.bench_function("replay", |bencher| bencher.iter(|| run.replay()));
    group.bench_function("validate", |bencher| bencher.iter(|| run.validate()));
    group.finish();
}

struct Run {
    directory: TempDir,
    traces: Vec<PathBuf>,
    circumstances: Circumstances,
}

impl Run {
    fn unpack() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let traces = packed::unpack(RECORDED, directory.path()).expect("it was packed");
        let kafka_log = KafkaLog::load(directory.path()).expect("what Kafka wrote down");
        let circumstances = Circumstances { dense_input: true, kafka_log, ..Circumstances::default() };
        Self { directory, traces, circumstances }
    }

    /// How many events there are.
    fn replay(&self) -> u64 {
        let events = self.traces.iter().map(|path| {
            let reader = Reader::open(path).expect("a trace");
            let replayed = replay(reader, |header| header.construction.build()).expect("a whole trace");
            assert_eq!(replayed.divergence, None, "it is one of the protocol");
            replayed.events
        });
        events.sum()
    }

    fn validate(&self) -> u64 {
        let traces = validate(self.directory.path(), None, self.circumstances.clone()).expect("traces");
        assert_eq!(traces.verdict, Verdict::Holds, "{:?}", traces.reasons);
        traces.events
    }
}
