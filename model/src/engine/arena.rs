//! Append-only arrays that many threads read while one appends, in chunks that double and never move.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine::index;

/// Items of the first chunk, as a power of two.
const FIRST: u32 = 10;
const CHUNKS: usize = 22;

/// The chunk of a place, and the place in it.
#[inline]
fn locate(place: u32) -> (usize, usize) {
    let shifted = u64::from(place) + (1 << FIRST);
    let chunk = 63 - shifted.leading_zeros();
    (index(chunk - FIRST), usize::try_from(shifted - (1 << chunk)).expect("a word"))
}

/// Items that are set once.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let (chunk, place) = locate(place);
        self.chunks[chunk].get()?[place].get()
    }

    /// Sets an item that is not set.
    pub(super) fn set(&self, place: u32, item: T) {
        let (chunk, place) = locate(place);
        let size = 1_usize << (chunk + index(FIRST));
        let items = self.chunks[chunk].get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        assert!(items[place].set(item).is_ok(), "each item is set once");
    }
}

/// Words. What is written is seen by those who learn of its place from the writer by way of an acquire.
#[derive(Debug)]
pub(super) struct Words {
    chunks: [OnceLock<Box<[AtomicU32]>>; CHUNKS],
}

impl Words {
    pub(super) fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> u32 {
        let (chunk, place) = locate(place);
        self.chunks[chunk].get().expect("it was written")[place].load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, place: u32, word: u32) {
        let (chunk, place) = locate(place);
        let size = 1_usize << (chunk + index(FIRST));
        let words = self.chunks[chunk].get_or_init(|| (0..size).map(|_| AtomicU32::new(0)).collect());
        words[place].store(word, Ordering::Relaxed);
    }
}
