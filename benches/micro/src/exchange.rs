//! The exchange: records partitioned by key and passed to the gates of operators; per record.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput};
use truecut_core::{Element, Exchange};
use truecut_runtime::credit::{CREDITS, CreditReturn, Credits};
use truecut_runtime::exchange::{ElementInbox, OutputChannel, Outputs, Stamped, Target};
use truecut_runtime::inbox::{Inbox, Received};
use truecut_runtime::records::Records;
use truecut_runtime::trace::{RoleId, Stamp};

use crate::input;

/// As many as a source is handed at a time.
const RECORDS: u16 = 4096;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    group.throughput(Throughput::Elements(RECORDS.into()));
    let records = Records::new(input::records(RECORDS.into(), 10_000));
    for channels in [2, 8] {
        let (mut outputs, inboxes) = connected(Exchange::Key, channels);
        group.bench_function(BenchmarkId::new("by_key_on_one_thread", channels), |bencher| {
            bencher.iter(|| {
                outputs.records(&records).and_then(|()| outputs.flush()).expect("it is open");
                let passed: usize = inboxes.iter().map(|inbox| take_all(inbox)).sum();
                assert_eq!(passed, usize::from(RECORDS));
            });
        });
    }
    for (name, exchange, channels) in
        [("whole_to_a_thread", Exchange::Rebalance, 1), ("by_key_to_threads", Exchange::Key, 2)]
    {
        group.bench_function(BenchmarkId::new(name, channels), |bencher| {
            bencher.iter_custom(|times| {
                let (mut outputs, inboxes) = connected(exchange, channels);
                let began = Instant::now();
                thread::scope(|scope| {
                    for inbox in &inboxes {
                        scope.spawn(|| take_until_end(inbox));
                    }
                    for _ in 0..times {
                        outputs.records(&records).expect("it is open");
                    }
                    let stamp = Stamp { role: RoleId::Coordinator, instance: 0, sequence: 1 };
                    outputs.broadcast(&Element::End, stamp).expect("it is open");
                });
                began.elapsed()
            });
        });
    }
    group.finish();
}

/// Channels of a source, each to another operator of the same process.
fn connected(exchange: Exchange, channels: u16) -> (Outputs, Vec<Arc<ElementInbox>>) {
    let inboxes: Vec<Arc<ElementInbox>> = (0..channels).map(|_| Arc::new(Inbox::new(1))).collect();
    let outputs = inboxes.iter().map(|inbox| {
        let credits = Arc::new(Credits::new());
        inbox.connect(0, CreditReturn::Local(Arc::clone(&credits)));
        credits.give(CREDITS);
        OutputChannel { credits, target: Target::Local(Arc::clone(inbox), 0) }
    });
    (Outputs::new(exchange, outputs.collect()), inboxes)
}

fn records_of(received: &Received<truecut_runtime::task::Stepped, Stamped>) -> Option<usize> {
    match received {
        Received::Item(_, Stamped { element: Element::Batch(records), .. }) => Some(records.batch().len()),
        Received::Item(..) | Received::Control(..) | Received::Idle | Received::Closed => None,
    }
}

/// How many records are there.
fn take_all(inbox: &ElementInbox) -> usize {
    std::iter::from_fn(|| records_of(&inbox.try_take())).sum()
}

fn take_until_end(inbox: &ElementInbox) {
    while let Some(records) = records_of(&inbox.take()) {
        black_box(records);
    }
}
