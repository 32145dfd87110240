//! Changes as a function captures them, on the stream's thread, and how they are put in order afterwards.

use std::cmp::Ordering;

use super::entries::{self, Entries, Entry};

/// Entries that changed since the last capture.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Invariant: whole entries, in the order in which they were captured.
    bytes: Vec<u8>,
    count: usize,
}

impl Changes {
    /// Adds an entry, whose value is what `encode` appends. It replaces one of the same key that was added before.
    ///
    /// # Panics
    /// If the key or the value has 4 GiB, or `encode` takes away what was there before.
    pub fn put(&mut self, key: &[u8], encode: impl FnOnce(&mut Vec<u8>)) {
        entries::append(&mut self.bytes, key, encode);
        self.count += 1;
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// These, and later ones.
    pub(super) fn followed_by(mut self, later: Self) -> Self {
        if self.is_empty() {
            return later;
        }
        self.bytes.extend_from_slice(&later.bytes);
        Self { bytes: self.bytes, count: self.count + later.count }
    }

    /// Puts them in order; of each key, the latest.
    pub(super) fn into_sorted(self) -> Sorted {
        let mut order = Vec::with_capacity(self.count);
        let mut start = 0;
        while let Some(entry) = entries::first(&self.bytes[start..]) {
            order.push(Slot { prefix: prefix(entry.key), start });
            start += entry.whole.len();
        }
        assert!(start == self.bytes.len(), "whole entries were captured");
        let key = |slot: &Slot| entry(&self.bytes, *slot).key;
        order.sort_unstable_by(|a, b| by_key(a, b, key).then(a.start.cmp(&b.start)));
        order.dedup_by(|later, earlier| {
            let is_same = by_key(later, earlier, key) == Ordering::Equal;
            if is_same {
                *earlier = *later;
            }
            is_same
        });
        let length: usize = order.iter().map(|slot| entry(&self.bytes, *slot).whole.len()).sum();
        Sorted { bytes: self.bytes, order, length }
    }
}

/// Changes in order, each key once.
#[derive(Clone, Debug)]
pub(super) struct Sorted {
    bytes: Vec<u8>,
    /// Where each entry begins.
    order: Vec<Slot>,
    /// Bytes of all entries.
    length: usize,
}

/// Where an entry begins, and how its key does: most comparisons need to look no further.
#[derive(Clone, Copy, Debug)]
struct Slot {
    prefix: u64,
    start: usize,
}

impl Sorted {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Bytes of all entries.
    pub(super) fn byte_len(&self) -> usize {
        self.length
    }

    /// The entry at this place; none, at the end.
    pub(super) fn get(&self, place: usize) -> Option<Entry<'_>> {
        self.order.get(place).map(|slot| entry(&self.bytes, *slot))
    }

    /// The changes that these are. What was replaced is gone.
    pub(super) fn into_changes(self) -> Changes {
        let count = self.order.len();
        let bytes = if self.length == self.bytes.len() { self.bytes } else { self.copied() };
        Changes { bytes, count }
    }

    /// As they lie in a file.
    pub(super) fn to_entries(&self) -> Entries {
        Entries::read(self.copied().into()).expect("they are in order")
    }

    fn copied(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        self.order.iter().for_each(|slot| bytes.extend_from_slice(entry(&self.bytes, *slot).whole));
        bytes
    }
}

fn entry(bytes: &[u8], slot: Slot) -> Entry<'_> {
    entries::first(&bytes[slot.start..]).expect("a whole entry begins there")
}

/// The first bytes of a key, as a number of the same order; keys with equal ones may differ behind them, or in length.
fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = key.len().min(bytes.len());
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}

fn by_key<'a>(a: &Slot, b: &Slot, key: impl Fn(&Slot) -> &'a [u8]) -> Ordering {
    a.prefix.cmp(&b.prefix).then_with(|| key(a).cmp(key(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(all: &[(&str, &str)]) -> Changes {
        let mut changes = Changes::default();
        for (key, value) in all {
            changes.put(key.as_bytes(), |out| out.extend_from_slice(value.as_bytes()));
        }
        changes
    }

    fn shown(sorted: &Sorted) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        sorted.to_entries().iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    #[test]
    fn keys_are_ordered_by_all_of_their_bytes() {
        let keys = ["", "\0", "\0\0", "12345678", "12345678\0", "123456789", "12345679", "a", "a\0", "b"];
        let backwards: Vec<(&str, &str)> = keys.iter().rev().map(|key| (*key, "v")).collect();
        let sorted = shown(&changes(&backwards).into_sorted());
        assert!(sorted.iter().map(|(key, _)| key.as_str()).eq(keys));
    }

    #[test]
    fn the_latest_of_a_key_counts_and_the_others_are_gone() {
        let all = changes(&[("b", "1"), ("a", "1"), ("b", "2"), ("b", "3")]);
        let sorted = all.followed_by(changes(&[("a", "22"), ("c", "")])).into_sorted();
        let latest = [("a", "22"), ("b", "3"), ("c", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(shown(&sorted), latest);
        let length = sorted.byte_len();
        let again = sorted.into_changes();
        assert_eq!(again.bytes.len(), length);
        assert_eq!(shown(&again.into_sorted()), latest);
    }
}
