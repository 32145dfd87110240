//! Reads the output as it is committed, and notes when each record came. Runs in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use crate::bench::consumer::{Read, consumer};
use crate::bench::settings::Query;
use crate::bench::verify::lineage;
use crate::failure::Failure;

/// How long one wait for a record is.
const WAIT: Duration = Duration::from_millis(50);

/// An output that came: the input record that it names, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) at: Instant,
}

/// A running reader. Dropping it ends it.
pub(super) struct Reader {
    seen: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Seen>>>,
}

impl Reader {
    pub(super) fn start(bootstrap: &str, topic: &str, query: Query) -> Result<Self, Failure> {
        let consumer = consumer(bootstrap, topic)?;
        let (seen, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over) = (Arc::clone(&seen), Arc::clone(&stop));
        let body = move || read(&consumer, query, &count, &over);
        let thread = std::thread::Builder::new().name("reader".into()).spawn(body);
        let thread =
            thread.map_err(|error| Failure::environment(format!("can't start a thread: {error}")))?;
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Outputs that came so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Ends the reading, and gives what came.
    pub(super) fn end(mut self) -> Result<Vec<Seen>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.take().map(JoinHandle::join);
        joined.and_then(Result::ok).ok_or_else(|| Failure::internal("the reader's thread failed"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed.
            drop(thread.join());
        }
    }
}

fn read(consumer: &BaseConsumer, query: Query, count: &AtomicU64, over: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !over.load(Ordering::Relaxed) {
        // Errors pass or show as missing output; another reading is judged.
        if let Some(Ok(message)) = consumer.poll(WAIT) {
            let at = Instant::now();
            let (partition, offset) = lineage(query, Read::of(&message).value).unwrap_or((-1, -1)); // the judge will say what that is
            seen.push(Seen { partition, offset, at });
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    seen
}
