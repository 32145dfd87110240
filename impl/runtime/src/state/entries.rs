//! Entries as they lie in a file of a layer: length of the key, length of the value, key, value; lengths have 32 bits, little-endian.
//!
//! Keys ascend, each occurs once: so layers are merged by reading each of them once, from front to back.

use bytes::Bytes;

/// Bytes in front of a key.
const LENGTHS: usize = 4 + 4;

/// Entries of a state, ascending by key.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// Invariant: whole entries, keys ascend.
    bytes: Bytes,
    count: usize,
    of_layer: usize,
}

/// Bytes that are not entries in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its entries can't be read: {what} at byte {at}")]
pub struct MalformedEntries {
    at: usize,
    what: &'static str,
}

/// An entry, in bytes that hold more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Lengths, key and value.
    pub(super) whole: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Entries {
    /// Reads all entries of a file once, so that nothing is wrong with them later.
    ///
    /// # Errors
    /// They are not entries, or not in order.
    pub fn read(bytes: Bytes) -> Result<Self, MalformedEntries> {
        let (mut at, mut count) = (0, 0);
        let mut before: Option<&[u8]> = None;
        while at < bytes.len() {
            let entry = first(&bytes[at..]).ok_or(MalformedEntries { at, what: "an entry is cut off" })?;
            if before.is_some_and(|before| before >= entry.key) {
                return Err(MalformedEntries { at, what: "a key is not above the one before" });
            }
            before = Some(entry.key);
            at += entry.whole.len();
            count += 1;
        }
        Ok(Self { bytes, count, of_layer: count })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many entries there are in all the parts that were written together: room for so many is enough for all of them.
    #[must_use]
    pub fn of_all_parts(&self) -> usize {
        self.of_layer
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let entry = first(rest)?;
            rest = &rest[entry.whole.len()..];
            Some((entry.key, entry.value))
        })
    }

    pub(super) fn of_layer(self, entries: u64) -> Self {
        Self { of_layer: usize::try_from(entries).unwrap_or(self.count), ..self }
    }

    /// The entry that begins here; none, at the end.
    pub(super) fn at(&self, at: usize) -> Option<Entry<'_>> {
        first(&self.bytes[at..])
    }
}

/// The first entry of these bytes; none, if they don't hold a whole one.
pub(super) fn first(bytes: &[u8]) -> Option<Entry<'_>> {
    let (key, rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_first_chunk::<4>()?;
    let key = usize::try_from(u32::from_le_bytes(*key)).ok()?;
    let value = usize::try_from(u32::from_le_bytes(*value)).ok()?;
    let (key, rest) = rest.split_at_checked(key)?;
    let (value, _) = rest.split_at_checked(value)?;
    Some(Entry { whole: &bytes[..LENGTHS + key.len() + value.len()], key, value })
}

/// Appends an entry, whose value is what `encode` appends.
///
/// # Panics
/// If the key or the value has 4 GiB, or `encode` takes away what was there before.
pub(super) fn append(bytes: &mut Vec<u8>, key: &[u8], encode: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend_from_slice(&short(key.len()));
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(key);
    let value = bytes.len();
    encode(bytes);
    let length = bytes.len().checked_sub(value).expect("a value is appended");
    bytes[start + 4..start + LENGTHS].copy_from_slice(&short(length));
}

fn short(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a key or a value is below 4 GiB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(all: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, value) in all {
            append(&mut bytes, key.as_bytes(), |out| out.extend_from_slice(value.as_bytes()));
        }
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let all = [("", ""), ("a", "1"), ("a\0", ""), ("b", "22")];
        let read = Entries::read(entries(&all).into()).unwrap();
        let all = all.map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        assert!(read.iter().eq(all));
        assert_eq!((read.len(), read.of_all_parts()), (4, 4));
    }

    #[test]
    fn entries_that_are_cut_off_are_refused() {
        let whole = entries(&[("a", "1"), ("b", "22")]);
        let ends = [0, entries(&[("a", "1")]).len(), whole.len()];
        for length in 0..=whole.len() {
            let read = Entries::read(whole[..length].to_vec().into());
            assert_eq!(read.is_ok(), ends.contains(&length), "cut at {length}: {read:?}");
        }
    }

    #[test]
    fn keys_out_of_order_are_refused_and_so_is_one_that_occurs_twice() {
        for wrong in [[("b", "1"), ("a", "2")], [("a", "1"), ("a", "2")]] {
            let error = Entries::read(entries(&wrong).into()).unwrap_err().to_string();
            assert_eq!(error, "its entries can't be read: a key is not above the one before at byte 10");
        }
    }

    #[test]
    fn lengths_beyond_all_bytes_are_refused() {
        for lengths in [[u8::MAX; 8], [0, 0, 0, 0, 255, 255, 255, 255], [255, 255, 255, 255, 0, 0, 0, 0]] {
            assert!(Entries::read(lengths.to_vec().into()).is_err());
        }
    }
}
