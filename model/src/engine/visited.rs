//! Fingerprints of the states that were seen: open addressing, 8 bytes a place, in shards that grow one by one.
//!
//! Each shard holds a range of fingerprints and keeps them nearly in order, so that it grows in one pass. Several threads put in
//! at once, each into shards of its own, and each in the order of the candidates: which of two equal ones is the first does
//! not depend on the number of threads.

use std::hint::black_box;
use std::sync::atomic::Ordering;

use crate::engine::piece::{Candidate, Expanded};

/// Shards, as a power of two.
const SHARDS: u32 = 6;
/// Places of an empty shard.
const FIRST: usize = 1 << 10;
/// Look-ups whose memory is asked for together.
const TOGETHER: usize = 32;

#[derive(Debug)]
struct Shard {
    /// 0 is free.
    places: Vec<u64>,
    used: usize,
}

/// The fingerprints.
#[derive(Debug)]
pub(crate) struct Visited {
    shards: Vec<Shard>,
}

impl Visited {
    pub(crate) fn new() -> Self {
        let shard = || Shard { places: vec![0; FIRST], used: 0 };
        Self { shards: (0..1 << SHARDS).map(|_| shard()).collect() }
    }

    /// Puts in a fingerprint; says whether it is new.
    pub(crate) fn insert(&mut self, print: u64) -> bool {
        self.shards[shard_of(print)].insert(print)
    }

    /// Puts in the fingerprints of candidates, in order, and marks those that are new.
    pub(crate) fn insert_all(&mut self, expanded: &[Expanded], threads: usize) {
        let share = self.shards.len().div_ceil(threads.max(1));
        if share == self.shards.len() {
            return insert_into(&mut self.shards, 0, expanded);
        }
        std::thread::scope(|scope| {
            for (part, shards) in self.shards.chunks_mut(share).enumerate() {
                scope.spawn(move || insert_into(shards, part * share, expanded));
            }
        });
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.places.capacity() * 8).sum()
    }
}

fn shard_of(print: u64) -> usize {
    usize::try_from(print >> (64 - SHARDS)).expect("a word")
}

/// Puts in what belongs to these shards, the first of which has this number.
fn insert_into(shards: &mut [Shard], first: usize, expanded: &[Expanded]) {
    let numbers = first..first + shards.len();
    let mut own: Vec<(&Candidate, usize)> = Vec::with_capacity(TOGETHER);
    let mut put = |own: &mut Vec<(&Candidate, usize)>| {
        // The processor fetches these from memory side by side.
        let fetched =
            own.iter().fold(0, |sum, (candidate, shard)| sum ^ shards[*shard].at_home(candidate.print));
        black_box(fetched);
        for (candidate, shard) in own.drain(..) {
            if shards[shard].insert(candidate.print) {
                candidate.is_new.store(true, Ordering::Relaxed);
            }
        }
    };
    for candidate in expanded.iter().flat_map(|expanded| &expanded.candidates) {
        let shard = shard_of(candidate.print);
        if numbers.contains(&shard) {
            own.push((candidate, shard - first));
            if own.len() == TOGETHER {
                put(&mut own);
            }
        }
    }
    put(&mut own);
}

impl Shard {
    #[inline]
    fn home(&self, print: u64) -> usize {
        let within = u128::from(print << SHARDS);
        let places = u128::try_from(self.places.len()).expect("a word");
        usize::try_from((within * places) >> 64).expect("a place")
    }

    fn at_home(&self, print: u64) -> u64 {
        self.places[self.home(print)]
    }

    fn insert(&mut self, print: u64) -> bool {
        if !self.put(print.max(1)) {
            return false;
        }
        self.used += 1;
        if self.used * 5 > self.places.len() * 4 {
            let places = vec![0; self.places.len() / 2 * 3];
            for print in std::mem::replace(&mut self.places, places) {
                if print != 0 {
                    self.put(print);
                }
            }
        }
        true
    }

    fn put(&mut self, print: u64) -> bool {
        let mut place = self.home(print);
        loop {
            match self.places[place] {
                0 => {
                    self.places[place] = print;
                    return true;
                }
                found if found == print => return false,
                _ => place = if place + 1 == self.places.len() { 0 } else { place + 1 },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fingerprint_is_new_once_while_shards_grow() {
        let mut visited = Visited::new();
        let prints = || (1..200_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert!(prints().all(|print| visited.insert(print)));
        assert!(!prints().any(|print| visited.insert(print)));
        assert!(visited.bytes() <= 200_000 * 16, "{} bytes", visited.bytes());
    }

    #[test]
    fn fingerprints_that_begin_alike_go_round_the_end_of_a_shard() {
        let mut visited = Visited::new();
        let prints = || (0..500_u64).map(|number| u64::MAX - number);
        assert!(prints().all(|print| visited.insert(print)));
        assert!(!prints().any(|print| visited.insert(print)));
    }
}
