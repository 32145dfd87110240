//! Edges of all decision trees in one table: (node, id of the value read there) -> the place of what comes next. Only those that a
//! node does not hold itself (`memo.rs`).
//!
//! Open addressing over atomic words. Many threads read while one writes: it stores the target before the key.

use std::sync::atomic::{AtomicU64, Ordering};

/// The edges.
#[derive(Debug)]
pub(super) struct Edges {
    /// Key and target by turns. A key of 0 is free.
    words: Box<[AtomicU64]>,
    /// 64 minus the binary logarithm of the places.
    shift: u32,
}

impl Edges {
    pub(super) fn new(bits: u32) -> Self {
        let words = (0..2_usize << bits).map(|_| AtomicU64::new(0)).collect();
        Self { words, shift: 64 - bits }
    }

    fn places(&self) -> usize {
        self.words.len() / 2
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        let mixed = (key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> self.shift).expect("a word")
    }

    #[inline]
    pub(super) fn get(&self, node: u32, id: u32) -> Option<u32> {
        let key = u64::from(node) << 32 | u64::from(id);
        let mut place = self.home(key);
        loop {
            match self.words[2 * place].load(Ordering::Acquire) {
                0 => return None,
                found if found == key => {
                    let target = self.words[2 * place + 1].load(Ordering::Relaxed);
                    return Some(u32::try_from(target).expect("a place"));
                }
                _ => place = (place + 1) & (self.places() - 1),
            }
        }
    }

    /// Puts in an edge that is not there. One thread at a time may do so, and only while there is room.
    pub(super) fn insert(&self, node: u32, id: u32, next: u32) {
        self.put(u64::from(node) << 32 | u64::from(id), u64::from(next));
    }

    fn put(&self, key: u64, target: u64) {
        let mut place = self.home(key);
        while self.words[2 * place].load(Ordering::Relaxed) != 0 {
            place = (place + 1) & (self.places() - 1);
        }
        self.words[2 * place + 1].store(target, Ordering::Relaxed);
        self.words[2 * place].store(key, Ordering::Release);
    }

    /// How many edges are put in before it has to grow.
    pub(super) fn room(&self) -> usize {
        self.places() / 4 * 3
    }

    /// Twice the places.
    pub(super) fn grow(&mut self) {
        let grown = Self::new(64 - self.shift + 1);
        for pair in self.words.chunks_exact(2) {
            let key = pair[0].load(Ordering::Relaxed);
            if key != 0 {
                grown.put(key, pair[1].load(Ordering::Relaxed));
            }
        }
        *self = grown;
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.len() * 8
    }
}
