//! A part of the state that is shared between the states that did not change it, with its fingerprint.
//!
//! There is no way to the value but through reads and edits that are told to `footprint.rs`; tables, which are no part of a step,
//! look past that (`shared`, `print`, `id`).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::footprint::{NOWHERE, read};

/// A shared value. Cloning copies a pointer; an edit copies the value if others still have it.
#[derive(Clone)]
pub(crate) struct Cell<T> {
    value: Arc<T>,
    /// Fingerprint of the value; 0 while it is being edited.
    print: u64,
    /// Id of the value in its table; 0 if it has none, or was edited since.
    id: u32,
    /// Where it was loaded from.
    slot: u8,
}

impl<T: Clone + Hash> Cell<T> {
    pub(crate) fn new(value: T) -> Self {
        let mut cell = Self { value: Arc::new(value), print: 0, id: 0, slot: NOWHERE };
        cell.seal();
        cell
    }

    /// The value, to change it. The cell must be sealed again before its state is compared or hashed.
    pub(crate) fn edit(&mut self) -> &mut T {
        read(self.slot);
        self.print = 0;
        self.id = 0;
        Arc::make_mut(&mut self.value)
    }

    /// Whether it was edited and not sealed.
    pub(crate) fn is_edited(&self) -> bool {
        self.print == 0
    }

    /// Takes the fingerprint of an edited value.
    pub(crate) fn seal(&mut self) {
        if self.is_edited() {
            self.print = fingerprint(&*self.value) | 1;
        }
    }
}

impl<T> Cell<T> {
    /// A value of a table, as a slot of a state.
    pub(crate) fn loaded(value: Arc<T>, print: u64, id: u32, slot: u8) -> Self {
        Self { value, print, id, slot }
    }

    /// Fingerprint of a sealed cell.
    pub(crate) fn print(&self) -> u64 {
        assert!(self.print != 0, "an edited cell is sealed before it is compared");
        self.print
    }

    /// Id of the value, if it has one.
    pub(crate) fn id(&self) -> Option<u32> {
        Some(self.id).filter(|id| *id != 0)
    }

    /// The slot that it was loaded from, if it was.
    pub(crate) fn slot(&self) -> Option<u8> {
        Some(self.slot).filter(|slot| *slot != NOWHERE)
    }

    /// The value, for a table: not a read of a step.
    pub(crate) fn shared(&self) -> &Arc<T> {
        &self.value
    }
}

impl<T> Deref for Cell<T> {
    type Target = T;

    fn deref(&self) -> &T {
        read(self.slot);
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Cell<T> {
    fn eq(&self, other: &Self) -> bool {
        read(self.slot);
        read(other.slot);
        Arc::ptr_eq(&self.value, &other.value) || self.print == other.print && self.value == other.value
    }
}

impl<T: Eq> Eq for Cell<T> {}

impl<T> Hash for Cell<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        read(self.slot);
        hasher.write_u64(self.print());
    }
}

impl<T: fmt::Debug> fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        read(self.slot);
        self.value.fmt(f)
    }
}

/// Fingerprint of a value: equal values have equal ones, on every machine of this word size.
pub(crate) fn fingerprint<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = Folder(0x243f_6a88_85a3_08d3);
    value.hash(&mut hasher);
    hasher.finish()
}

/// Multiplies and folds: the high half of a 128-bit product onto the low one.
struct Folder(u64);

impl Hasher for Folder {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.write_u64(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let rest = words.remainder();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last) ^ 0xa5 << 56);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[expect(clippy::as_conversions, reason = "the halves of a product")]
    fn write_u64(&mut self, number: u64) {
        let product =
            u128::from(self.0.rotate_left(23) ^ number) * 0x9e37_79b9_7f4a_7c15_u128 + u128::from(self.0);
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ 0x1319_8a2e_0370_7344;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(u64::try_from(number).expect("a word"));
    }

    fn finish(&self) -> u64 {
        let mut folded = Self(self.0);
        folded.write_u64(0x8b8b_8b8b_8b8b_8b8b);
        folded.0
    }
}
