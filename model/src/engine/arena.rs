//! Append-only arrays that many threads read while one appends, in chunks that never move.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::index;

/// Items of the first chunk of a slab, as a power of two.
const FIRST: u32 = 10;
const CHUNKS: usize = 22;

/// Items that are set once, in chunks that double.
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

/// The chunk of a place, and the place in it.
fn locate(place: u32) -> (usize, usize) {
    let shifted = u64::from(place) + (1 << FIRST);
    let chunk = 63 - shifted.leading_zeros();
    (index(chunk - FIRST), usize::try_from(shifted - (1 << chunk)).expect("a word"))
}

/// Words of a chunk, as a power of two: 4 MiB.
const WORDS: u32 = 19;
const SIZE: u32 = 1 << WORDS;
/// Chunks: 2^32 words.
const MOST: usize = 1 << (32 - WORDS);

/// Words in runs that lie side by side. What is written is seen by those who learn of its place from the writer by way of an
/// acquire.
#[derive(Debug)]
pub(super) struct Words {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

impl Words {
    pub(super) fn new() -> Self {
        Self { chunks: (0..MOST).map(|_| OnceLock::new()).collect() }
    }

    /// The words from a place on, to the end of its chunk.
    #[inline]
    pub(super) fn from(&self, place: u32) -> &[AtomicU64] {
        &self.chunks[index(place >> WORDS)].get().expect("it was written")[index(place & (SIZE - 1))..]
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> u64 {
        self.from(place)[0].load(Ordering::Relaxed)
    }

    /// Writes a run into one chunk, where free words begin, and gives its place. Only one thread does so at a time.
    pub(super) fn write(&self, free: &mut u32, run: &[u64]) -> u32 {
        let len = u32::try_from(run.len()).ok().filter(|len| *len < SIZE).expect("a run is short");
        if *free >> WORDS != (*free + len) >> WORDS {
            *free = ((*free >> WORDS) + 1) << WORDS;
        }
        let place = *free;
        let chunk = &self.chunks[index(place >> WORDS)];
        let words = chunk.get_or_init(|| (0..SIZE).map(|_| AtomicU64::new(0)).collect());
        for (word, value) in words[index(place & (SIZE - 1))..].iter().zip(run) {
            word.store(*value, Ordering::Relaxed);
        }
        *free = place.checked_add(len).expect("what is remembered takes less than 32 GiB");
        place
    }
}
