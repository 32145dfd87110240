//! The input and the output as flat arrays: 16 bytes per input, 48 per output, each key's text once.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::record::Lineage;
use super::{BadRead, Coordinates};

/// Stands for a key's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyId(u32);

/// Stands for an input or output record: its position in its array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(u32);

impl Number {
    fn new(position: usize) -> Self {
        Number(u32::try_from(position).expect("the oracle takes at most 4 billion records"))
    }

    pub(super) fn position(self) -> usize {
        usize::try_from(self.0).expect("a usize has at least 32 bits")
    }
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    ids: HashMap<Arc<[u8]>, KeyId>,
    texts: Vec<Arc<[u8]>>,
}

impl Keys {
    fn intern(&mut self, key: &[u8]) -> KeyId {
        if let Some(&id) = self.ids.get(key) {
            return id;
        }
        let id = KeyId(Number::new(self.texts.len()).0);
        let text: Arc<[u8]> = key.into();
        self.texts.push(Arc::clone(&text));
        self.ids.insert(text, id);
        id
    }

    pub(super) fn text(&self, key: KeyId) -> String {
        String::from_utf8_lossy(&self.texts[Number(key.0).position()]).into_owned()
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) offset: i64,
    pub(super) key: KeyId,
    /// CRC-32C of the value.
    pub(super) crc: u32,
}

/// The input while it is still coming in.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) keys: Keys,
    /// Invariant: within a partition offsets strictly ascend (they need not be dense).
    partitions: BTreeMap<i32, Vec<Input>>,
    taken: u64,
}

impl Inputs {
    pub(super) fn push(&mut self, partition: i32, offset: i64, key: &[u8], crc: u32) -> Result<(), BadRead> {
        let records = self.partitions.entry(partition).or_default();
        if let Some(last) = records.last().filter(|last| last.offset >= offset) {
            return Err(BadRead { side: "input", partition, offset, after: last.offset });
        }
        let key = self.keys.intern(key);
        records.push(Input { offset, key, crc });
        self.taken += 1;
        Ok(())
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub(super) fn close(self) -> InputLog {
        let mut records = Vec::with_capacity(self.partitions.values().map(Vec::len).sum());
        let mut partitions = BTreeMap::new();
        for (partition, mut of_partition) in self.partitions {
            let start = records.len();
            records.append(&mut of_partition);
            partitions.insert(partition, start..records.len());
        }
        InputLog { keys: self.keys, records, partitions }
    }
}

/// The whole input, partition after partition.
#[derive(Debug)]
pub(super) struct InputLog {
    pub(super) keys: Keys,
    pub(super) records: Vec<Input>,
    partitions: BTreeMap<i32, Range<usize>>,
}

impl InputLog {
    pub(super) fn get(&self, number: Number) -> &Input {
        &self.records[number.position()]
    }

    /// The record at these coordinates.
    pub(super) fn find(&self, at: Coordinates) -> Option<Number> {
        let range = self.partitions.get(&at.partition)?.clone();
        let records = &self.records[range.clone()];
        let first = records.first()?.offset;
        // Offsets are dense unless the feeder used transactions: the first guess is nearly always right.
        let guess = at.offset.checked_sub(first).and_then(|distance| usize::try_from(distance).ok())?;
        let position = match records.get(guess) {
            Some(record) if record.offset == at.offset => guess,
            Some(_) | None => records.binary_search_by_key(&at.offset, |record| record.offset).ok()?,
        };
        Some(Number::new(range.start + position))
    }

    /// The first record of a partition with an offset from `from` up to, but not with, `to`.
    pub(super) fn first_between(&self, partition: i32, from: i64, to: i64) -> Option<i64> {
        let records = &self.records[self.partitions.get(&partition)?.clone()];
        let at = records.partition_point(|record| record.offset < from);
        records.get(at).map(|record| record.offset).filter(|offset| *offset < to)
    }

    /// Each partition with its records, in order of offset.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (i32, impl DoubleEndedIterator<Item = Number>)> {
        self.partitions.iter().map(|(&partition, range)| (partition, range.clone().map(Number::new)))
    }

    pub(super) fn taken(&self) -> u64 {
        count(self.records.len())
    }

    pub(super) fn distinct_keys(&self) -> u64 {
        let mut keys: Vec<KeyId> = self.records.iter().map(|record| record.key).collect();
        keys.sort_unstable();
        keys.dedup();
        count(keys.len())
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) at: Coordinates,
    pub(super) input: Coordinates,
    pub(super) count: u64,
    pub(super) key: KeyId,
    pub(super) digest: u32,
}

/// An output record that nobody can read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) at: Coordinates,
    pub(super) why: String,
}

/// The output in the order it was handed in; within a partition that is the log's order.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub(super) records: Vec<Output>,
    /// The first few, with the reason; `unreadable_total` counts them all.
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) unreadable_total: u64,
    last: BTreeMap<i32, i64>,
}

impl Outputs {
    pub(super) fn push(
        &mut self,
        at: Coordinates,
        parsed: Result<Lineage<'_>, String>,
        keys: &mut Keys,
        unreadable_max: usize,
    ) -> Result<(), BadRead> {
        let Coordinates { partition, offset } = at;
        if let Some(after) = self.last.insert(partition, offset).filter(|&last| last >= offset) {
            return Err(BadRead { side: "output", partition, offset, after });
        }
        match parsed {
            Ok(Lineage { key, count, digest, partition, offset }) => {
                let (key, input) = (keys.intern(key.as_bytes()), Coordinates { partition, offset });
                self.records.push(Output { at, input, count, key, digest });
            }
            Err(why) => {
                self.unreadable_total += 1;
                if self.unreadable.len() < unreadable_max {
                    self.unreadable.push(Unreadable { at, why });
                }
            }
        }
        Ok(())
    }

    pub(super) fn taken(&self) -> u64 {
        count(self.records.len()) + self.unreadable_total
    }
}

/// The outputs that stand for an input record, each with that record. Phantoms are not among them.
#[derive(Debug)]
pub(super) struct Matched<'a> {
    pub(super) inputs: &'a InputLog,
    /// In log order within each output partition.
    pub(super) pairs: Vec<Pair<'a>>,
}

/// One output with the input that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) output: &'a Output,
    pub(super) input: Number,
}

impl Matched<'_> {
    pub(super) fn key_text(&self, output: &Output) -> String {
        self.inputs.keys.text(output.key)
    }
}

/// A length as JSON has it.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).expect("a usize has at most 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> Coordinates {
        Coordinates { partition, offset }
    }

    #[test]
    fn a_record_is_found_by_its_coordinates_also_where_offsets_have_holes() {
        let mut inputs = Inputs::default();
        for offset in [3, 4, 7, 8, 20] {
            inputs.push(1, offset, b"k", 0).unwrap();
        }
        inputs.push(0, 7, b"k", 0).unwrap();
        let log = inputs.close();
        assert_eq!(log.find(at(0, 7)), Some(Number(0)));
        assert_eq!([3, 4, 7, 8, 20].map(|o| log.find(at(1, o)).unwrap().0), [1, 2, 3, 4, 5]);
        for missing in [at(1, 0), at(1, 5), at(1, 9), at(1, 21), at(1, -1), at(2, 3), at(0, i64::MIN)] {
            assert_eq!(log.find(missing), None, "{missing:?}");
        }
    }

    #[test]
    fn a_partition_read_twice_is_the_readers_fault() {
        let mut inputs = Inputs::default();
        inputs.push(0, 5, b"k", 0).unwrap();
        let again = inputs.push(0, 5, b"k", 0).unwrap_err();
        assert_eq!(
            again.to_string(),
            "input partition 0 gave offset 5 after offset 5; read each partition once, from its start, in order"
        );
        assert!(inputs.push(1, 5, b"k", 0).is_ok());
        let mut outputs = Outputs::default();
        let mut push = |offset| outputs.push(at(0, offset), Err("unreadable".into()), &mut inputs.keys, 1);
        assert_eq!((push(5).is_ok(), push(6).is_ok()), (true, true));
        assert!(
            push(6).unwrap_err().to_string().starts_with("output partition 0 gave offset 6 after offset 6")
        );
    }

    #[test]
    fn a_record_stays_small() {
        assert_eq!((size_of::<Input>(), size_of::<Output>()), (16, 48));
    }
}
