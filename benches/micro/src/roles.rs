//! Steps of the protocol: whole checkpoints as each role goes through them, and the delivery of batches below the sink.

use criterion::{BenchmarkId, Criterion, Throughput};
use truecut_core::delivery::{Answer, Delivery, Effect as Sends, IN_FLIGHT_MAX, Input as Given};
use truecut_core::{
    CheckpointId, Coordinator, Element, Input, Message, NextOffset, Offset, Operator, Order, Partition, Peer,
    Report, Sink, Source, Subtask, Timer, Token, TransactionProtocol, WorkerId,
};
use truecut_runtime::records::Records;
use truecut_runtime::store::StateHandle;
use truecut_runtime::types::In;

use crate::hosted::Hosted;
use crate::input::{self, ATTEMPT};

const WORKER: WorkerId = WorkerId::new(0);

pub(crate) fn measure(criterion: &mut Criterion) {
    coordinator(criterion);
    source(criterion);
    sink(criterion);
    alignment(criterion);
    delivery(criterion);
}

/// Trigger, acknowledgements, store, completion. What acknowledgements carry is made anew each time.
fn coordinator(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("coordinator");
    for parallelism in [4, 32] {
        let mut coordinator = running(parallelism);
        let job = input::job(parallelism);
        group.bench_function(BenchmarkId::new("checkpoint", parallelism), |bencher| {
            bencher.iter(|| {
                coordinator.give(Input::Fired(Timer::Interval));
                let checkpoint = coordinator.triggered().expect("it is triggered at the interval");
                for subtask in job.subtasks() {
                    let snapshot = input::snapshot(subtask, checkpoint);
                    coordinator.give(says(subtask, Report::Acknowledged { checkpoint, snapshot }));
                }
                let latest = coordinator.role().latest().map(|name| name.id);
                assert_eq!(latest, Some(checkpoint), "it is complete");
            });
        });
    }
    group.finish();
}

/// A coordinator whose subtasks are all ready.
fn running(parallelism: u16) -> Hosted<Coordinator<StateHandle>> {
    let job = input::job(parallelism);
    let role = Coordinator::new(job.clone(), Token::new(1), false);
    let mut coordinator = Hosted::new(role, job.partitions);
    coordinator.give(Input::WorkerJoined { worker: WORKER, slots: parallelism });
    for subtask in job.subtasks() {
        coordinator.give(says(subtask, Report::Ready));
    }
    assert!(coordinator.role().is_running());
    coordinator
}

fn says(subtask: Subtask, report: Report<StateHandle>) -> In {
    let message = Message::FromSubtask { attempt: ATTEMPT, subtask, report };
    Input::Message { from: Peer::Worker(WORKER), message }
}

fn told(subtask: Subtask, order: Order) -> In {
    let message = Message::ToSubtask { attempt: ATTEMPT, subtask, order };
    Input::Message { from: Peer::Coordinator, message }
}

/// A batch passes; a checkpoint is triggered, and completed.
fn source(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("source");
    let job = input::job(4);
    let new = || {
        let role = Source::new(&job, ATTEMPT, 0, input::offsets(0), false);
        Hosted::new(role, job.partitions)
    };
    let batch = Records::new(input::records(1, 1));
    let mut source = new();
    group.bench_function("fetched", |bencher| {
        bencher.iter(|| {
            let partition = Partition::new(0);
            let next = source.role().offsets().get(&partition).copied().map_or(0, NextOffset::get);
            let offset = Offset::new(next);
            source.give(Input::Fetched { partition, batch: batch.clone(), first: offset, last: offset });
        });
    });
    let (mut source, mut checkpoint) = (new(), CheckpointId::new(1));
    group.bench_function("checkpoint", |bencher| {
        bencher.iter(|| {
            checkpoint = checkpoint.next();
            source.give(told(Subtask::source(0), Order::Trigger { checkpoint, last: false }));
            source.give(told(Subtask::source(0), Order::Completed(checkpoint)));
        });
    });
    group.finish();
}

/// A transaction: produce, barrier, flush, the next producer, commit.
fn sink(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sink");
    let job = input::job(4);
    let role = Sink::new(&job, ATTEMPT, Token::new(1), 0, Vec::new(), None);
    let (mut sink, mut checkpoint) = (Hosted::new(role, job.partitions), CheckpointId::new(1));
    let batch = Records::new(input::records(1, 1));
    group.bench_function("checkpoint", |bencher| {
        bencher.iter(|| {
            checkpoint = checkpoint.next();
            sink.give(Input::Element { channel: 0, element: Element::Batch(batch.clone()) });
            sink.give(Input::Element { channel: 0, element: Element::Barrier { checkpoint, last: false } });
            sink.give(told(Subtask::sink(0), Order::Completed(checkpoint)));
        });
    });
    group.finish();
}

/// A barrier comes on one channel after another; per barrier.
fn alignment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("alignment");
    for channels in [2, 8, 32] {
        let role = Operator::new(ATTEMPT, 0, channels, None);
        let (mut operator, mut checkpoint) = (Hosted::new(role, 0), CheckpointId::new(1));
        group.throughput(Throughput::Elements(channels.into()));
        group.bench_function(BenchmarkId::new("channels", channels), |bencher| {
            bencher.iter(|| {
                checkpoint = checkpoint.next();
                for channel in 0..channels {
                    let element = Element::Barrier { checkpoint, last: false };
                    operator.give(Input::Element { channel, element });
                }
            });
        });
    }
    group.finish();
}

/// A batch for each of eight partitions is sent and acknowledged, then flushed; per batch.
fn delivery(criterion: &mut Criterion) {
    const PARTITIONS: u16 = 8;
    let mut group = criterion.benchmark_group("delivery");
    group.throughput(Throughput::Elements(PARTITIONS.into()));
    let mut delivery = Delivery::<u16, ()>::new(Some(TransactionProtocol::V2), IN_FLIGHT_MAX);
    let mut effects = Vec::new();
    group.bench_function("batches", |bencher| {
        bencher.iter(|| {
            for to in 0..PARTITIONS {
                delivery.step(Given::Batch { to, records: 100, batch: () }, &mut effects);
            }
            let sent: Vec<_> = effects
                .drain(..)
                .filter_map(|effect| match effect {
                    Sends::Produce { to, first, .. } => Some((to, first)),
                    Sends::Add(_) | Sends::Arm(_) | Sends::Flushed { .. } | Sends::Failed(_) => None,
                })
                .collect();
            for (to, first) in sent {
                delivery.step(Given::Produced { to, first, answer: Answer::Code(0) }, &mut effects);
            }
            delivery.step(Given::Flush, &mut effects);
            assert_eq!(effects.pop(), Some(Sends::Flushed { records: u64::from(PARTITIONS) * 100 }));
            effects.clear();
        });
    });
    group.finish();
}
