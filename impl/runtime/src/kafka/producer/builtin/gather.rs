//! Records on their way into batches: one open batch per partition, closed when it is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::encode::OpenBatch;
use super::partition;
use super::topics::Topic;
use crate::batch::{ANY_PARTITION, RecordBatch, RecordRef};

/// A partition: the place of its topic among those of the producer, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) topic: usize,
    pub(super) partition: usize,
}

/// Room for the first batch of a partition; it grows if need be.
const FIRST_BYTES: usize = 16 << 10;

/// Where to begin with records without a key: each producer elsewhere, so that short transactions do not all meet.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The topics of a producer with their open batches.
pub(super) struct Gathering {
    pub(super) topics: Vec<Gathered>,
    /// A batch is closed before it gets larger.
    batch_bytes: usize,
    /// Bytes of all open batches.
    bytes: usize,
}

/// A topic with its open batches.
pub(super) struct Gathered {
    pub(super) name: Arc<str>,
    /// Where its partitions are, if that is known.
    pub(super) known: Option<Arc<Topic>>,
    /// By partition.
    open: Vec<Option<OpenBatch>>,
    /// How large the last batch of each partition became.
    usual: Vec<usize>,
    /// Where records without a key go until its batch is closed.
    sticky: usize,
}

impl Gathering {
    pub(super) fn new(batch_bytes: usize) -> Self {
        Self { topics: Vec::new(), batch_bytes, bytes: 0 }
    }

    /// Bytes of all open batches.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place of a topic.
    pub(super) fn topic(&mut self, name: &Arc<str>) -> usize {
        let found = self.topics.iter().position(|topic| topic.name == *name);
        found.unwrap_or_else(|| {
            let sticky = NEXT.fetch_add(1, Ordering::Relaxed);
            let (open, usual) = (Vec::new(), Vec::new());
            self.topics.push(Gathered { name: Arc::clone(name), known: None, open, usual, sticky });
            self.topics.len() - 1
        })
    }

    /// Adds records from this one on to the open batches of a topic; each one that is full goes to `full`.
    ///
    /// # Errors
    /// The position of a record whose partition is not known; those before it were added.
    pub(super) fn add(
        &mut self,
        topic: usize,
        batch: &RecordBatch,
        from: usize,
        now_ms: i64,
        mut full: impl FnMut(Place, OpenBatch),
    ) -> Result<(), usize> {
        let gathered = &mut self.topics[topic];
        let partitions = gathered.known.as_ref().map_or(0, |known| known.partitions());
        gathered.open.resize_with(partitions.max(gathered.open.len()), || None);
        gathered.usual.resize(gathered.open.len(), FIRST_BYTES);
        for (at, record) in batch.iter().enumerate().skip(from) {
            let partition = gathered.partition(&record, partitions).ok_or(at)?;
            let open = &mut gathered.open[partition];
            if let Some(closed) = open.take_if(|open| !open.has_room(&record, self.batch_bytes)) {
                self.bytes -= closed.len();
                gathered.usual[partition] = closed.len();
                gathered.sticky += usize::from(record.key.is_none());
                full(Place { topic, partition }, closed);
            }
            let open = open.get_or_insert_with(|| {
                let open = OpenBatch::with_capacity(gathered.usual[partition]);
                self.bytes += open.len();
                open
            });
            let before = open.len();
            open.push(&record, now_ms);
            self.bytes += open.len() - before;
        }
        Ok(())
    }

    /// Closes all open batches.
    pub(super) fn close(&mut self, mut closed: impl FnMut(Place, OpenBatch)) {
        for (topic, gathered) in self.topics.iter_mut().enumerate() {
            for (partition, open) in gathered.open.iter_mut().enumerate() {
                if let Some(open) = open.take() {
                    gathered.usual[partition] = open.len();
                    closed(Place { topic, partition }, open);
                }
            }
            gathered.sticky += 1;
        }
        self.bytes = 0;
    }
}

impl Gathered {
    /// Where a record goes; `None` if there is no such partition.
    fn partition(&self, record: &RecordRef<'_>, partitions: usize) -> Option<usize> {
        if record.partition != ANY_PARTITION {
            return usize::try_from(record.partition).ok().filter(|partition| *partition < partitions);
        }
        match record.key {
            _ if partitions == 0 => None,
            Some(key) => Some(partition::of_key(key, partitions)),
            None => Some(self.sticky % partitions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathering(batch_bytes: usize) -> Gathering {
        let mut gathering = Gathering::new(batch_bytes);
        assert_eq!(gathering.topic(&Arc::from("out")), 0);
        gathering.topics[0].known = Some(Topic::led_by(&[1, 2, 1]));
        gathering
    }

    fn batch(records: &[(Option<&str>, i32)]) -> RecordBatch {
        let mut batch = RecordBatch::default();
        for (key, partition) in records {
            let (key, value) = (key.map(str::as_bytes), Some(&b"some value"[..]));
            batch.push(RecordRef { key, value, timestamp_ms: 1, partition: *partition, offset: 0 });
        }
        batch
    }

    /// Partitions of what is closed, with how many records.
    fn closed(gathering: &mut Gathering) -> Vec<(usize, u32)> {
        let mut closed = Vec::new();
        gathering.close(|to, open| closed.push((to.partition, open.records())));
        closed
    }

    #[test]
    fn a_key_has_its_partition_and_a_given_one_counts() {
        let mut gathering = gathering(1 << 20);
        let records =
            batch(&[(Some("abc"), ANY_PARTITION), (Some("abc"), 1), (None, 1), (Some("abc"), ANY_PARTITION)]);
        gathering.add(0, &records, 0, 1, |_, _| panic!("there is room")).expect("all have a place");
        let of_abc = partition::of_key(b"abc", 3);
        assert_ne!(of_abc, 1);
        assert_eq!(closed(&mut gathering), [(of_abc, 2), (1, 2)]);
    }

    #[test]
    fn records_without_a_key_stay_together_until_their_batch_is_closed() {
        let mut gathering = gathering(1 << 20);
        let records = batch(&[(None, ANY_PARTITION); 5]);
        let mut went = Vec::new();
        for _ in 0..3 {
            gathering.add(0, &records, 0, 1, |_, _| panic!("there is room")).expect("all have a place");
            went.extend(closed(&mut gathering));
        }
        went.sort_unstable();
        assert_eq!(went, [(0, 5), (1, 5), (2, 5)]);
    }

    #[test]
    fn a_full_batch_is_closed_and_its_bytes_are_no_longer_counted() {
        let mut gathering = gathering(200);
        let mut full = Vec::new();
        let records = batch(&[(Some("k"), 1); 20]);
        gathering
            .add(0, &records, 0, 1, |to, open| full.push((to.partition, open)))
            .expect("all have a place");
        assert!(full.len() > 2 && full.iter().all(|(to, open)| *to == 1 && open.len() <= 200), "{full:?}");
        assert!(gathering.bytes() > 0 && gathering.bytes() <= 200);
        let before: u32 = full.iter().map(|(_, open)| open.records()).sum();
        let rest: u32 = closed(&mut gathering).into_iter().map(|(_, records)| records).sum();
        assert_eq!((before + rest, gathering.bytes()), (20, 0));
    }

    #[test]
    fn a_partition_that_is_not_known_is_told_with_what_came_before_it_gathered() {
        let mut gathering = gathering(1 << 20);
        let records = batch(&[(Some("k"), 2), (Some("k"), 3), (Some("k"), 2)]);
        assert_eq!(gathering.add(0, &records, 0, 1, |_, _| panic!("there is room")), Err(1));
        gathering.topics[0].known = Some(Topic::led_by(&[1, 2, 1, 2]));
        assert_eq!(gathering.add(0, &records, 1, 1, |_, _| panic!("there is room")), Ok(()));
        assert_eq!(closed(&mut gathering), [(2, 2), (3, 1)]);
        let negative = batch(&[(Some("k"), -7)]);
        assert_eq!(gathering.add(0, &negative, 0, 1, |_, _| panic!("there is room")), Err(0));
    }
}
