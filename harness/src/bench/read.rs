//! Reads the output as it is committed, and notes when each record came. Runs in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use crate::bench::consumer::{Read, consumer};
use crate::bench::kafka::Topic;
use crate::bench::settings::Query;
use crate::bench::verify::lineage;
use crate::failure::Failure;

/// How long one wait for a record is.
const WAIT: Duration = Duration::from_millis(50);

/// How often it is looked how much came.
const LOOK: Duration = Duration::from_millis(20);

/// An output that came: the input record that it names, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) at: Instant,
}

/// A running reader. Dropping it ends it.
pub(super) struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Vec<Seen>>>,
}

struct Shared {
    seen: AtomicU64,
    /// Whether what comes is kept, and not only counted.
    keeps: AtomicBool,
    stop: AtomicBool,
    /// Of each input partition the highest offset that an output has named; -1 before there is one.
    newest: Vec<AtomicI64>,
}

impl Reader {
    pub(super) fn start(bootstrap: &str, topic: &Topic, query: Query) -> Result<Self, Failure> {
        let consumer = consumer(bootstrap, topic)?;
        let shared = Arc::new(Shared {
            seen: AtomicU64::new(0),
            keeps: AtomicBool::new(true),
            stop: AtomicBool::new(false),
            // Input and output have as many.
            newest: (0..topic.partitions).map(|_| AtomicI64::new(-1)).collect(),
        });
        let own = Arc::clone(&shared);
        let body = move || own.read(&consumer, query);
        let thread = std::thread::Builder::new().name("reader".into()).spawn(body);
        let thread =
            thread.map_err(|error| Failure::environment(format!("can't start a thread: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Outputs that came so far.
    pub(super) fn seen(&self) -> u64 {
        self.shared.seen.load(Ordering::Relaxed)
    }

    /// Waits until so many outputs came, while the next one takes no longer than the limit. The text says that they did not.
    pub(super) async fn wait_for(&self, records: u64, limit: Duration) -> Option<String> {
        let (mut best, mut since) = (self.seen(), Instant::now());
        while best < records {
            tokio::time::sleep(LOOK).await;
            if self.seen() > best {
                (best, since) = (self.seen(), Instant::now());
            } else if since.elapsed() > limit {
                return Some(format!(
                    "{best} of {records} outputs came, then none for {} s",
                    limit.as_secs()
                ));
            }
        }
        None
    }

    /// Whether what comes from now on is kept, or only counted.
    pub(super) fn keep(&self, keeps: bool) {
        self.shared.keeps.store(keeps, Ordering::Relaxed);
    }

    /// Of each input partition the highest offset that an output has named; -1 before there is one.
    pub(super) fn newest(&self) -> Vec<i64> {
        self.shared.newest.iter().map(|offset| offset.load(Ordering::Relaxed)).collect()
    }

    /// Ends the reading, and gives what came.
    pub(super) fn end(mut self) -> Result<Vec<Seen>, Failure> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.take().map(JoinHandle::join);
        joined.and_then(Result::ok).ok_or_else(|| Failure::internal("the reader's thread failed"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn read(&self, consumer: &BaseConsumer, query: Query) -> Vec<Seen> {
        let mut seen = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            // Errors pass or show as missing output; another reading is judged.
            let Some(Ok(message)) = consumer.poll(WAIT) else { continue };
            let at = Instant::now();
            let (partition, offset) = lineage(query, Read::of(&message).value).unwrap_or((-1, -1)); // the judge will say what that is
            if let Some(newest) = usize::try_from(partition).ok().and_then(|place| self.newest.get(place)) {
                newest.fetch_max(offset, Ordering::Relaxed);
            }
            if self.keeps.load(Ordering::Relaxed) {
                seen.push(Seen { partition, offset, at });
            }
            self.seen.fetch_add(1, Ordering::Relaxed);
        }
        seen
    }
}
